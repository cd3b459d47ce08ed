"""Follows a name to its value, without running a user's code on the way."""

from __future__ import annotations

import collections
import difflib
import types
from collections.abc import Iterable
from typing import Any

from .libraries import kind
from .plain import (
    MISSING,
    brief,
    class_name,
    cut,
    in_class,
    instance_dict,
    is_a,
    items_of,
    library,
    module_of,
    mro,
    type_name,
)

MAX_CANDIDATES = 500

SEQUENCES = (list, tuple, str, bytes, range, collections.deque)

FRAMES = ("pandas.DataFrame", "polars.DataFrame", "xarray.Dataset")

SHOWN = {
    "pandas": ("index", "columns", "dtypes", "dtype", "name", "shape", "size", "attrs"),
    "polars": ("columns", "dtypes", "dtype", "name", "shape", "schema"),
    "numpy": ("dtype", "shape", "size", "ndim", "base", "T", "real", "imag"),
    "xarray": ("dims", "sizes", "dtype", "name", "shape", "attrs", "coords", "data_vars"),
    "torch": ("dtype", "shape", "device", "grad", "data", "requires_grad"),
}
"""Attributes of a library's values that exist already: computing others may take long."""

FIELD = type(collections.namedtuple("FIELD", "one").__dict__["one"])  # for what its field is
"""The type of a named tuple's field descriptor."""

COLLECTIONS = ("Sequential", "ModuleList", "ParameterList")


class Unresolved(Exception):
    """A name leads to no value; the message is a sentence for a model."""


def resolve(namespace: dict[str, Any], steps: list[Any]) -> Any:
    """The value at the end of the steps. Raises Unresolved."""
    first = str(steps[0][1])
    value = in_dict(namespace, first)
    if value is MISSING:
        near = near_names(first, (k for k in list(namespace) if type(k) is str and k[:1] != "_"))
        msg = f"There is no variable {cut(first, 80)!r}.{near} get_variables lists them."
        raise Unresolved(msg)
    path = first
    for how, key in steps[1:]:
        if how == "attribute":
            value = attribute(value, key, path)
            path += "." + key
        else:
            value = item(value, key, path)
            path += f"[{key!r}]"
    return value


def near_names(name: str, names: Iterable[Any]) -> str:
    """A sentence that offers names like one that does not exist."""
    near = nearest(name, names)
    return " Did you mean {}?".format(" or ".join(near)) if near else ""


def nearest(name: str, names: Iterable[Any]) -> list[str]:
    """The names similar to one that does not exist, the most similar first."""
    low = name.lower()
    words = [w for w in names if type(w) is str and abs(len(w) - len(name)) < 4 + len(name) // 2]
    words.sort(key=lambda word: (word.lower()[:2] != low[:2], word[-1:] != name[-1:]))
    by_low = {word.lower(): word for word in reversed(words[:MAX_CANDIDATES])}
    return [by_low[found] for found in difflib.get_close_matches(low, list(by_low), 3, 0.6)]


def in_dict(found: dict[Any, Any], key: Any) -> Any:
    """A dict's value for a str or int: a look-up would run the ``__eq__`` of other keys."""
    for known, value in items_of(found):
        if type(known) in (str, int, bool, float) and known == key:
            return value
    return MISSING


def refused(path: str, key: str, why: str) -> Unresolved:
    return Unresolved(
        f"{cut(key, 80)} of {path} was not looked up, since {why}: that would run code. "
        "execute_code can run it."
    )


def item(value: Any, key: Any, path: str) -> Any:
    """``value[key]``"""
    if is_a(value, dict):
        return dict_item(value, key, path)
    for base in SEQUENCES:
        if is_a(value, base):
            if in_class(type(value), "__getitem__") is not in_class(base, "__getitem__"):
                break
            return sequence_item(base, value, key, path)
    if kind(value):
        return library_item(value, key, path)
    parts = instance_dict(value)
    if parts is not None and any(type(value) is known for known in module_lists()):
        found = list(dict.values(parts.get("_modules") or parts.get("_parameters") or {}))
        return sequence_item(list, found, key, path)
    raise refused(path, f"[{key!r}]", f"{type_name(value)} is not a list or dict")


def dict_item(value: Any, key: Any, path: str) -> Any:
    if in_class(type(value), "__getitem__") is not dict.__dict__["__getitem__"]:
        raise refused(path, f"[{key!r}]", f"{type_name(value)} has its own items")
    found = in_dict(value, key)
    if found is MISSING:
        near = near_names(str(key), (k for k, _ in items_of(value)))
        keys = ", ".join(brief(k, 30) for k, _ in items_of(value)[:10])
        msg = "{} has no key {}.{} It has {:,}: {}.".format(
            path, brief(key), near, dict.__len__(value), keys or "none"
        )
        raise Unresolved(msg)
    return found


def sequence_item(base: Any, value: Any, key: Any, path: str) -> Any:
    if type(key) is not int:
        msg = f"{path} is a {type_name(value)}: its items have numbers."
        raise Unresolved(msg)
    try:
        return base.__getitem__(value, key)
    except IndexError:
        number = base.__len__(value)
        msg = f"{path} has no item {key}: it has {number:,}."
        raise Unresolved(msg) from None


def module_lists() -> list[Any]:
    owner = library("torch.nn.modules.container")
    return [owner[name] for name in COLLECTIONS if name in owner]


def library_item(value: Any, key: Any, path: str) -> Any:
    try:
        if kind(value) in FRAMES and type(key) is int and key not in list(value):
            msg = f"{path}[{key}]: a data frame's items are its columns."
            raise Unresolved(msg)
        if kind(value) == "pandas.Series" and type(key) is int:
            return value.loc[key] if key in value.index else value.iloc[key]
        return value[key]
    except Unresolved:
        raise
    except Exception as err:  # noqa: BLE001  # a library may raise anything
        near = ""
        if kind(value) in FRAMES:
            names = [name for name in list(value)[:2_000] if type(name) is str]
            near = near_names(str(key), names) or " It has {}.".format(", ".join(names[:20]))
        msg = f"{path} has no item {brief(key)} ({class_name(type(err))}).{near}"
        raise Unresolved(msg) from None


def attribute(value: Any, name: str, path: str) -> Any:
    """``value.name``"""
    if is_a(value, types.ModuleType):
        return in_module(value, name, path)
    if name == "__dict__" and instance_dict(value) is not None:
        return instance_dict(value)
    if is_a(value, type):
        found = in_class(value, name)
        if found is MISSING:
            raise missing(value, name, path, (key for base in mro(value) for key in vars_of(base)))
        return from_class(found, value, name, path)
    if kind(value):
        return library_attribute(value, name, path)
    return of_instance(value, name, path)


def vars_of(cls: type) -> list[str]:
    return list(type.__dict__["__dict__"].__get__(cls))


def missing(value: Any, name: str, path: str, names: Iterable[Any]) -> Unresolved:
    near = near_names(name, names)
    return Unresolved(f"{path} ({type_name(value)}) has no attribute {name}.{near}")


def in_module(value: Any, name: str, path: str) -> Any:
    held = instance_dict(value) or {}
    found = in_dict(held, name)
    if found is MISSING and "__getattr__" in held:
        raise refused(path, "." + name, "the module makes it when it is asked for")
    if found is MISSING:
        raise missing(value, name, path, list(held))
    return found


def library_attribute(value: Any, name: str, path: str) -> Any:
    if kind(value) in FRAMES and name in list(value):
        return library_item(value, name, path)
    if in_class(type(value), name) is MISSING:
        names = list(value)[:2_000] if kind(value) in FRAMES else vars_of(type(value))
        raise missing(value, name, path, names)
    if name not in SHOWN.get(kind(value).partition(".")[0], ()):
        raise refused(path, "." + name, f"{kind(value)} may compute it")
    try:
        return getattr(value, name)
    except Exception as err:  # noqa: BLE001  # of a library
        msg = f"{path}.{name} cannot be had ({class_name(type(err))})."
        raise Unresolved(msg) from None


def of_instance(value: Any, name: str, path: str) -> Any:
    cls = type(value)
    in_its_class = in_class(cls, name)
    held = instance_dict(value)
    own = MISSING if held is None else in_dict(held, name)
    if in_its_class is not MISSING and (own is MISSING or is_data_descriptor(in_its_class)):
        return from_instance_class(in_its_class, value, name, path)
    if own is not MISSING:
        return own
    for part in ("_modules", "_parameters", "_buffers"):  # where torch keeps the parts of a model
        found = held.get(part) if held and is_torch_module(cls) else None
        if type(found) is dict and in_dict(found, name) is not MISSING:
            return in_dict(found, name)
    for maker in ("__getattr__", "__getattribute__"):
        if in_class(cls, maker) not in (MISSING, object.__getattribute__):
            raise refused(path, "." + name, f"{type_name(value)} may make it by its {maker}")
    names = [*(held or {}), *(key for base in mro(cls) for key in vars_of(base))]
    raise missing(value, name, path, names)


def is_torch_module(cls: type) -> bool:
    known = library("torch.nn.modules.module").get("Module")
    return known is not None and any(base is known for base in mro(cls))


def is_data_descriptor(found: Any) -> bool:
    return in_class(type(found), "__set__") is not MISSING


def from_instance_class(found: Any, value: Any, name: str, path: str) -> Any:
    is_builtin = module_of(getattr(found, "__objclass__", object)) in ("builtins", "functools")
    if type(found) in (types.MemberDescriptorType, FIELD) or (
        type(found) is types.GetSetDescriptorType and is_builtin
    ):
        try:
            return found.__get__(value)
        except AttributeError:
            msg = f"{path}.{name} is not set."
            raise Unresolved(msg) from None
    return from_class(found, value, name, path)


def from_class(found: Any, value: Any, name: str, path: str) -> Any:
    if type(found) in (staticmethod, classmethod):
        return found.__func__
    if type(found) is types.FunctionType or in_class(type(found), "__get__") is MISSING:
        return found
    if type(found) is property:
        raise refused(path, "." + name, f"it is a property of {type_name(value)}")
    raise refused(path, "." + name, f"it is a {type_name(found)}")
