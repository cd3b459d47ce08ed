"""The type and a short text of an object, read without running the object's own code."""

from __future__ import annotations

import contextlib
import sys
import time
import types
from typing import Any

MISSING = object()

MAX_PREVIEW = 80

MAX_WORD = 200
"""Characters of a name that came from an object."""

MAX_ITEMS = 6

MAX_DEPTH = 3

MAX_DIGITS = 1_000
"""Bits of a number that is written out, which takes time quadratic in them."""

MODULE = type.__dict__["__module__"]
NAME = type.__dict__["__qualname__"]
MRO = type.__dict__["__mro__"]
DICT = type.__dict__["__dict__"]

ATOMS = (int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented))

TEXTS = (str, bytes, bytearray)

CONTAINERS = (list, tuple, dict, set, frozenset)

BRACKETS: dict[Any, str] = {list: "[]", tuple: "()", dict: "{}", set: "{}", frozenset: "{}"}

FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
)


SCALARS = {
    "datetime": ("datetime", "date", "time", "timedelta"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "uuid": ("UUID",),
    "pandas": ("Timestamp", "Timedelta", "Period", "Interval"),
}
"""Classes whose values have their own short text."""


class Late(Exception):
    """The caller has stopped waiting for the answer."""


def check_time(until: float | None) -> None:
    """Raise Late after ``until``, in seconds since the epoch."""
    if until is not None and time.time() > until:
        raise Late


def cut(text: str, limit: int) -> str:
    """A text's beginning, also of a subclass of str that overrides slicing."""
    head = str.__getitem__(text, slice(0, limit + 1))
    return head if len(head) <= limit else head[: limit - 1] + "…"


def words_of(cls: type, descriptor: Any) -> str:
    found = descriptor.__get__(cls)
    return cut(found, MAX_WORD) if type(found) is str else ""


def module_of(cls: type) -> str:
    """The name of the module that a class gives."""
    try:
        return words_of(cls, MODULE)
    except AttributeError:
        return ""


def class_name(cls: type) -> str:
    """A class's name without its module, like ``DataFrame`` or ``list``."""
    return words_of(cls, NAME).rpartition("<locals>.")[2] or "?"


def type_name(value: Any) -> str:
    """The name of a value's class, like ``pandas.DataFrame``, ``list`` or ``Model``."""
    cls = type(value)
    root = module_of(cls).partition(".")[0]
    plain = root in ("", "builtins", "__main__")
    return class_name(cls) if plain else root + "." + class_name(cls)


def mro(cls: type) -> tuple[type, ...]:
    return MRO.__get__(cls)  # type: ignore[no-any-return]


def is_a(value: Any, *classes: type) -> bool:
    """Like isinstance, without asking ``__class__`` or a metaclass."""
    line = mro(type(value))
    return any(cls is known for cls in line for known in classes)


def class_dict(cls: type) -> Any:
    return DICT.__get__(cls)


def in_class(cls: type, name: str) -> Any:
    """An attribute of a class or of one of its bases; MISSING if there is none."""
    for base in mro(cls):
        found = class_dict(base)
        if name in found:
            return found[name]
    return MISSING


def instance_dict(value: Any) -> dict[str, Any] | None:
    """The attributes kept in an object itself; None if its class hides them."""
    descriptor = in_class(type(value), "__dict__")
    if type(descriptor) not in (types.GetSetDescriptorType, types.MemberDescriptorType):
        return None
    try:
        found = descriptor.__get__(value)
    except (AttributeError, TypeError):
        return None
    return found if is_a(found, dict) else None


def items_of(found: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """A copy of a dict's items, also while another thread changes it."""
    for _ in range(4):
        with contextlib.suppress(RuntimeError):
            return list(dict.items(found))
    return []


def length(value: Any) -> int | None:
    """The length of a builtin container or text, of subclasses too."""
    for base in (*CONTAINERS, *TEXTS, range, memoryview):
        if is_a(value, base):
            return base.__len__(value)
    return None


def size(value: Any) -> int | None:
    """Bytes of a builtin object itself, without the objects that it refers to."""
    cls = type(value)
    if cls in ATOMS or cls in TEXTS or cls in CONTAINERS or cls is range:
        return sys.getsizeof(value)
    return None


def brief(value: Any, limit: int = MAX_PREVIEW, depth: int = MAX_DEPTH) -> str:
    """A short text of a value: its repr if that is Python's own, otherwise its class."""
    return cut(_brief(value, limit, depth, set()), limit)


def _brief(value: Any, limit: int, depth: int, above: set[int]) -> str:
    cls = type(value)
    if cls is int and value.bit_length() > MAX_DIGITS:
        return f"<int of {value.bit_length()} bits>"
    if cls in ATOMS:
        return repr(value)
    if cls in TEXTS:
        return _text(value, limit)
    if cls is range:
        return repr(value)
    if cls in CONTAINERS:
        return _container(value, limit, depth, above)
    return _foreign(value)


def _text(value: Any, limit: int) -> str:
    if len(value) <= limit:
        return cut(repr(value), limit)
    return repr(value[:limit])[: limit - 1] + "…"


def _container(value: Any, limit: int, depth: int, above: set[int]) -> str:
    brackets = BRACKETS[type(value)]
    left, right = brackets[0], brackets[1]
    if not value:
        return repr(value)
    if depth <= 0 or id(value) in above:
        return f"{left}…{right}"
    above = above | {id(value)}
    parts: list[str] = []
    used = 0
    for item in _first(value, limit):
        if len(parts) == max(MAX_ITEMS, limit // 8) or used > limit:
            parts.append("…")
            break
        if type(value) is dict:
            word = "{}: {}".format(*(_brief(part, limit, depth - 1, above) for part in item))
        else:
            word = _brief(item, limit, depth - 1, above)
        parts.append(word)
        used += len(word) + 2
    if type(value) is tuple and len(value) == 1:
        parts.append("")
    text = left + ", ".join(parts).rstrip(" " if len(value) == 1 else "") + right
    return f"frozenset({text})" if type(value) is frozenset else text


def _first(value: Any, limit: int) -> list[Any]:
    """The first items of an exact builtin container, also while another thread changes it."""
    count = max(MAX_ITEMS, limit // 8) + 1
    if type(value) in (list, tuple):
        return list(value[:count])
    found: list[Any] = []
    for _ in range(4):
        found.clear()
        try:
            for item in value.items() if type(value) is dict else value:
                found.append(item)
                if len(found) == count:
                    break
        except RuntimeError:
            continue
        break
    return found


def library(name: str) -> dict[str, Any]:
    """The namespace of the module of that name, if it is loaded and an ordinary module."""
    module = sys.modules.get(name)
    return vars(module) if type(module) is types.ModuleType else {}


def scalar_text(value: Any) -> str:
    """The text of a date, a decimal or a similar value of a library; otherwise empty."""
    if value is library("pandas").get("NaT") or value is library("pandas").get("NA"):
        return str(value)
    for name, classes in SCALARS.items():
        found = library(name)
        if any(found.get(known) is type(value) for known in classes):
            zone = getattr(value, "tzinfo", None)  # the text of a time runs code of its time zone
            zones = (library("datetime").get("timezone"), library("zoneinfo").get("ZoneInfo"))
            return str(value) if zone is None or type(zone) in zones else ""
    generic = library("numpy").get("generic", Late)
    if is_a(value, generic) and module_of(type(value)) == "numpy" and length(value) is None:
        return str(value)
    return ""


def _foreign(value: Any) -> str:
    """A value whose own repr may be a user's code."""
    cls = type(value)
    words = scalar_text(value)
    if words:
        return words
    if cls is types.ModuleType:
        return f"<module {module_name(value)}>"
    if is_a(value, type):
        return f"<class {class_name(value)}>"
    if cls is types.FunctionType:
        return f"<function {cut(value.__qualname__, MAX_WORD)}>"
    number = length(value)
    if number is not None:
        return f"<{type_name(value)} of {number:,}>"
    return f"<{type_name(value)} object>"


def module_name(value: Any) -> str:
    """The name of a module."""
    found = (instance_dict(value) or {}).get("__name__")
    return cut(found, MAX_WORD) if type(found) is str else "?"
