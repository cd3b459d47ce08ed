"""Values that cannot be saved, and the holes that come back in their place."""

from __future__ import annotations

import asyncio
import io
import mmap
import socket
import subprocess
import sys
import tempfile
import threading
import types
import weakref
from typing import Any

from .words import text_of

LOCK, RLOCK = type(threading.Lock()), type(threading.RLock())

NEVER = (
    ((types.GeneratorType, types.AsyncGeneratorType), "a generator"),
    ((types.CoroutineType,), "a coroutine"),
    ((socket.socket,), "a socket"),
    ((threading.Thread,), "a thread"),
    ((subprocess.Popen,), "a process"),
    ((asyncio.Future,), "a task"),
    ((asyncio.AbstractEventLoop,), "an event loop"),
    ((types.FrameType, types.TracebackType), "a stack frame"),
    ((tempfile.TemporaryDirectory,), "a temporary directory"),
    ((weakref.finalize,), "a finalizer"),
    ((mmap.mmap,), "a memory map"),
)
"""Reasons given before pickle fails with its own message, or saves a wrong value."""

OF_LIBRARIES = (
    # No password may be on disk, and without its comm no widget is of use.
    ("ipywidgets", "Widget", "a widget"),
    ("sqlalchemy.orm", "Session", "a session of a database"),
    ("sqlalchemy.engine", "Engine", "an engine of a database"),
    ("sqlalchemy.engine", "Connection", "a connection to a database"),
)
"""Modules and types likewise."""

MARK = "_jupyter_mcp_hole"


def refusal(kind: type) -> str:
    """Why a value of a type is never saved, empty for the others."""
    if issubclass(kind, io.IOBase) and not issubclass(kind, (io.BytesIO, io.StringIO)):
        return "an open file cannot be pickled"
    known = (*NEVER, *_of_libraries())
    words = next((words for kinds, words in known if issubclass(kind, kinds)), "")
    return f"{words} cannot be pickled" if words else ""


def _of_libraries() -> Any:
    for module, name, words in OF_LIBRARIES:
        kind: Any = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type):
            yield (kind,), words


def is_hole(kind: type) -> bool:
    """Whether it is a hole."""
    return MARK in vars(kind)


def hole_reduced(kind: str, why: str) -> Any:
    """The pickled form of a hole."""
    return make_hole, (kind, why)


def hole_again(hole: Any) -> Any:
    """A hole of an earlier restore stays one."""
    return hole_reduced(*vars(type(hole))[MARK])


def make_hole(kind: str, why: str) -> Any:
    """A hole: says what it stands for, and raises when it is used.

    It uses no name of this module, since it outlives the module's namespace.
    """
    message = f"this was {kind}, which did not come back with the session: {why}"
    words = f"<{kind} that did not come back: {why}>"
    error, missing, starts = RuntimeError, AttributeError, str.startswith

    def used(*_: Any, **__: Any) -> Any:
        raise error(message)

    def attribute(_: Any, name: str) -> Any:
        if starts(name, "_"):
            raise missing(message)  # inspection of any object asks for these
        raise error(message)

    methods: dict[str, Any] = dict.fromkeys(
        (
            *("__call__", "__iter__", "__next__", "__len__", "__getitem__", "__setitem__"),
            *("__delitem__", "__contains__", "__enter__", "__exit__", "__bool__", "__int__"),
            *("__float__", "__index__", "__add__", "__setattr__", "__reduce_ex__", "__await__"),
        ),
        used,
    )
    methods.update(__getattr__=attribute, __repr__=lambda _: words)
    names = {**methods, MARK: (kind, why), "__module__": "builtins", "__slots__": ()}
    return type(kind, (), names)()


def places(value: Any, wanted: set[int], apart: Any, budget: list[int]) -> dict[int, str]:
    """The path from a value to each of the wanted objects, as far as the budget allows.

    Objects reached only through ``apart`` are not part of the value.
    """
    found: dict[int, str] = {}
    seen = {id(value), id(apart)}
    level: list[tuple[Any, str]] = [(value, "")]
    while level and budget[0] > 0 and len(found) < len(wanted):
        following = []
        for holder, way in level:
            for part, step in _parts(holder):
                budget[0] -= 1
                if id(part) in seen:
                    continue
                seen.add(id(part))
                if id(part) in wanted:
                    found[id(part)] = (way + step)[:MAX_WAY]
                elif len(way) < MAX_WAY:
                    following.append((part, way + step))
        level = following
    return found


MAX_WAY = 200


def _parts(holder: Any) -> Any:
    """The objects that an object holds directly, each with the step to it."""
    kind = type(holder)
    if kind in (str, bytes, int, float, complex, bool, type(None), types.ModuleType):
        return
    if isinstance(holder, dict):
        for key, value in list(dict.items(holder)):
            yield value, f"[{key!r}]" if type(key) in (str, int) else "[…]"
    elif isinstance(holder, (list, tuple)):
        yield from ((value, f"[{place}]") for place, value in enumerate(tuple(holder)))
    elif isinstance(holder, (set, frozenset)):
        yield from ((value, "{…}") for value in tuple(holder))
    elif kind is types.FunctionType:
        for name, cell in zip(holder.__code__.co_freevars, holder.__closure__ or ()):
            if cell != types.CellType():
                yield cell.cell_contents, f".<{name}>"
        yield from ((value, "(default)") for value in holder.__defaults__ or ())
    elif kind is types.MethodType:
        yield holder.__self__, ".__self__"
    names = own_names(holder)
    if type(names) is dict or type(names) is types.MappingProxyType:
        for name, value in list(names.items()):
            yield value, f".{name}"
    for base in type.__dict__["__mro__"].__get__(kind):
        for name, member in list(type.__dict__["__dict__"].__get__(base).items()):
            if type(member) is types.MemberDescriptorType and base.__flags__ & (1 << 9):
                try:
                    yield member.__get__(holder), f".{name}"
                except AttributeError:
                    continue


def own_names(holder: Any) -> Any:
    """The attributes of an object, read without running its code."""
    try:
        if issubclass(type(holder), type):
            return type.__dict__["__dict__"].__get__(holder)
        return object.__getattribute__(holder, "__dict__")
    except (AttributeError, TypeError):
        return None


def text_name(kind: type) -> str:
    """A description of a type's objects."""
    return text_of(kind, "__qualname__")[:MAX_WAY] or "something"
