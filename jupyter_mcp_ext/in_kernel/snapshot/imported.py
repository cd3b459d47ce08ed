"""Changes of a session to modules: attributes, submodules, names among the builtins."""

from __future__ import annotations

import builtins
import importlib
import os
import sys
import types
from typing import Any

from .found import has_name, is_importable, is_imported
from .words import text_of, the_shell


def names_of_builtins() -> Any:
    """The names that the session added to the builtins."""
    kinds = (type, types.BuiltinFunctionType, types.MethodType, type(NotImplemented), type(...))
    return {
        name: value
        for name, value in vars(builtins).items()
        if not name.startswith("_")
        and not isinstance(value, (*kinds, bool, type(None)))
        and not has_name(value)
        and type(value).__module__ != "_sitebuiltins"
    }


def set_names_of_builtins(state: Any) -> None:
    """Add them to the builtins."""
    for name, value in state.items():
        if name not in vars(builtins):
            setattr(builtins, name, value)


def atoms_of_modules() -> Any:
    """Plain attributes of the user's modules, which the session may have set, with file times."""
    found = {}
    for module in list(the_shell().user_ns.values()):
        if is_importable(module) and module.__name__ not in ("sys", "builtins"):
            found[module.__name__] = (written_at(module), atoms_of(module))
    return found


def atoms_of(module: Any) -> dict[str, Any]:
    """Its attributes that are plain values."""
    return {
        name: value
        for name, value in vars(module).items()
        if type(value) in (str, int, float, bool, bytes, type(None))
        and value == value  # noqa: PLR0124  # a NaN would not be equal to itself
        and not name.startswith("_")
    }


def written_at(module: Any) -> Any:
    """The modification time of a module's file."""
    try:
        return os.stat(text_of(module, "__file__")).st_mtime
    except OSError:
        return None


def set_atoms_of_modules(state: Any) -> None:
    """Set attributes that differ after a new import, if the file is unchanged."""
    for name, (written, atoms) in state.items():
        module = sys.modules.get(name)
        if module is None or written_at(module) != written:
            continue
        known = atoms_of(module)
        for attribute, value in atoms.items():
            if attribute not in known or known[attribute] != value:
                setattr(module, attribute, value)


def submodules() -> Any:
    """Submodules that importing the session's modules may not import."""
    names = {value.__name__ for value in the_shell().user_ns.values() if is_importable(value)}
    packages = tuple(name + "." for name in names if hasattr(sys.modules[name], "__path__"))
    return [name for name in sys.modules if name.startswith(packages) and is_imported(name)]


def set_submodules(state: Any) -> None:
    """Import the missing ones."""
    for name in state:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001  # a package may fail here and go on without it
                continue
