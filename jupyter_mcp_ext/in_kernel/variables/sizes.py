"""The bytes of containers with everything in them, within bounds."""

from __future__ import annotations

import sys
import time
from typing import Any

from .libraries import of_library
from .plain import ATOMS, CONTAINERS, TEXTS, instance_dict, size

MOST = 300_000
"""Objects that are counted: each is remembered while others are."""

LOOK = 1_000
"""Objects between two checks of the clock."""

LISTED = 0.03
"""Seconds for the sizes of all variables in a list."""


def deep_size(value: Any, until: float) -> tuple[int | None, str]:
    """Bytes, with ``over `` if not all was counted; None for values that are not builtin.

    Objects that are referred to more than once count once.
    """
    if type(value) not in CONTAINERS:
        return size(value), ""
    seen: set[int] = set()
    total, looked = 0, 0
    stack: list[Any] = [iter((value,))]
    while stack:
        try:
            one = next(stack[-1])
        except (StopIteration, RuntimeError):  # at its end, or changed by another thread
            stack.pop()
            continue
        if id(one) in seen:
            continue
        seen.add(id(one))
        total += own_size(one)
        stack += inner_of(one)
        looked += 1
        if looked >= MOST or (looked % LOOK == 0 and time.perf_counter() > until):
            return total, "over "
    return total, ""


def own_size(value: Any) -> int:
    cls = type(value)
    if cls in ATOMS or cls in TEXTS or cls in CONTAINERS or cls is range:
        return sys.getsizeof(value)
    known = of_library(value)
    return int((known or {}).get("bytes") or 0) or object.__sizeof__(value)


def inner_of(value: Any) -> list[Any]:
    """Iterators over what an object refers to."""
    cls = type(value)
    if cls is dict:
        return [iter(dict.keys(value)), iter(dict.values(value))]
    if cls in CONTAINERS:
        return [iter(value)]
    if cls in ATOMS or cls in TEXTS:
        return []
    held = instance_dict(value)
    return [iter((held,))] if type(held) is dict else []
