"""Restores saved variables and the state of the process: runs in the new kernel."""

from __future__ import annotations

import importlib
import os
import pickle
import time
from typing import Any

from .found import fill_container
from .parts import early_parts, late_parts, set_part
from .reading import ATOMS, Part, Record
from .words import (
    ATTRIBUTES,
    CONTENTS,
    KEYS,
    MAX_WHY,
    MISSING,
    MODULES,
    NOT_THE_USERS,
    PIECE,
    SPECIAL,
    STATE,
    OutOfTime,
    deadline_in,
    the_shell,
    why_of,
)


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
    shell = the_shell()
    loading = Loading(shell, deadline_in(seconds))
    theirs = shell.user_ns.get("__builtins__", MISSING)
    try:
        for source in sources:
            loading.define(source)
        if path is not None:
            loading.load(path, records, modules)
    finally:
        if theirs is not MISSING:  # version 1 records made by cloudpickle set it
            shell.user_ns["__builtins__"] = theirs
    if alive is not None:
        loading.drop(set(alive))
    return {
        "loaded": loading.loaded,
        "failed": [{"name": name, "why": why} for name, why in loading.failed.items()],
        "definitions": sorted(loading.defined),
        "definitions_failed": loading.definitions_failed,
        "state": loading.state,
        "state_failed": [{"name": name, "why": why} for name, why in loading.state_failed.items()],
    }


class Loading:
    """One load into a namespace."""

    def __init__(self, shell: Any, deadline: float) -> None:
        self.loaded: list[str] = []
        self.failed: dict[str, str] = {}
        self.state: list[str] = []
        self.state_failed: dict[str, str] = {}
        self._modules: dict[str, str] = {}
        self._parts = {name: (take, put) for name, take, put in (*early_parts(), *late_parts({}))}
        self.defined: set[str] = set()
        self.definitions_failed: list[dict[str, str]] = []
        self._namespace = shell.user_ns
        self._compile = shell.compile
        self._deadline = deadline

    def define(self, source: str) -> None:
        """Run a definition."""
        code: Any = None
        before: dict[str, Any] = {}
        try:
            if time.monotonic() > self._deadline:
                raise OutOfTime
            # IPython's compiler keeps the ``from __future__`` of earlier cells.
            code = self._compile(source + "\n", "<restored>", "exec")
            before = self._bound(source, code)
            exec(code, self._namespace)  # the user's own definitions
        except KeyboardInterrupt:
            raise
        except BaseException as err:  # noqa: BLE001  # code of users
            first = source.partition("\n")[0]
            self.definitions_failed.append({"name": first[:MAX_WHY], "why": why_of(err)})
        after = self._bound(source, code) if code is not None else {}
        changed = {k for k, v in after.items() if before.get(k, MISSING) is not v}
        self.defined |= {name for name in changed if not NOT_THE_USERS.fullmatch(name)}

    def _bound(self, source: str, code: Any) -> dict[str, Any]:
        """The values of names that a source may bind; only a star import binds other names."""
        names = self._namespace if "*" in source else code.co_names
        return {name: self._namespace[name] for name in names if name in self._namespace}

    def import_module(self, name: str, module: str) -> None:
        try:
            if time.monotonic() > self._deadline:
                raise OutOfTime
            self._namespace[name] = importlib.import_module(module)
            self.loaded.append(name)
        except KeyboardInterrupt:
            raise
        except BaseException as err:  # noqa: BLE001  # modules run code
            self.failed[name] = why_of(err)

    def load(self, path: str, records: list[dict[str, Any]], modules: dict[str, str]) -> None:
        """Load the records of a file."""
        self._modules = modules
        if not any(MODULES in record["names"] for record in records):
            self._import_modules()
        try:
            found = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as err:
            why = f"the file with the variables cannot be read: {err.strerror}"
            for record in records:
                self._fail(record, why)
            return
        with os.fdopen(found, "rb", PIECE) as file:
            for record in records:
                self._load_record(file, record)

    def _load_record(self, file: Any, record: dict[str, Any]) -> None:
        part = Part(file, record["offset"], record["size"], self._deadline)
        why = ""
        try:
            if part.digest() != record["sha256"]:
                why = "the file with the variables was changed after it was written"
        except (OutOfTime, OSError) as err:
            why = why_of(err)
        if why:
            self._fail(record, why)
            return
        reading = Record(part, self.defined)
        names = record["names"]
        for name, following in zip(names, [*names[1:], ""]):
            try:
                value = reading.next(name, patiently=following == KEYS)
                if name.startswith(SPECIAL):
                    self._take(name, value)
                elif name.startswith(ATTRIBUTES):
                    self._set_attributes(name[len(ATTRIBUTES) :], value)
                else:
                    self._namespace[name] = value
                    self.loaded.append(name)
            except KeyboardInterrupt:  # one at a time is the point
                raise
            except BaseException as err:  # noqa: BLE001  # code of users
                if name.startswith(STATE):
                    self.state_failed[name[len(STATE) :]] = why_of(err)
                elif not name.startswith(SPECIAL):
                    self.failed[name] = why_of(err)
        self._import_modules()

    def _take(self, name: str, value: Any) -> None:
        """Carry out an instruction that is stored among the variables."""
        if name == MODULES:
            self._import_modules()
        elif name == CONTENTS:
            fill_container(*value)
        elif name.startswith(STATE):
            part = name[len(STATE) :]
            take, put = self._parts[part]
            if set_part(take, put, value):
                self.state.append(part)

    def _import_modules(self) -> None:
        for name, module in self._modules.items():
            self.import_module(name, module)
        self._modules = {}

    def _fail(self, record: dict[str, Any], why: str) -> None:
        names = (name for name in record["names"] if not name.startswith(SPECIAL))
        self.failed.update((name, why) for name in names)

    def _set_attributes(self, name: str, attributes: dict[str, Any]) -> None:
        if name not in self.defined:
            msg = f"{name} is not defined any more"
            raise pickle.UnpicklingError(msg)
        definition = self._namespace[name]
        for attribute, value in attributes.items():
            own = vars(definition).get(attribute, MISSING)
            # A metaclass may refuse even an assignment that changes nothing.
            if type(own) is not type(value) or type(value) not in ATOMS or own != value:
                setattr(definition, attribute, value)

    def drop(self, alive: set[str]) -> None:
        """Delete names that the definitions bind and that the session did not have or get back."""
        gone = self.defined - ((alive | set(self.loaded)) - set(self.failed))
        for name in gone:
            self._namespace.pop(name, None)
        self.defined -= gone
