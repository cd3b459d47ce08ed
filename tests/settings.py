"""The settings of the package's own classes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from traitlets.config import Configurable

import jupyter_mcp_ext


def owners() -> Iterator[type[Configurable]]:
    """Every class with settings."""
    for module in pkgutil.walk_packages(jupyter_mcp_ext.__path__, "jupyter_mcp_ext."):
        if module.name.endswith("__main__"):
            continue
        for owner in vars(importlib.import_module(module.name)).values():
            is_owner = isinstance(owner, type) and issubclass(owner, Configurable)
            if is_owner and owner.__module__ == module.name:
                yield owner


def settings() -> Iterator[tuple[str, Any]]:
    """Every setting, with its default."""
    for owner in owners():
        for name, trait in owner.class_own_traits(config=True).items():
            default = trait.default()
            if isinstance(default, type):
                default = f"{default.__module__}.{default.__name__}"
            yield f"{owner.__name__}.{name}", default
