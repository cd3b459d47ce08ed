"""Writes the session's variables to a file, in a separate process or else in the kernel."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import types
from typing import Any

from .clock import Clock
from .found import import_name
from .holes import places
from .interactive import RESULTS
from .keys import has_frozen_knot
from .libraries import NotThere
from .parts import early_parts, late_parts
from .pickler import Pickler
from .process import states_here
from .sink import Sink, Unwanted
from .words import (
    CONTENTS,
    KEYS,
    MISSING,
    MODULES,
    NOT_THE_USERS,
    PIECE,
    PREAMBLE,
    STATE,
    OutOfTime,
    about,
    deadline_in,
    the_shell,
    why_of,
)

CUTTING = 0.2
"""Share of the time for removing failed variables from a Pickler's memo.

After that a new one is used, and what it saves shares nothing with what was saved before.
"""

NO_VARIABLE = -1

FROZEN = "a frozen set whose members lead to it cannot be pickled"

LOOKED_THROUGH = 300_000
"""Objects that are visited to find where in the variables the holes are."""


def save(path: str, max_bytes: int, seconds: float) -> dict[str, Any]:
    """Write the session's variables to a new file, within the kernel."""
    found = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        return save_to(found, max_bytes, deadline_in(seconds), {}, None, {}, states_here())
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # the server may have given up the save
            os.unlink(path)
        raise


def save_to(
    found: int,
    max_bytes: int,
    deadline: float,
    lost: dict[str, str],
    watch: Any,
    standard: dict[int, tuple[str, str]],
    states: dict[str, Any],
) -> dict[str, Any]:
    """Write the session's variables to an open file.

    ``lost`` are variables, with reasons, on which an earlier worker failed; ``watch`` is called
    with the current variable, and has the clock. Values that cannot be saved are named, and the
    rest is saved.
    """
    clock = Clock(0) if watch is None else watch.clock
    with pretended_module(), os.fdopen(found, "wb", PIECE) as file:
        sink = Sink(file, max_bytes, deadline, clock)
        saving = Saving(the_shell(), sink, lost, watch, standard, states)
        saving.run()
    return {
        **about(),
        "records": saving.records,
        "modules": saving.modules,
        "skipped": saving.skipped,
        "holes": saving.holes,
        "unrestored": saving.unrestored,
    }


@contextlib.contextmanager
def pretended_module() -> Any:
    """Make pickle find the functions here under the name that `loading` uses."""
    if __name__ in sys.modules:
        yield
        return
    module = types.ModuleType(__name__)
    vars(module).update(globals())
    sys.modules[__name__] = module
    try:
        yield
    finally:
        sys.modules.pop(__name__, None)


class Saving:
    """One save of all variables."""

    def __init__(
        self,
        shell: Any,
        sink: Sink,
        lost: dict[str, str],
        watch: Any,
        standard: dict[int, tuple[str, str]],
        states: dict[str, Any],
    ) -> None:
        self.records: list[dict[str, Any]] = []
        self.modules: dict[str, str] = {}
        self.skipped: list[dict[str, str]] = []
        self.holes: list[dict[str, str]] = []
        self.unrestored: list[dict[str, str]] = [
            {"name": f"handler of {name}", "why": "handlers of signals are not saved"}
            for name in states.get("signals", ())
        ]
        self._namespace = shell.user_ns
        self._hidden = shell.user_ns_hidden
        self._sink = sink
        self._lost = lost
        self._watch = watch
        if watch is not None:
            watch.begin(sink)
        self._standard = standard
        self._states = states
        self._cutting = 0.0
        self._may_cut = CUTTING * sink.left
        self._budget = [LOOKED_THROUGH]
        self._begin()

    def run(self) -> None:
        """Save them, with the changes to the process around them."""
        self._save_parts(early_parts())
        self._put(MODULES, None)
        for name, container, contents in self._pickler.contents():
            why = self._put(CONTENTS, (container, contents))
            if why:
                self.unrestored.append({"name": name, "why": why})
        for number, (name, value) in enumerate(list(self._namespace.items())):
            if type(name) is not str or NOT_THE_USERS.fullmatch(name):
                continue
            if self._hidden.get(name, MISSING) is value:
                continue
            module = import_name(value)
            if module:
                self.modules[name] = module
            elif name in self._lost:
                self._skip(name, value, self._lost[name])
            else:
                self._at(number)
                self._dump(name, value)
                self._at(NO_VARIABLE)
        self._save_parts(late_parts(self._states))
        self._end()

    def _save_parts(self, parts: list[Any]) -> None:
        for name, take, _ in parts:
            try:
                why = self._put(STATE + name, take())
            except NotThere:
                continue
            except Exception as err:  # noqa: BLE001  # of libraries
                why = why_of(err)
            if why:
                self.unrestored.append({"name": name, "why": why})

    def _put(self, name: str, value: Any) -> str:
        """Save something that is no variable; the reason if it could not be saved, else empty."""
        if self._sink.is_late:
            return str(OutOfTime())
        mark = self._sink.mark()
        had = set(self._pickler.holes)
        entry = [name, value]
        why = self._tried(entry)
        new = set(self._pickler.holes) - had
        if name == STATE + RESULTS:
            self._name_holes("Out", value)
        elif not why and new:
            why = self._pickler.holes[min(new)][1]
        if why:
            self._cut(mark, had, entry)
        else:
            self._add(name)
        return why

    def _cut(self, mark: Any, had: set[int], entry: list[Any]) -> None:
        self._sink.cut(mark)
        for new in set(self._pickler.holes) - had:
            del self._pickler.holes[new]
        self._forget(entry)

    def _at(self, number: int) -> None:
        if self._watch is not None:
            self._watch.at(number)

    def _dump(self, name: str, value: Any) -> None:
        if self._sink.is_late:
            self._skip(name, value, str(OutOfTime()))
            return
        mark = self._sink.mark()
        had = set(self._pickler.holes)
        entry = [name, value]  # a new object: its memo entry is where this dump began
        why = self._tried(entry)
        if not why and id(value) in self._pickler.holes:
            why = self._pickler.holes[id(value)][1]
        if not why:
            self._add(name)
            self._name_holes(name, value)
            return
        self._cut(mark, had, entry)
        self._skip(name, value, why)

    def _add(self, name: str) -> None:
        self._names += [name, KEYS] if self._pickler.is_hashed_early else [name]

    def _tried(self, entry: list[Any]) -> str:
        """The reason why it could not be pickled; empty if it was."""
        self._pickler.is_hashed_early = False
        try:
            self._pickler.dump(entry)
            if self._pickler.is_hashed_early:
                if has_frozen_knot(entry[1], self._namespace):
                    return FROZEN
                self._pickler.dump([KEYS, None])
        except (KeyboardInterrupt, Unwanted):
            raise  # the kernel is needed, or the save is no longer wanted
        except BaseException as err:  # noqa: BLE001  # code of users, which may raise anything
            if self._sink.broken is not None:
                raise self._sink.broken from None
            return self._sink.why or why_of(err)
        return ""

    def _name_holes(self, name: str, value: Any) -> None:
        """Name the missing parts of the variable, as far as they are found."""
        lacks = {id(obj): why for obj, why in self._pickler.notes}
        lacks.update({known: why for known, (_, why) in self._pickler.holes.items()})
        if not lacks or value is self._namespace:
            return
        if id(value) in lacks:
            self.holes.append({"name": name, "where": "", "why": lacks[id(value)]})
        found = places(value, set(lacks), self._namespace, self._budget)
        for known, where in found.items():
            self.holes.append({"name": name, "where": where, "why": lacks[known]})

    def _forget(self, entry: list[Any]) -> None:
        """Remove entries for the cut-off part from the Pickler's memo; earlier ones stay."""
        if self._cutting > self._may_cut:
            self._end()
            self._begin()
            why = f"those after {entry[0]} were saved apart from those before, to save time"
            self.unrestored.append({"name": "objects that several variables share", "why": why})
            return
        started = time.monotonic()
        memo = self._pickler.memo.copy()
        if id(entry) in memo:
            first = memo[id(entry)][0]
            self._pickler.memo = {k: known for k, known in memo.items() if known[0] < first}
        self._cutting += time.monotonic() - started

    def _begin(self) -> None:
        """Begin a record."""
        self._sink.begin()
        self._start = self._sink.position
        self._names = [PREAMBLE]
        self._sink.is_timeless = True
        self._pickler = Pickler(self._sink, self._namespace, self._standard)
        self._sink.is_timeless = False
        self._cutting = 0.0

    def _end(self) -> None:
        """End the record."""
        self.records.append(
            {
                "offset": self._start,
                "size": self._sink.position - self._start,
                "sha256": self._sink.digest(),
                "names": self._names,
            }
        )

    def _skip(self, name: str, value: Any, why: str) -> None:
        self.skipped.append({"name": name, "type": type(value).__name__, "why": why})
