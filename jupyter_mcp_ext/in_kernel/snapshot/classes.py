"""Classes by value: put together again from their parts, without running any of their code.

Neither the metaclass nor ``__init_subclass__``, ``__set_name__`` or a decorator runs: a class is
made empty, remembered, and given its attributes as it had them.
"""

from __future__ import annotations

import contextlib
import sys
import types
from abc import ABCMeta
from typing import Any

from .functions import Reduced

MADE_WITH_THE_CLASS = {"__dict__", "__weakref__", "_abc_impl"}

_abc: Any = sys.modules.get("_abc")
"""None in Pythons other than CPython."""


def class_reduced(cls: Any) -> Reduced:
    """Reduces a class. Raises TypeError for one that only its metaclass can make."""
    meta = type(cls)
    native = next(base for base in meta.__mro__ if not base.__flags__ & HEAP)
    if native is not type:
        msg = f"a class of {meta.__name__} cannot be saved"
        raise TypeError(msg)
    names = type.__dict__["__dict__"].__get__(cls)
    attributes: dict[str, Any] = {}
    slots = []
    for name, value in names.items():
        if type(value) is types.MemberDescriptorType and value.__objclass__ is cls:
            slots.append(name)
        elif name not in MADE_WITH_THE_CLASS and not name.startswith("__annotate_func"):
            attributes[name] = value
    if "__slots__" in attributes:
        slots += [name for name in ("__dict__", "__weakref__") if name in names]
    parts = (
        meta,
        type.__dict__["__name__"].__get__(cls),
        type.__dict__["__qualname__"].__get__(cls),
        type.__dict__["__bases__"].__get__(cls),
        names.get("__module__"),
        tuple(slots) if "__slots__" in attributes else None,
    )
    return make_class, parts, (attributes, _registered(cls)), None, None, fill_class


HEAP = 1 << 9
"""The flag of types made by Python code."""


def _registered(cls: Any) -> list[Any]:
    """The classes that were registered as an abstract one's."""
    if _abc is None or not issubclass(type(cls), ABCMeta) or "_abc_impl" not in vars(cls):
        return []
    found = [reference() for reference in _abc._get_dump(cls)[0]]
    return [one for one in found if one is not None]


def make_class(meta: Any, name: str, qualname: str, bases: Any, module: Any, slots: Any) -> Any:
    """An empty class, to be filled."""
    names = {"__qualname__": qualname}
    if module is not None:
        names["__module__"] = module
    if slots is not None:
        names["__slots__"] = slots
    with _quiet(bases):
        cls = type.__new__(meta, name, bases, names)
    if _abc is not None and issubclass(meta, ABCMeta):
        _abc._abc_init(cls)
    return cls


@contextlib.contextmanager
def _quiet(bases: Any) -> Any:
    """Defines an ``__init_subclass__``, since Python calls the one that it finds."""
    found = {
        base: vars(base)["__init_subclass__"]
        for direct in bases
        for base in direct.__mro__
        if base is not object and "__init_subclass__" in vars(base)
    }
    mutable = {base: method for base, method in found.items() if base.__flags__ & HEAP}
    for base in mutable:
        type.__setattr__(base, "__init_subclass__", classmethod(_nothing))
    try:
        yield
    finally:
        for base, method in mutable.items():
            type.__setattr__(base, "__init_subclass__", method)


def _nothing(_: Any, /, **given: Any) -> None:
    """Stands in for an ``__init_subclass__``."""


def fill_class(cls: Any, state: Any) -> None:
    """Give a class its attributes."""
    attributes, registered = state
    for name, value in attributes.items():
        type.__setattr__(cls, name, value)
    for one in registered:
        _abc._abc_register(cls, one)


def has_own_new(cls: Any) -> bool:
    """Whether Python code makes its instances, which is not run again."""
    return type(cls.__new__) is types.FunctionType


def instance_reduced(obj: Any) -> Reduced:
    """An instance of a class of the session with a ``__new__`` of its own."""
    cls = type(obj)
    native = next(base for base in cls.__mro__ if not base.__flags__ & HEAP)
    reduced: Any = object.__reduce_ex__(obj, 4)
    return (make_instance, (native, cls, *_given(native, obj)), *reduced[2:])


def _given(native: Any, obj: Any) -> Any:
    """The arguments for the builtin type below it."""
    return native.__getnewargs__(obj) if hasattr(native, "__getnewargs__") else ()


def member_reduced(member: Any) -> Reduced:
    """A member of an enum of the session."""
    cls = type(member)
    native: Any = next(base for base in cls.__mro__ if not base.__flags__ & HEAP)
    given = (native, cls, vars(member).get("_name_"), *_given(native, member))
    return make_member, given, dict(vars(member)), None, None, fill_member


def make_member(native: Any, cls: Any, name: Any, *given: Any) -> Any:
    """A member of an enum, with the name from which its hash is computed."""
    member = native.__new__(cls, *given)
    vars(member)["_name_"] = name
    return member


def fill_member(member: Any, state: Any) -> None:
    """Give a member its attributes, in their order."""
    names = vars(member)
    names.clear()
    names.update(state)


def make_instance(native: Any, cls: Any, *given: Any) -> Any:
    """An instance, made by the builtin type below it."""
    return native.__new__(cls, *given)


def fill_instance(obj: Any, state: Any) -> None:
    """Give an instance its attributes."""
    vars(obj).update(state)


def typevar_reduced(var: Any) -> Reduced:
    """A type variable of the session."""
    kind = type(var)
    if kind.__name__ != "TypeVar":
        return make_typevar, (kind, var.__name__, (), {}, MAIN)
    given = {
        "bound": var.__bound__,
        "covariant": var.__covariant__,
        "contravariant": var.__contravariant__,
    }
    return make_typevar, (kind, var.__name__, var.__constraints__, given, var.__module__)


MAIN = "__main__"


def make_typevar(kind: Any, name: str, constraints: Any, given: Any, module: Any) -> Any:
    """A type variable."""
    var = kind(name, *constraints, **given)
    with contextlib.suppress(AttributeError, TypeError):
        var.__module__ = module
    return var


def newtype_reduced(made: Any) -> Reduced:
    """A type that ``typing.NewType`` made in the session."""
    return make_newtype, (type(made), made.__name__, made.__supertype__, made.__module__)


def make_newtype(kind: Any, name: str, supertype: Any, module: Any) -> Any:
    """A new type."""
    made = kind(name, supertype)
    made.__module__ = module
    return made
