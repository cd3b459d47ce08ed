"""Arrays of numpy: views still share the memory of their base, others own theirs."""

from __future__ import annotations

import os
import sys
from typing import Any

from .functions import Reduced


def memmap_reduced(array: Any) -> Reduced:
    """An array in a file, which is opened again if the file is unchanged."""
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
    """An array; views of another array's memory stay views."""
    numpy = sys.modules["numpy"]
    base = array.base
    while type(base).__name__ == "DummyArray":  # from numpy's as_strided
        base = base.base
    # An array that alone holds its memory is as good as a copy.
    is_view = type(base) is numpy.ndarray and sys.getrefcount(base) > ALONE and base.size
    flags = base.flags if is_view else None
    if flags is not None and (flags.c_contiguous or flags.f_contiguous):
        start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        if 0 <= start < base.nbytes and array.dtype.hasobject == base.dtype.hasobject:
            given = (array.dtype, start, array.shape, array.strides, array.flags.writeable)
            return make_array_view, (base, *given)
    return _whole(array) if array.flags.writeable else _locked(array)


def _whole(array: Any) -> Reduced:
    made, given, *more = array.__reduce_ex__(5)
    if type(array) is sys.modules["numpy"].ndarray and made.__name__ == "_frombuffer":
        made = make_array
    return (made, given, *more)


COPIED = 64 << 20
"""Bytes that are copied at a time out of a buffer that shrinks as they are."""


def make_array(buffer: Any, dtype: Any, shape: Any, order: str) -> Any:
    """An array with memory of its own: numpy's own way keeps what was read beneath it.

    A large buffer gives up its memory while it is copied, so that there is never twice as much.
    """
    numpy = sys.modules["numpy"]
    if type(buffer) is not bytearray or len(buffer) <= COPIED:
        return numpy.ndarray(shape, dtype, buffer, 0, None, order).copy(order)
    array = numpy.empty(shape, dtype, order)
    flat = array.reshape(-1, order=order).view("u1")
    while buffer:
        start = max(0, len(buffer) - COPIED)
        flat[start : len(buffer)] = numpy.frombuffer(buffer, "u1", offset=start)
        del buffer[start:]
    return array


ALONE = 3
"""References to an array that only its view holds: from the view, the name here, the argument."""


def _locked(array: Any) -> Reduced:
    made, given, *more = _whole(array)
    return make_locked, (made, given, *more)


def make_locked(made: Any, given: Any, state: Any = None) -> Any:
    """An array that is read-only."""
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
