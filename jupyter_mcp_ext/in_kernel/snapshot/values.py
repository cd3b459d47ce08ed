"""Values that pickle loses, copies or refuses, and that can be rebuilt."""

from __future__ import annotations

import contextvars
import functools
import gc
import importlib
import json.scanner
import re
import struct
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .functions import Reduced, cell_reduced, code_reduced
from .holes import LOCK, RLOCK
from .sets import weak_reduced, weak_set_reduced


def lock_reduced(lock: Any) -> Reduced:
    """A lock that is not held is as good as a new one; others are refused."""
    if lock.locked() if hasattr(lock, "locked") else "unlocked" not in repr(lock):
        msg = "a lock that is held cannot be pickled"
        raise TypeError(msg)
    return (make_lock if type(lock) is LOCK else make_rlock), ()


def make_lock() -> Any:
    """A lock."""
    return threading.Lock()


def make_rlock() -> Any:
    """A reentrant lock."""
    return threading.RLock()


def local_reduced(local: Any) -> Reduced:
    """A thread-local object, with this thread's values."""
    return make_local, (type(local),), dict(local.__dict__)


def make_local(kind: Any) -> Any:
    """A thread-local object, filled for this thread."""
    return threading.local.__new__(kind)


def view_reduced(view: Any) -> Reduced:
    """A view of a dictionary, which stays a view."""
    owner = gc.get_referents(view)[0]
    return make_view, (owner, type(view).__name__.rpartition("_")[2])


def make_view(owner: Any, what: str) -> Any:
    """A view of a dictionary."""
    kind = type(owner)
    return getattr(OrderedDict if issubclass(kind, OrderedDict) else dict, what)(owner)


def proxy_reduced(proxy: Any) -> Reduced:
    """A mapping proxy. That of a class's attributes is found through the class."""
    owner = gc.get_referents(proxy)[0]
    if type(owner) is dict and "__module__" in owner and "__weakref__" in owner:
        for holder in gc.get_referrers(owner):
            if isinstance(holder, type):
                return vars, (holder,)
    return types.MappingProxyType, (owner,)


def memoryview_reduced(view: Any) -> Reduced:
    """A memoryview of a whole buffer."""
    whole: Any = memoryview(view.obj)
    if (whole.nbytes, whole.strides, whole.shape) != (view.nbytes, view.strides, view.shape):
        return _part_of_memory(view, whole)
    is_locked = view.readonly and not whole.readonly
    return make_memoryview, (view.obj, view.format, view.shape, is_locked, None)


def _part_of_memory(view: Any, whole: Any) -> Reduced:
    """A slice of a buffer, found by its position."""
    ctypes: Any = importlib.import_module("ctypes")  # rarely needed
    if (
        view.ndim != 1
        or whole.ndim != 1
        or not whole.contiguous
        or view.readonly
        or not view.nbytes
    ):
        msg = "a memoryview of this kind cannot be pickled"
        raise TypeError(msg)
    first = [ctypes.addressof(ctypes.c_char.from_buffer(one)) for one in (view, whole)]
    step = view.strides[0] // whole.itemsize
    start = (first[0] - first[1]) // whole.itemsize
    part = slice(start, start + view.shape[0] * step, step)
    if whole[part] != view or step <= 0:
        msg = "a memoryview of this kind cannot be pickled"
        raise TypeError(msg)
    return make_memoryview, (
        view.obj,
        view.format,
        view.shape,
        False,
        (part.start, part.stop, step),
    )


def make_memoryview(owner: Any, form: str, shape: Any, is_locked: bool, part: Any) -> Any:
    """A view of a buffer."""
    view: Any = memoryview(owner)
    if part is not None:
        return view[slice(*part)]
    if view.format != form or view.shape != shape:
        view = view.cast("B").cast(form, shape) if len(shape) != 1 else view.cast("B").cast(form)
    return view.toreadonly() if is_locked else view


def property_reduced(made: property) -> Reduced:
    """A property; nothing is called."""
    return type(made), (made.fget, made.fset, made.fdel, made.__doc__)


def wrapper_reduced(made: Any) -> Reduced:
    """A class method or static method."""
    return type(made), (made.__func__,)


def method_reduced(method: Any) -> Reduced:
    """A bound method of exactly this function."""
    return types.MethodType, (method.__func__, method.__self__)


def cache_reduced(wrapper: Any) -> Reduced:
    """A function with a cache, which begins empty."""
    parameters = wrapper.cache_parameters()
    given = (parameters["maxsize"], parameters["typed"])
    attributes = dict(vars(wrapper))
    function = attributes.pop("__wrapped__")
    return make_cached, (function, *given), attributes, None, None, fill_attributes


def make_cached(function: Any, maxsize: Any, typed: bool) -> Any:
    """A function with a cache."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)


def fill_attributes(obj: Any, attributes: Any) -> None:
    """Add attributes to an object."""
    vars(obj).update(attributes)


def reference_reduced(reference: Any) -> Reduced:
    """A weak reference; its object may be gone."""
    target = reference()
    return (make_dead_reference, ()) if target is None else (weakref.ref, (target,))


class Gone:
    """The target of a dead weak reference."""


def make_dead_reference() -> Any:
    """A weak reference to nothing."""
    return weakref.ref(Gone())


def match_reduced(match: Any) -> Reduced:
    """A match, which is made again by its expression."""
    for way in ("match", "fullmatch", "search"):
        if _is_same(getattr(match.re, way)(match.string, match.pos, match.endpos), match):
            return find_match, (match.re, match.string, match.pos, match.endpos, way, 0)
    for number, found in enumerate(match.re.finditer(match.string, match.pos, match.endpos)):
        if _is_same(found, match):
            return find_match, (match.re, match.string, match.pos, match.endpos, "finditer", number)
    msg = "a match cannot be pickled"
    raise TypeError(msg)


def _is_same(found: Any, match: Any) -> bool:
    return found is not None and found.regs == match.regs and found.lastindex == match.lastindex


def find_match(pattern: Any, text: Any, pos: int, endpos: int, way: str, number: int) -> Any:
    """A match."""
    found = getattr(pattern, way)(text, pos, endpos)
    if way == "finditer":
        for _ in range(number):
            next(found)
        return next(found)
    return found


def struct_reduced(layout: Any) -> Reduced:
    """A compiled ``struct``."""
    return struct.Struct, (layout.format,)


def variable_reduced(variable: Any) -> Reduced:
    """A context variable, with its value in the session's context."""
    try:
        given = {"default": contextvars.Context().run(variable.get)}
    except LookupError:
        given = {}
    here = contextvars.copy_context()
    value = (here[variable],) if variable in here else ()
    return make_variable, (variable.name, given), value, None, None, fill_variable


def make_variable(name: str, given: Any) -> Any:
    """A context variable."""
    return contextvars.ContextVar(name, **given)


def fill_variable(variable: Any, value: Any) -> None:
    """Set it where the session's code runs."""
    if value:
        variable.set(value[0])


def scanner_reduced(scanner: Any) -> Reduced:
    """What a decoder of JSON reads with."""
    names = [name for name in dir(scanner) if not name.startswith("_")]
    return make_scanner, ({name: getattr(scanner, name) for name in names},)


def make_scanner(options: Any) -> Any:
    """What a decoder of JSON reads with."""
    context: Any = types.SimpleNamespace(**options)
    return json.scanner.make_scanner(context)


WAYS: dict[Any, Callable[[Any], Reduced]] = {
    LOCK: lock_reduced,
    RLOCK: lock_reduced,
    types.CellType: cell_reduced,
    types.CodeType: code_reduced,
    types.MappingProxyType: proxy_reduced,
    types.MethodType: method_reduced,
    type({}.keys()): view_reduced,
    type({}.values()): view_reduced,
    type({}.items()): view_reduced,
    type(OrderedDict().keys()): view_reduced,
    type(OrderedDict().values()): view_reduced,
    type(OrderedDict().items()): view_reduced,
    memoryview: memoryview_reduced,
    property: property_reduced,
    classmethod: wrapper_reduced,
    staticmethod: wrapper_reduced,
    type(functools.lru_cache(None)(len)): cache_reduced,
    weakref.ref: reference_reduced,
    weakref.WeakKeyDictionary: weak_reduced,
    weakref.WeakValueDictionary: weak_reduced,
    weakref.WeakSet: weak_set_reduced,
    re.Match: match_reduced,
    struct.Struct: struct_reduced,
    contextvars.ContextVar: variable_reduced,
    json.scanner.make_scanner: scanner_reduced,
}
"""By exact type."""
