"""Reads the pickles of a record.

A record is a series of pickles by one Pickler: objects shared by two variables are in the file once
and are shared again when one Unpickler loads them.
"""

from __future__ import annotations

import collections
import hashlib
import io
import pickle
import pickletools
import time
import types
from typing import Any

from .patient import Finding, PatientUnpickler, is_of_a_key
from .words import MISSING, PIECE, OutOfTime

ATOMS = (str, bytes, int, float, complex, bool, type, types.FunctionType, types.BuiltinFunctionType)
"""Objects that a load which failed half-way has left complete."""


class Part:
    """A part of a file as an Unpickler sees it."""

    def __init__(self, file: Any, offset: int, size: int, deadline: float) -> None:
        self._file = file
        self._offset = offset
        self._end = offset + size
        self._deadline = deadline
        self.seek(0)

    def digest(self) -> str:
        """The digest of the whole part, which is then at its beginning."""
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
            raise OutOfTime
        return self._end - self._position

    def _took(self, data: bytes) -> bytes:
        self._position += len(data)
        return data


class Record:
    """The pickles of a record, one after the other, and the objects that they share.

    When one cannot be loaded, the next ones still can, if they share nothing with it. References
    are counted, so a new Unpickler gets the objects of the first one, and gaps for the rest.
    """

    def __init__(self, part: Part, defined: set[str]) -> None:
        self._part = part
        self._defined = defined
        self._unpickler: Any = Unpickler(Input(part), defined)
        self._lost: dict[int, str] = {}
        """References to objects that were not loaded, with the variable's name."""
        self._counted = (0, 0)
        """The size of the memo up to a place in the file."""

    def next(self, name: str, *, patiently: bool = False) -> Any:
        """The next value. ``patiently`` adds keys when they are complete."""
        start = self._part.tell()
        if self._lost:
            _, references = self._scan(start)
            lost = next((self._lost[one] for one in references if one in self._lost), None)
            if lost is not None:
                self._skip(start, name)
                msg = f"it shares data with {lost}, which could not be loaded"
                raise pickle.UnpicklingError(msg)
            self._part.seek(start)
        self._read_with(PatientUnpickler if patiently else Unpickler)
        try:
            found, value = self._unpickler.load()
        except KeyboardInterrupt:
            raise
        except BaseException as err:
            if patiently or not is_of_a_key(err):
                self._skip(start, name)
                raise
            found, value = self._again(start, name)
        if found != name:
            msg = f"the record has {found} in its place"
            raise pickle.UnpicklingError(msg)
        return value

    def _read_with(self, kind: Any) -> None:
        """Load the next pickle with such an Unpickler."""
        if type(self._unpickler) is kind:
            return
        known = dict(self._unpickler.memo.copy())
        self._unpickler = self._knowing(kind, known, len(known))

    def _knowing(self, kind: Any, known: dict[int, Any], count: int) -> Any:
        """An Unpickler whose memo has this many first entries."""
        if kind is PatientUnpickler:
            patient = PatientUnpickler(Input(self._part), self._defined)
            patient.memo = {number: known.get(number) for number in range(count)}
            return patient
        made = Unpickler(Input(self._part, count), self._defined)
        made.recall(known)
        return made

    def _again(self, start: int, name: str) -> Any:
        """Load patiently the pickle at ``start``, which cannot be loaded otherwise."""
        before = self._count_to(start)
        known = self._unpickler.memo.copy()
        self._unpickler = self._knowing(PatientUnpickler, known, before)
        self._part.seek(start)
        try:
            loaded = self._unpickler.load()
        except KeyboardInterrupt:
            raise
        except BaseException:
            self._skip(start, name)
            raise
        self._counted = (self._part.tell(), len(self._unpickler.memo))
        return loaded

    def _count_to(self, start: int) -> int:
        """The size of the memo before a place in the file."""
        place, before = self._counted
        while place < start:
            count, _ = self._scan(place)
            place, before = self._part.tell(), before + count
        self._counted = (place, before)
        return before

    def _skip(self, start: int, name: str) -> None:
        """Skip the pickle that begins at ``start``."""
        before = self._count_to(start)
        count, _ = self._scan(start)
        self._counted = (self._part.tell(), before + count)
        end = self._part.tell()
        known = self._unpickler.memo.copy()
        read = self._read_names(start, before, known)
        self._part.seek(end)
        for reference in range(before, before + count):
            if isinstance(known.get(reference), ATOMS):
                continue
            if reference in read:
                known[reference] = read[reference]
            else:
                self._lost[reference] = name
        self._unpickler = self._knowing(Unpickler, known, before + count)

    def _read_names(self, start: int, before: int, known: dict[int, Any]) -> dict[int, Any]:
        """The objects of a failed pickle that can be known without it: texts, and named objects.

        Others refer to them only because they are in the file once.
        """
        self._part.seek(start)
        read: dict[int, Any] = {}
        latest: Any = collections.deque([MISSING, MISSING], 2)
        number = before
        for opcode, argument, _ in pickletools.genops(self._part):  # type: ignore[arg-type]
            if opcode.name == "MEMOIZE":
                if latest[-1] is not MISSING:
                    read[number] = latest[-1]
                number += 1
            elif opcode.name == "STACK_GLOBAL":
                latest.append(self._found(*latest))
            elif opcode.name in {"BINGET", "LONG_BINGET"}:
                place: Any = argument
                latest.append(read.get(place, known.get(place, MISSING)))
            elif opcode.name not in {"FRAME", "PROTO"}:
                latest.append(argument if type(argument) in (str, bytes) else MISSING)
        return read

    def _found(self, module: Any, name: Any) -> Any:
        """The object under a name, if it is found."""
        try:
            return self._unpickler.find_class(module, name)
        except Exception:  # noqa: BLE001  # modules run code
            return MISSING

    def _scan(self, start: int) -> tuple[int, set[Any]]:
        """The number of memo entries of the pickle at ``start``, and the entries it refers to.

        Afterwards the part's position is after it.
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


class Input:
    """A part of a file, preceded by a pickle that fills the memo."""

    def __init__(self, part: Part, remembered: int = 0) -> None:
        self._part = part
        asked = (b"J" + number.to_bytes(4, "little") + b"Q\x940" for number in range(remembered))
        self._before = io.BytesIO(b"".join([b"\x80\x05", *asked, b"N."]) if remembered else b"")

    def read(self, size: int) -> bytes:
        return self._before.read(size) or self._part.read(size)

    def readline(self) -> bytes:
        return self._part.readline()

    def readinto(self, buffer: Any) -> int:
        # Only large data is read this way or, in some versions, everything.
        data = self._before.read(len(buffer))
        if data:
            buffer[: len(data)] = data
            return len(data)
        return self._part.readinto(buffer)


class Unpickler(Finding, pickle.Unpickler):
    """Can begin with the memo of another one."""

    def recall(self, known: dict[int, Any]) -> None:
        """Take over the memo of another one."""
        self._known = known
        self.load()
        self._known = {}

    def persistent_load(self, pid: Any) -> Any:
        return self._known.get(pid)
