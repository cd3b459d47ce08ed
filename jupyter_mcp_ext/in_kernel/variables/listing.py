"""The variables of an IPython session: names and types of all, details of those shown."""

from __future__ import annotations

import fnmatch
import re
import sys
import time
from types import ModuleType
from typing import Any

from .libraries import of_library
from .plain import (
    FUNCTIONS,
    MAX_WORD,
    MISSING,
    brief,
    check_time,
    cut,
    is_a,
    length,
    module_name,
    type_name,
)
from .sizes import LISTED, deep_size

NOT_THE_USERS = re.compile(r"_+|_i+|_i?\d+|_[iod]h|__\w*__|_exit_code|In|Out|exit|quit|get_ipython")
"""Names that IPython and Python put into the namespace."""

SUSPECT = frozenset("_iIOeqg")
"""The beginnings of such names."""

MAX_NAMED = 100
"""Functions, classes and modules that are named."""


def listing(pattern: str, limit: int, until: float | None) -> dict[str, Any]:
    """The variables whose name or type matches ``pattern``, newest first, ``limit`` in detail.

    The caller stops waiting at ``until``.
    """
    check_time(until)
    shell = sys.modules["IPython"].get_ipython()
    return listed(users(shell.user_ns, shell.user_ns_hidden), pattern, limit)


def users(namespace: dict[str, Any], hidden: dict[str, Any]) -> list[tuple[str, Any]]:
    """The user's names and values, oldest first."""
    return [
        (name, value)
        for name, value in list(namespace.items())
        if type(name) is str
        and (name[:1] not in SUSPECT or NOT_THE_USERS.fullmatch(name) is None)
        and hidden.get(name, MISSING) is not value
    ]


def listed(names: list[tuple[str, Any]], pattern: str, limit: int) -> dict[str, Any]:
    groups: dict[str, list[tuple[str, Any]]] = {
        "data": [],
        "function": [],
        "class": [],
        "module": [],
    }
    until = time.perf_counter() + LISTED
    kinds: dict[type, tuple[str, str]] = {}
    for name, value in reversed(names):
        cls = type(value)
        if cls not in kinds:
            kinds[cls] = (group_of(value), type_name(value))
        group, kind = kinds[cls]
        if not pattern or fits(pattern, name, kind, group):
            groups[group].append((name, value))
    return {
        "total": len(names),
        "data": len(groups["data"]),
        "variables": [described(name, value, until) for name, value in groups["data"][:limit]],
        "functions": named(groups["function"]),
        "classes": named(groups["class"]),
        "modules": named(groups["module"]),
    }


def group_of(value: Any) -> str:
    cls = type(value)
    if cls in FUNCTIONS:
        return "function"
    if cls is ModuleType or is_a(value, ModuleType):
        return "module"
    return "class" if is_a(value, type) else "data"


def fits(pattern: str, name: str, kind: str, group: str) -> bool:
    pattern = pattern.lower()
    words = (name.lower(), kind.lower(), kind.rpartition(".")[2].lower(), group)
    if re.search(r"[*?\[]", pattern):
        return any(fnmatch.fnmatchcase(word, pattern) for word in words)
    return any(pattern in word for word in words)


def named(found: list[tuple[str, Any]]) -> dict[str, Any]:
    names = []
    for name, value in found[:MAX_NAMED]:
        word = cut(name, MAX_WORD)
        if is_a(value, ModuleType):
            module = module_name(value)
            word = word if module == name else f"{word} ({module})"
        names.append(word)
    return {"total": len(found), "names": names}


def described(name: str, value: Any, until: float) -> dict[str, Any]:
    found = {"name": cut(name, MAX_WORD), "type": type_name(value)}
    known = of_library(value)
    if known is not None:
        return {**found, **known}
    number = length(value)
    if number is not None:
        found["shape"] = f"{number:,}"
    used, mark = deep_size(value, until)
    return {**found, "bytes": used, "bytes_mark": mark, "preview": brief(value)}
