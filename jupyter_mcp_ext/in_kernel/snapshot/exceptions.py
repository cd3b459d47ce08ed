"""Exceptions, made without a call of their classes."""

from __future__ import annotations

import types
from typing import Any

from .functions import Reduced


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
    """Give an exception its attributes besides the arguments."""
    attributes, fields = state
    err.__dict__.update(attributes)
    for name, value in fields.items():
        try:
            setattr(err, name, value)
        except (AttributeError, TypeError, ValueError):
            continue  # those of OSError's aliases


def is_plain_exception(kind: Any) -> bool:
    """Whether an exception is pickled in Python's default way."""
    native = next(base for base in kind.__mro__ if not base.__flags__ & (1 << 9))
    return (
        kind.__reduce__ is native.__reduce__
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__setstate__ is native.__setstate__
    )
