"""What can be found again by its name: modules, and what is in them."""

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
"""Folders of libraries; beside them, an environment's folder may have modules of the user's."""

FOUND_OTHERWISE = (
    *(int, float, complex, str, bytes, bytearray, bool, type(None), type(Ellipsis)),
    *(tuple, list, dict, set, frozenset, range, slice, type(NotImplemented)),
    *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.MethodType),
)
"""Types of what is in modules that is no single thing, or has a name of its own."""

BUILTIN_TYPES = {value: name for name, value in vars(types).items() if type(value) is type}
"""Types that are under no name of their own."""


def is_importable(module: Any) -> bool:
    """Whether an import of its name gives this module in another process too."""
    name = text_of(module, "__name__")
    return sys.modules.get(name) is module and is_imported(name)


def is_imported(name: str) -> bool:
    """Whether an import of this name gives what it gives here in another process too."""
    module = sys.modules.get(name)
    return (
        name != "__main__"
        and isinstance(module, types.ModuleType)
        and vars(module).get("__spec__") is not None
    )


def import_name(value: Any) -> str:
    """The name under which a module is imported, empty for what is no such module."""
    return text_of(value, "__name__") if is_importable(value) else ""


def has_name(value: Any) -> bool:
    """Whether a function or class is what an import finds under its name."""
    module = text_of(value, "__module__")
    if not is_imported(module):
        return False
    found: Any = sys.modules[module]
    for part in text_of(value, "__qualname__").split("."):
        found = getattr(found, part, None)
    return found is value


def is_library(module: Any) -> bool:
    """Whether its file is of Python or of what is installed, and not the user's own."""
    path = text_of(module, "__file__")
    if not path or not INSTALLED.isdisjoint(path.split(os.sep)):
        return True
    return os.path.realpath(path).startswith(STANDARD)


def singles() -> dict[int, tuple[str, str]]:
    """The objects that are libraries' single ones, by their id, with where they are found."""
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
    """The lists, sets and dictionaries in modules of the user's own, with their places."""
    found: dict[int, tuple[tuple[str, str], Any]] = {}
    for name, module in list(sys.modules.items()):
        if not is_imported(name) or is_library(module):
            continue
        for attribute, value in list(vars(module).items()):
            if type(value) in (list, set, dict) and not attribute.startswith("__"):
                found.setdefault(id(value), ((name, attribute), value))
    return list(found.values())


def container_of(module: str, name: str, kind: str) -> Any:
    """A module's container, or an empty one where that is not to be had."""
    made: Any = {"list": list, "set": set, "dict": dict}[kind]
    try:
        found = attribute_of(module, name)
    except Exception:  # noqa: BLE001  # modules run code
        return made()
    return found if type(found) is made else made()


def fill_container(container: Any, contents: Any) -> None:
    """Have it contain what it did."""
    if type(container) is list:
        container[:] = contents
    else:
        container.clear()
        container.update(contents)


def attribute_of(module: str, name: str) -> Any:
    """What an imported module has under a name."""
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
