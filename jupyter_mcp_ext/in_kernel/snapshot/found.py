"""Objects that can be found again by name: modules and their contents."""

from __future__ import annotations

import os
import sys
import sysconfig
import types
from typing import Any

from .words import text_of

STANDARD = tuple(
    {os.path.realpath(sysconfig.get_paths()[of]) + os.sep for of in ("stdlib", "platstdlib")}
)

INSTALLED = {"site-packages", "dist-packages"}
"""Folders of libraries; an environment's folder may also have the user's modules."""

FOUND_OTHERWISE = (
    *(int, float, complex, str, bytes, bytearray, bool, type(None), type(Ellipsis)),
    *(tuple, list, dict, set, frozenset, range, slice, type(NotImplemented)),
    *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.MethodType),
)
"""Types of module contents that are not unique objects, or have names of their own."""

BUILTIN_TYPES = {value: name for name, value in vars(types).items() if type(value) is type}
"""Types that are not found under their own name."""


def is_importable(module: Any) -> bool:
    """Whether importing its name gives this module in another process too."""
    name = text_of(module, "__name__")
    return sys.modules.get(name) is module and is_imported(name)


def is_imported(name: str) -> bool:
    """Whether importing this name gives the same in another process."""
    module = sys.modules.get(name)
    return (
        name != "__main__"
        and isinstance(module, types.ModuleType)
        and vars(module).get("__spec__") is not None
    )


def import_name(value: Any) -> str:
    """The name under which a module is imported; empty if it is no such module."""
    return text_of(value, "__name__") if is_importable(value) else ""


def has_name(value: Any) -> bool:
    """Whether importing a function's or class's name finds it."""
    module = text_of(value, "__module__")
    if not is_imported(module):
        return False
    found: Any = sys.modules[module]
    for part in text_of(value, "__qualname__").split("."):
        found = getattr(found, part, None)
    return found is value


def is_library(module: Any) -> bool:
    """Whether its file belongs to Python or an installed package, and not to the user."""
    path = text_of(module, "__file__")
    if not path or not INSTALLED.isdisjoint(path.split(os.sep)):
        return True
    return os.path.realpath(path).startswith(STANDARD)


def singles() -> dict[int, tuple[str, str]]:
    """The unique objects of libraries, by id, with the places where they are found."""
    found: dict[int, tuple[str, str]] = {}
    for name, module in list(sys.modules.items()):
        if name in {"sys", "builtins"} or not is_imported(name) or not is_library(module):
            continue
        for attribute, value in list(vars(module).items()):
            kind = type(value)
            if kind in FOUND_OTHERWISE or issubclass(kind, type) or not has_name(kind):
                continue
            found.setdefault(id(value), (name, attribute))
    return found


def own_containers() -> list[tuple[tuple[str, str], Any]]:
    """The lists, sets and dictionaries in the user's own modules, with their places."""
    found: dict[int, tuple[tuple[str, str], Any]] = {}
    for name, module in list(sys.modules.items()):
        if not is_imported(name) or is_library(module):
            continue
        for attribute, value in list(vars(module).items()):
            if type(value) in (list, set, dict) and not attribute.startswith("__"):
                found.setdefault(id(value), ((name, attribute), value))
    return list(found.values())


def container_of(module: str, name: str, kind: str) -> Any:
    """A module's container, or an empty one if that cannot be imported."""
    made: Any = {"list": list, "set": set, "dict": dict}[kind]
    try:
        found = attribute_of(module, name)
    except Exception:  # noqa: BLE001  # modules run code
        return made()
    return found if type(found) is made else made()


def fill_container(container: Any, contents: Any) -> None:
    """Give it its former contents."""
    if type(container) is list:
        container[:] = contents
    else:
        container.clear()
        container.update(contents)


def attribute_of(module: str, name: str) -> Any:
    """An attribute of an imported module."""
    __import__(module)
    return getattr(sys.modules[module], name)


def module_of(name: str) -> Any:
    """An imported module."""
    __import__(name)
    return sys.modules[name]


def names_of(module: str) -> dict[str, Any]:
    """The names of an imported module."""
    names: dict[str, Any] = vars(module_of(module))
    return names
