"""Saves a session's variables, and brings them back: text that runs in the kernel.

The server reads it as text (`snapshots`) and never imports it. It stands alone, on the standard
library, in Python 3.8, in a namespace that is dropped afterwards: nothing here touches the
session's, except where `load` puts the variables.

A record is a run of pickles by one Pickler: what two variables share is in the file once and is
shared again when they are loaded by one Unpickler.
"""

from __future__ import annotations

import asyncio
import contextlib
import copyreg
import hashlib
import importlib
import io
import os
import pickle
import pickletools
import platform
import re
import socket
import subprocess
import sys
import threading
import time
import types
from typing import Any

PROTOCOL = 5

MISSING = object()

PIECE = 1 << 20

MAX_WHY = 200

CUTTING = 1.0
"""Seconds that are spent on taking failed variables out of a Pickler's memo; then a new one."""

NOT_THE_USERS = re.compile(r"_+|_i+|_i?\d+|_[iod]h|__\w*__|_exit_code|In|Out|exit|quit|get_ipython")
"""What IPython and Python put into the namespace."""

NEVER = (
    ((types.GeneratorType,), "a generator"),
    ((types.AsyncGeneratorType,), "a generator"),
    ((types.CoroutineType,), "a coroutine"),
    ((type(threading.Lock()), type(threading.RLock())), "a lock"),
    ((socket.socket,), "a socket"),
    ((threading.Thread,), "a thread"),
    ((subprocess.Popen,), "a process"),
    ((asyncio.Future,), "a task"),
    ((types.FrameType, types.TracebackType), "a stack frame"),
)
"""Said before pickle says it in its own words, or does harm: cloudpickle reads open files."""

ATTRIBUTES = "attributes of "
"""What a record names the state of a function or class that is itself defined again."""

DATA = (
    *(int, float, complex, str, bytes, bool, type(None)),
    *(tuple, list, dict, set, frozenset),
)
"""Types of class attributes that are state, and not part of what a class is."""

NAMELESS = {"datetime", "decimal", "uuid"}
"""Modules whose values come by the million and are never pickled as the name of something."""

ATOMS = (str, bytes, int, float, complex, bool, type, types.FunctionType, types.BuiltinFunctionType)
"""What a load that failed half-way has left whole."""


def about() -> dict[str, str]:
    """Which Python this is: pickles are only for the same."""
    return {
        "python": "{}.{}".format(*sys.version_info),
        "implementation": platform.python_implementation(),
    }


def save(path: str, definitions: list[str], max_bytes: int, seconds: float) -> dict[str, Any]:
    """Write the session's variables to a new file.

    Functions and classes that ``definitions`` names are written by reference, if they are what
    those would define. What cannot be saved is named, and the rest is saved.
    """
    shell = _shell()
    found = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(found, "wb", PIECE) as file:
            saving = _Saving(shell, set(definitions), _Sink(file, max_bytes, _deadline(seconds)))
            saving.run()
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # the server may have given it up
            os.unlink(path)  # noqa: PTH108
        raise
    return {
        **about(),
        "records": saving.records,
        "modules": saving.modules,
        "definitions": sorted(saving.alive),
        "skipped": saving.skipped,
    }


class _OutOfTime(Exception):
    def __init__(self) -> None:
        super().__init__("there was no time left for it")


class _Sink:
    """The file as a Pickler sees it: it has an end in bytes and in time, and can be cut back."""

    def __init__(self, file: Any, max_bytes: int, deadline: float) -> None:
        self.position = 0
        self.why = ""
        """Why the last write was refused."""
        self.broken: OSError | None = None
        self._file = file
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._digest = hashlib.sha256()

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def write(self, data: Any) -> int:
        view = data.raw() if isinstance(data, pickle.PickleBuffer) else memoryview(data)
        size = view.nbytes
        if self.position + size > self._max_bytes:
            self.why = f"it is larger than what the limit of {self._max_bytes} bytes leaves"
            raise ValueError(self.why)
        if self.is_late:
            late = _OutOfTime()
            self.why = str(late)
            raise late
        try:
            self._file.write(view)
        except OSError as err:
            self.broken = err
            raise
        self._digest.update(view)
        self.position += size
        return size

    def mark(self) -> tuple[int, Any]:
        """A place to cut back to."""
        self.why = ""
        return self.position, self._digest.copy()

    def cut(self, mark: tuple[int, Any]) -> None:
        self.position, self._digest = mark
        self._file.seek(self.position)
        self._file.truncate()

    def begin(self) -> None:
        """What follows has a digest of its own."""
        self._digest = hashlib.sha256()

    def digest(self) -> str:
        return str(self._digest.hexdigest())


class _Saving:
    """One save of all variables."""

    def __init__(self, shell: Any, definitions: set[str], sink: _Sink) -> None:
        self.records: list[dict[str, Any]] = []
        self.modules: dict[str, str] = {}
        self.alive: set[str] = set()
        self.skipped: list[dict[str, str]] = []
        self._namespace = shell.user_ns
        self._hidden = shell.user_ns_hidden
        self._definitions = definitions
        self._sink = sink
        self._references = _references(self._namespace, definitions)
        self._make = _pickler(self._namespace, self._references, type(shell))
        self._cutting = 0.0
        self._start = 0
        self._names: list[str] = []
        self._pickler = self._make(sink)

    def run(self) -> None:
        for name, value in list(self._namespace.items()):
            is_theirs = self._hidden.get(name, MISSING) is value
            if type(name) is not str or NOT_THE_USERS.fullmatch(name) or is_theirs:
                continue
            module = _module_name(value)
            if module:
                self.modules[name] = module
                self._is_alive(name)
            elif self._references.get(name, MISSING) is value:
                self._is_alive(name)
                attributes = _attributes(value)
                if attributes:
                    self._dump(ATTRIBUTES + name, attributes)
            elif name in self._definitions and _is_imported(name, value):
                self.alive.add(name)
            else:
                self._dump(name, value)
        self._end()
        # Their types and definitions are the user's, and a class is freed late.
        self._references.clear()
        self._make.met.clear()

    def _is_alive(self, name: str) -> None:
        if name in self._definitions:
            self.alive.add(name)

    def _dump(self, name: str, value: Any) -> None:
        if self._sink.is_late:
            self._skip(name, value, str(_OutOfTime()))
            return
        mark = self._sink.mark()
        entry = [name, value]  # a new object: its place in the memo is where this dump began
        try:
            self._pickler.dump(entry)
        except KeyboardInterrupt:
            raise  # somebody wants the kernel
        except BaseException as err:  # noqa: BLE001  # code of users, which may raise anything
            if self._sink.broken is not None:
                raise self._sink.broken from None
            why = self._sink.why or _why(err)
        else:
            self._names.append(name)
            self._is_alive(name)
            return
        self._sink.cut(mark)
        self._forget(entry)
        self._skip(name, value, why)

    def _forget(self, entry: list[Any]) -> None:
        """The Pickler must not refer to what was cut off; what it knew before it may."""
        if self._cutting > CUTTING:
            self._end()
            return
        started = time.monotonic()
        memo = self._pickler.memo.copy()
        if id(entry) in memo:
            first = memo[id(entry)][0]
            self._pickler.memo = {k: known for k, known in memo.items() if known[0] < first}
        self._cutting += time.monotonic() - started

    def _end(self) -> None:
        """End the record, and begin another one."""
        if self._names:
            self.records.append(
                {
                    "offset": self._start,
                    "size": self._sink.position - self._start,
                    "sha256": self._sink.digest(),
                    "names": self._names,
                }
            )
        self._sink.begin()
        self._start = self._sink.position
        self._names = []
        self._pickler = self._make(self._sink)
        self._cutting = 0.0

    def _skip(self, name: str, value: Any, why: str) -> None:
        self.skipped.append({"name": name, "type": type(value).__name__, "why": why})


def _references(namespace: dict[str, Any], definitions: set[str]) -> dict[str, Any]:
    """The functions and classes that are just what their definition makes of their name."""
    if getattr(sys.modules.get("__main__"), "__dict__", None) is not namespace:
        return {}  # pickle would look for them elsewhere
    found = {}
    for name in definitions:
        value = namespace.get(name)
        if (
            (type(value) is types.FunctionType or issubclass(type(value), type))
            and _text_of(value, "__module__") == "__main__"
            and _text_of(value, "__qualname__") == name
        ):
            found[name] = value
    return found


def _attributes(definition: Any) -> dict[str, Any]:
    """What was set on a function or class: its definition would make it anew without."""
    if type(definition) is types.FunctionType:
        return dict(vars(definition))
    return {
        name: value
        for name, value in vars(definition).items()
        if type(value) in DATA and not re.fullmatch(r"__\w+__|_\w+_", name)
    }


def _pickler(namespace: dict[str, Any], references: dict[str, Any], shell: type) -> Any:
    """A class of Picklers, made with the kernel's own cloudpickle if it has one."""
    try:
        base: Any = importlib.import_module("cloudpickle").CloudPickler
        by_value: Any = base.reducer_override
    except Exception:  # noqa: BLE001  # an import can raise anything
        base, by_value = pickle.Pickler, None

    class Session:
        """Stands for the namespace in what is pickled."""

    session = Session()
    # A plain dictionary: pickle is three times slower with the ChainMap that cloudpickle has.
    table: Any = copyreg.dispatch_table if by_value is None else dict(base.dispatch_table)
    plain: dict[Any, bool] = {}
    """The types met that may be pickled, by whether their reduction never gives a name."""

    class Pickler(base):  # type: ignore[misc]
        met = plain
        dispatch_table = table

        def __init__(self, file: Any) -> None:
            super().__init__(file, protocol=PROTOCOL)

        def reducer_override(self, obj: Any) -> Any:
            kind = type(obj)
            is_plain = plain.get(kind)
            if is_plain:
                return NotImplemented
            if is_plain is None:
                if obj is session:
                    return getattr, (sys.modules["__main__"], "__dict__")
                if kind is types.FunctionType or issubclass(kind, type):
                    return self._definition(obj)
                module = _module_name(obj)
                if module:
                    return importlib.import_module, (module,)
                refused = _never(kind, shell)
                if refused:
                    msg = f"{refused} cannot be pickled"
                    raise pickle.PicklingError(msg)
                plain[kind] = _text_of(kind, "__module__") in NAMELESS or (
                    kind not in table and _is_reduced_as_object(kind)
                )
            reduce = table.get(kind)
            reduced = obj.__reduce_ex__(PROTOCOL) if reduce is None else reduce(obj)
            if isinstance(reduced, str) and _module_of(obj, reduced) == "__main__":
                # By the time it is loaded, that name may be something else.
                msg = f"it is pickled as the name {reduced}, which is no plain definition"
                raise pickle.PicklingError(msg)
            return reduced

        def _definition(self, obj: Any) -> Any:
            is_ours = _text_of(obj, "__module__") == "__main__"
            name = _text_of(obj, "__qualname__")
            if is_ours and _resolved(name, references) is obj:
                return name
            if by_value is not None:
                return _in_session(obj, by_value(self, obj), namespace, session)
            if is_ours:
                msg = f"{name} is defined in the session, and cloudpickle is not installed"
                raise pickle.PicklingError(msg)
            return NotImplemented

    return Pickler


def _in_session(obj: Any, reduced: Any, namespace: dict[str, Any], session: Any) -> Any:
    """A function pickled by value, with the session's globals in place of copies of its own.

    cloudpickle gives a function a dictionary with the globals that it uses, so that it would not
    see a name that is bound later.
    """
    if type(obj) is not types.FunctionType or obj.__globals__ is not namespace:
        return reduced
    try:
        make, (code, _, *more), (attributes, slots), *rest = reduced
    except (TypeError, ValueError):  # another cloudpickle, or by reference
        return reduced
    if type(code) is not types.CodeType or "__globals__" not in slots:
        return reduced
    return (make, (code, session, *more), (attributes, {**slots, "__globals__": {}}), *rest)


def _is_reduced_as_object(kind: Any) -> bool:
    is_same = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
    return bool(is_same)


def _never(kind: type, shell: type) -> str:
    """What it is called, if it is of a type that is never pickled."""
    if issubclass(kind, io.IOBase) and not issubclass(kind, (io.BytesIO, io.StringIO)):
        return "an open file"
    if issubclass(kind, shell):
        return "the kernel itself"
    return next((words for kinds, words in NEVER if issubclass(kind, kinds)), "")


def _module_of(obj: Any, name: str) -> str:
    """Where pickle would look for a name."""
    return str(pickle.whichmodule(obj, name))  # type: ignore[attr-defined]


def _module_name(value: Any) -> str:
    """The name under which it is imported, empty for what is no such module."""
    if type(value) is not types.ModuleType:
        return ""
    name = _text_of(value, "__name__")
    return name if sys.modules.get(name) is value else ""


def _resolved(qualname: str, references: dict[str, Any]) -> Any:
    """What a qualified name that begins with a definition's stands for."""
    root, *rest = qualname.split(".")
    value = references.get(root, MISSING)
    for part in rest:
        value = vars(value).get(part, MISSING) if isinstance(value, type) else MISSING
    return value


def _is_imported(name: str, value: Any) -> bool:
    """Whether an imported module has it under its name, so that its import brings it again.

    Values that come by literals are in many modules, and those of definitions are saved.
    """
    return type(value) not in DATA and any(
        type(module) is types.ModuleType and vars(module).get(name, MISSING) is value
        for module_name, module in list(sys.modules.items())
        if module_name != "__main__"
    )


def _text_of(value: Any, attribute: str) -> str:
    found = getattr(value, attribute, "")
    return found if type(found) is str else ""


def _why(err: BaseException) -> str:
    """An exception in a few words, whatever its class makes of them."""
    if isinstance(err, RecursionError) or isinstance(err.__cause__, RecursionError):
        return "it is nested too deeply"
    try:
        words = " ".join(str(err).split())
    except BaseException:  # noqa: BLE001  # code of users
        words = ""
    if not isinstance(err, (TypeError, pickle.PickleError, _OutOfTime)) or not words:
        name = type(err).__name__
        words = f"{name}: {words}" if words else name
    return words if len(words) <= MAX_WHY else words[:MAX_WHY] + "…"


def _deadline(seconds: float) -> float:
    return time.monotonic() + seconds


def _shell() -> Any:
    return sys.modules["IPython"].get_ipython()


def load(
    path: str | None,
    sources: list[str],
    records: list[dict[str, Any]],
    modules: dict[str, str],
    alive: list[str] | None,
    seconds: float,
) -> dict[str, Any]:
    """Run the definitions, import the modules, and load the records of the file.

    Names that only the definitions bind and that are not in ``alive`` are deleted: the session
    had deleted them. Without a ``path`` the definitions alone are run.
    """
    shell = _shell()
    loading = _Loading(shell, _deadline(seconds))
    theirs = shell.user_ns.get("__builtins__", MISSING)
    try:
        for source in sources:
            loading.define(source)
        for name, module in modules.items():
            loading.import_module(name, module)
        if path is not None:
            loading.load(path, records)
    finally:
        if theirs is not MISSING:  # cloudpickle sets it where it makes functions
            shell.user_ns["__builtins__"] = theirs
    if alive is not None:
        loading.drop(set(alive))
    return {
        "loaded": loading.loaded,
        "failed": [{"name": name, "why": why} for name, why in loading.failed.items()],
        "definitions": sorted(loading.defined),
        "definitions_failed": loading.definitions_failed,
    }


class _Loading:
    """One load into a namespace."""

    def __init__(self, shell: Any, deadline: float) -> None:
        self.loaded: list[str] = []
        self.failed: dict[str, str] = {}
        self.defined: set[str] = set()
        self.definitions_failed: list[dict[str, str]] = []
        self._namespace = shell.user_ns
        self._compile = shell.compile
        self._deadline = deadline

    def define(self, source: str) -> None:
        before = dict(self._namespace)
        try:
            if time.monotonic() > self._deadline:
                raise _OutOfTime
            # IPython's compiler remembers the ``from __future__`` of earlier cells.
            code = self._compile(source + "\n", "<restored>", "exec")
            exec(code, self._namespace)  # noqa: S102  # the user's own definitions
        except KeyboardInterrupt:
            raise
        except BaseException as err:  # noqa: BLE001  # code of users
            first = source.partition("\n")[0]
            self.definitions_failed.append({"name": first[:MAX_WHY], "why": _why(err)})
        changed = {k for k, v in self._namespace.items() if before.get(k, MISSING) is not v}
        self.defined |= {name for name in changed if not NOT_THE_USERS.fullmatch(name)}

    def import_module(self, name: str, module: str) -> None:
        try:
            if time.monotonic() > self._deadline:
                raise _OutOfTime
            self._namespace[name] = importlib.import_module(module)
            self.loaded.append(name)
        except KeyboardInterrupt:
            raise
        except BaseException as err:  # noqa: BLE001  # modules run code
            self.failed[name] = _why(err)

    def load(self, path: str, records: list[dict[str, Any]]) -> None:
        try:
            found = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as err:
            why = f"the file with the variables cannot be read: {err.strerror}"
            self.failed.update((name, why) for record in records for name in record["names"])
            return
        with os.fdopen(found, "rb", PIECE) as file:
            for record in records:
                self._load_record(file, record)

    def _load_record(self, file: Any, record: dict[str, Any]) -> None:
        part = _Part(file, record["offset"], record["size"], self._deadline)
        why = ""
        try:
            if part.digest() != record["sha256"]:
                why = "the file with the variables was changed after it was written"
        except (_OutOfTime, OSError) as err:
            why = _why(err)
        if why:
            self.failed.update((name, why) for name in record["names"])
            return
        reading = _Record(part, self.defined)
        for name in record["names"]:
            try:
                value = reading.next(name)
                if name.startswith(ATTRIBUTES):
                    self._set_attributes(name[len(ATTRIBUTES) :], value)
                else:
                    self._namespace[name] = value
                    self.loaded.append(name)
            except KeyboardInterrupt:  # noqa: PERF203  # one at a time is the point
                raise
            except BaseException as err:  # noqa: BLE001  # code of users
                self.failed[name] = _why(err)

    def _set_attributes(self, name: str, attributes: dict[str, Any]) -> None:
        if name not in self.defined:
            msg = f"{name} is not defined any more"
            raise pickle.UnpicklingError(msg)
        definition = self._namespace[name]
        for attribute, value in attributes.items():
            own = vars(definition).get(attribute, MISSING)
            # A metaclass may refuse even what changes nothing.
            if type(own) is not type(value) or type(value) not in ATOMS or own != value:
                setattr(definition, attribute, value)

    def drop(self, alive: set[str]) -> None:
        """Delete what the definitions bind and the session did not have, or has not got back."""
        gone = self.defined - ((alive | set(self.loaded)) - set(self.failed))
        for name in gone:
            self._namespace.pop(name, None)
        self.defined -= gone


class _Part:
    """A part of a file as an Unpickler sees it."""

    def __init__(self, file: Any, offset: int, size: int, deadline: float) -> None:
        self._file = file
        self._offset = offset
        self._end = offset + size
        self._deadline = deadline
        self.seek(0)

    def digest(self) -> str:
        """The digest of it all; then it is at its begin."""
        digest = hashlib.sha256()
        piece = self.read(PIECE)
        while piece:
            digest.update(piece)
            piece = self.read(PIECE)
        self.seek(0)
        return digest.hexdigest()

    def tell(self) -> int:
        return self._position - self._offset

    def seek(self, position: int) -> None:
        self._position = self._offset + position
        self._file.seek(self._position)

    def read(self, size: int) -> bytes:
        return self._took(self._file.read(min(size, self._left())))

    def readline(self) -> bytes:
        return self._took(self._file.readline(self._left()))

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._left()]
        size = int(self._file.readinto(view))
        self._position += size
        return size

    def _left(self) -> int:
        if time.monotonic() > self._deadline:
            raise _OutOfTime
        return self._end - self._position

    def _took(self, data: bytes) -> bytes:
        self._position += len(data)
        return data


class _Record:
    """The pickles of a record, one after the other, and what they share.

    When one cannot be loaded, the next ones still can, if they share nothing with it. References
    are counted, so a new Unpickler is given what the first one knows, and a gap for the rest.
    """

    def __init__(self, part: _Part, defined: set[str]) -> None:
        self._part = part
        self._defined = defined
        self._unpickler = _Unpickler(_Input(part), defined)
        self._lost: dict[int, str] = {}
        """References to what was not loaded, with the variable's name."""
        self._counted = (0, 0)
        """Up to a place in the file, how much is remembered."""

    def next(self, name: str) -> Any:
        start = self._part.tell()
        if self._lost:
            _, references = self._scan(start)
            lost = next((self._lost[one] for one in references if one in self._lost), None)
            if lost is not None:
                self._skip(start, name)
                msg = f"it shares data with {lost}, which could not be loaded"
                raise pickle.UnpicklingError(msg)
            self._part.seek(start)
        try:
            found, value = self._unpickler.load()
        except KeyboardInterrupt:
            raise
        except BaseException:
            self._skip(start, name)
            raise
        if found != name:
            msg = f"the record has {found} in its place"
            raise pickle.UnpicklingError(msg)
        return value

    def _skip(self, start: int, name: str) -> None:
        """Go behind the pickle that begins at ``start``."""
        place, before = self._counted
        while place < start:
            count, _ = self._scan(place)
            place, before = self._part.tell(), before + count
        count, _ = self._scan(start)
        self._counted = (self._part.tell(), before + count)
        known = self._unpickler.memo.copy()
        for reference in range(before, before + count):
            if not isinstance(known.get(reference), ATOMS):
                self._lost[reference] = name
        self._unpickler = _Unpickler(_Input(self._part, before + count), self._defined)
        self._unpickler.recall(known)

    def _scan(self, start: int) -> tuple[int, set[Any]]:
        """What the pickle at ``start`` remembers, counted, and what it refers to.

        Afterwards the part is behind it.
        """
        self._part.seek(start)
        count = 0
        references = set()
        for opcode, argument, _ in pickletools.genops(self._part):  # type: ignore[arg-type]
            if opcode.name == "MEMOIZE":
                count += 1
            elif opcode.name in {"BINGET", "LONG_BINGET"}:
                references.add(argument)
        return count, references


class _Input:
    """A part of a file, and before it a pickle that asks for things to remember."""

    def __init__(self, part: _Part, remembered: int = 0) -> None:
        self._part = part
        asked = (b"J" + number.to_bytes(4, "little") + b"Q\x940" for number in range(remembered))
        self._before = io.BytesIO(b"".join([b"\x80\x05", *asked, b"N."]) if remembered else b"")

    def read(self, size: int) -> bytes:
        return self._before.read(size) or self._part.read(size)

    def readline(self) -> bytes:
        return self._part.readline()

    def readinto(self, buffer: Any) -> int:
        # Only large data is read so, or, in some versions, everything.
        data = self._before.read(len(buffer))
        if data:
            buffer[: len(data)] = data
            return len(data)
        return self._part.readinto(buffer)


class _Unpickler(pickle.Unpickler):
    """It finds in the session only what the definitions have just put there."""

    def __init__(self, file: Any, defined: set[str]) -> None:
        super().__init__(file)
        self._defined = defined
        self._known: dict[int, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "__main__" and name.partition(".")[0] not in self._defined:
            msg = f"{name} is not defined any more"
            raise pickle.UnpicklingError(msg)
        return super().find_class(module, name)

    def recall(self, known: dict[int, Any]) -> None:
        """Remember what another one did."""
        self._known = known
        self.load()
        self._known = {}

    def persistent_load(self, pid: Any) -> Any:
        return self._known.get(pid)
