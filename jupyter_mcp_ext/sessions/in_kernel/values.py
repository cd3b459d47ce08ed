"""Values that pickle loses, copies or refuses, and that can be made again as they were."""

from __future__ import annotations

import functools
import gc
import importlib
import os
import re
import sys
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .functions import Reduced, cell_reduced, code_reduced
from .holes import LOCK, RLOCK


def lock_reduced(lock: Any) -> Reduced:
    """A lock that nothing holds is as good as a new one; another is refused."""
    if lock.locked() if hasattr(lock, "locked") else "unlocked" not in repr(lock):
        msg = "a lock that is held cannot be pickled"
        raise TypeError(msg)
    return (make_lock if type(lock) is LOCK else make_rlock), ()


def make_lock() -> Any:
    """A lock."""
    return threading.Lock()


def make_rlock() -> Any:
    """A lock that its thread may take again."""
    return threading.RLock()


def local_reduced(local: Any) -> Reduced:
    """What is local to threads, with what this one has."""
    return make_local, (type(local),), dict(local.__dict__)


def make_local(kind: Any) -> Any:
    """What is local to threads; this one's is filled."""
    return threading.local.__new__(kind)


def view_reduced(view: Any) -> Reduced:
    """A view of a dictionary, which is still one."""
    owner = gc.get_referents(view)[0]
    return make_view, (owner, type(view).__name__.rpartition("_")[2])


def make_view(owner: Any, what: str) -> Any:
    """A view of a dictionary."""
    kind = type(owner)
    return getattr(OrderedDict if issubclass(kind, OrderedDict) else dict, what)(owner)


def proxy_reduced(proxy: Any) -> Reduced:
    """A view of a mapping. That of a class's attributes is found at the class."""
    owner = gc.get_referents(proxy)[0]
    if type(owner) is dict and "__module__" in owner and "__weakref__" in owner:
        for holder in gc.get_referrers(owner):
            if isinstance(holder, type):
                return vars, (holder,)
    return types.MappingProxyType, (owner,)


def memoryview_reduced(view: Any) -> Reduced:
    """A view of all of a buffer."""
    whole: Any = memoryview(view.obj)
    if (whole.nbytes, whole.strides, whole.shape) != (view.nbytes, view.strides, view.shape):
        return _part_of_memory(view, whole)
    is_locked = view.readonly and not whole.readonly
    return make_memoryview, (view.obj, view.format, view.shape, is_locked, None)


def _part_of_memory(view: Any, whole: Any) -> Reduced:
    """A slice of a buffer, found by its place."""
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
    """A property; it calls nothing."""
    return type(made), (made.fget, made.fset, made.fdel, made.__doc__)


def wrapper_reduced(made: Any) -> Reduced:
    """A class method or static method."""
    return type(made), (made.__func__,)


def method_reduced(method: Any) -> Reduced:
    """A bound method: of this very function."""
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
    """Set attributes beside those that it has."""
    vars(obj).update(attributes)


def reference_reduced(reference: Any) -> Reduced:
    """A weak reference; what it was for may be gone."""
    target = reference()
    return (make_dead_reference, ()) if target is None else (weakref.ref, (target,))


class Gone:
    """What a weak reference refers to that has nothing left."""


def make_dead_reference() -> Any:
    """A weak reference to nothing."""
    return weakref.ref(Gone())


def weak_reduced(holder: Any) -> Reduced:
    """A weak dictionary."""
    return type(holder), (), None, None, iter(list(holder.items()))


def weak_set_reduced(holder: Any) -> Reduced:
    """A weak set."""
    return type(holder), (list(holder),)


def match_reduced(match: Any) -> Reduced:
    """A match, which its expression finds again."""
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


def exception_reduced(err: BaseException) -> Reduced:
    """An exception, made without a call of its class."""
    kind = type(err)
    native = next(base for base in kind.__mro__ if not base.__flags__ & (1 << 9))
    fields = {}
    for base in native.__mro__[:-1]:
        for name, member in vars(base).items():
            is_field = type(member) in (types.MemberDescriptorType, types.GetSetDescriptorType)
            if is_field and not name.startswith("__") and name != "args":
                try:
                    value = getattr(err, name)
                except AttributeError:
                    continue
                if value is not None:
                    fields[name] = value
    fields.update(__cause__=err.__cause__, __context__=err.__context__)
    fields.update(__suppress_context__=err.__suppress_context__)
    state = (dict(err.__dict__), fields)
    return make_exception, (native, kind, err.args), state, None, None, fill_exception


def make_exception(native: Any, kind: Any, args: Any) -> Any:
    """An exception with its arguments."""
    err: BaseException = native.__new__(kind)
    err.args = args
    return err


def fill_exception(err: BaseException, state: Any) -> None:
    """Give an exception what it had beside its arguments."""
    attributes, fields = state
    err.__dict__.update(attributes)
    for name, value in fields.items():
        try:
            setattr(err, name, value)
        except (AttributeError, TypeError, ValueError):
            continue  # those of OSError's older names


def is_plain_exception(kind: Any) -> bool:
    """Whether an exception is pickled as Python does, and not in a way of its own."""
    native = next(base for base in kind.__mro__ if not base.__flags__ & (1 << 9))
    return (
        kind.__reduce__ is native.__reduce__
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__setstate__ is native.__setstate__
    )


def memmap_reduced(array: Any) -> Reduced:
    """An array in a file, which is opened again if the file is as it was."""
    found = os.stat(array.filename)
    if array.mode == "c":
        msg = "a private memory map cannot be pickled"
        raise TypeError(msg)
    array.flush()
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    mode = "r" if array.mode == "r" else "r+"
    given = (str(array.filename), array.dtype, mode, array.offset, array.shape, order)
    return open_memmap, (*given, found.st_size)


def open_memmap(
    name: str, dtype: Any, mode: str, offset: int, shape: Any, order: str, size: int
) -> Any:
    """An array in a file."""
    if os.stat(name).st_size != size:
        msg = f"the file {name} has another size than it had"
        raise ValueError(msg)
    return sys.modules["numpy"].memmap(name, dtype, mode, offset, shape, order)


def array_reduced(array: Any) -> Reduced:
    """An array; what shows the same memory as another one still does."""
    numpy = sys.modules["numpy"]
    base = array.base
    while type(base).__name__ == "DummyArray":  # of numpy's as_strided
        base = base.base
    # What alone holds its memory is as good as a copy.
    is_view = type(base) is numpy.ndarray and sys.getrefcount(base) > ALONE and base.size
    flags = base.flags if is_view else None
    if flags is not None and (flags.c_contiguous or flags.f_contiguous):
        start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        if 0 <= start < base.nbytes and array.dtype.hasobject == base.dtype.hasobject:
            given = (array.dtype, start, array.shape, array.strides, array.flags.writeable)
            return make_array_view, (base, *given)
    return _whole(array) if array.flags.writeable else _locked(array)


OWNED = 64_000_000
"""Bytes up to which an array is given memory of its own, as it had; a larger one keeps what was
read, since a copy beside that would take as much again."""


def _whole(array: Any) -> Reduced:
    made, given, *more = array.__reduce_ex__(5)
    if type(array) is sys.modules["numpy"].ndarray and made.__name__ == "_frombuffer":
        made = make_array
    return (made, given, *more)


def make_array(buffer: Any, dtype: Any, shape: Any, order: str) -> Any:
    """An array that views are of: numpy's own way puts another one beneath it."""
    array = sys.modules["numpy"].ndarray(shape, dtype, buffer, 0, None, order)
    return array.copy(order) if array.nbytes <= OWNED else array


ALONE = 3
"""References to an array that only its view holds: the view, the name here and the argument."""


def _locked(array: Any) -> Reduced:
    made, given, *more = _whole(array)
    return make_locked, (made, given, *more)


def make_locked(made: Any, given: Any, state: Any = None) -> Any:
    """An array that must not be written."""
    array = made(*given)
    if state is not None:
        array.__setstate__(state)
    array.flags.writeable = False
    return array


def make_array_view(
    base: Any, dtype: Any, start: int, shape: Any, strides: Any, is_writeable: bool
) -> Any:
    """A view of an array."""
    numpy = sys.modules["numpy"]
    flat = base.reshape(-1, order="C" if base.flags.c_contiguous else "F")
    if dtype.hasobject:
        part = flat[start // base.itemsize :]
        array = numpy.lib.stride_tricks.as_strided(part, shape, strides)
    else:
        array = numpy.ndarray(shape, dtype, flat.view("u1"), start, strides)
    if not is_writeable:
        array.flags.writeable = False
    return array


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
}
"""By exact type."""
