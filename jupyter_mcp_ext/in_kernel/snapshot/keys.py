"""Which objects may be hashed, as keys of dictionaries and sets, before they are complete.

If an object refers back to a container that has it as a key, the object is made, the container is
filled, and only then does the object get its attributes, which change its hash.
"""

from __future__ import annotations

import enum
import gc
import types
from typing import Any

from .found import has_name

ATOMIC = {str, bytes, int, float, complex, bool, type(None), type(Ellipsis), range}

SETTLED: Any = (
    *(object.__hash__, str.__hash__, bytes.__hash__, int.__hash__, float.__hash__),
    *(complex.__hash__, tuple.__hash__, frozenset.__hash__, enum.Enum.__hash__),
)
"""Hash functions that use identity, or values that an object has before its attributes."""

BEHIND = (type, types.ModuleType, types.FunctionType, types.CodeType)
"""Types on which no hash depends."""

REACH = 1_000
"""Objects that are visited to find out whether one refers to others."""


LOOKED_AT = 100_000
"""Objects that are looked at to find a frozen set whose members lead to it."""


def has_own_hash(kind: Any) -> bool:
    """Whether the hash of an instance may depend on its attributes."""
    own = type.__getattribute__(kind, "__hash__")
    return own is not None and not any(own is one for one in SETTLED)


def may_change(key: Any) -> bool:
    """Whether the hash of a key may depend on attributes, its own or those of a part."""
    kind = type(key)
    return kind not in ATOMIC and (isinstance(key, (tuple, frozenset)) or has_own_hash(kind))


def leads_on(state: Any) -> bool:
    """Whether a state has values that refer to other objects than tuples of plain values."""
    if isinstance(state, dict):
        return any(
            type(value) not in ATOMIC and (type(value) is not tuple or leads_on(value))
            for value in dict.values(state)
        )
    if type(state) in (list, tuple):
        return any(map(leads_on, state))
    return type(state) not in ATOMIC


def is_hashed_early(obj: Any, kind: Any, reduced: Any) -> bool:
    """Whether an object may be hashed, as a key, before it is filled."""
    if type(reduced) is not tuple or len(reduced) < 3 or not has_own_hash(kind):
        return False
    state, *items = reduced[2:5]
    if all(one is None for one in items) and not leads_on(state):
        return False
    if not has_name(kind):
        return True
    try:
        hash(obj)
    except TypeError:  # of frames, for example
        return False
    return True


def reaches(obj: Any, wanted: Any, *, unsure: bool = True) -> bool:
    """Whether an object leads to one whose id is wanted; ``unsure`` where there are too many."""
    return any_reaches([obj], wanted, unsure=unsure)


def any_reaches(objects: list[Any], wanted: Any, *, unsure: bool = True) -> bool:
    """Whether one of the objects leads to one whose id is wanted; ``unsure`` as above."""
    seen = set(map(id, objects))
    level = objects
    while level:
        if not seen.isdisjoint(wanted):
            return True
        if len(seen) > REACH * len(objects):
            return unsure
        level = _behind(level, seen)
    return False


def has_frozen_knot(value: Any, apart: Any) -> bool:
    """Whether a value has a frozen set whose members lead to it, in its first objects.

    What is reached only through ``apart`` is no part of the value.
    """
    seen = {id(value), id(apart)}
    level = [value]
    while level and len(seen) < LOOKED_AT:
        for one in level:
            if issubclass(type(one), frozenset) and any(
                may_change(member) and reaches(member, {id(one)}, unsure=False) for member in one
            ):
                return True
        level = _behind(level, seen)
    return False


def _behind(level: list[Any], seen: set[int]) -> list[Any]:
    """What objects refer to and was not seen, which is seen then."""
    found = {
        id(part): part
        for part in gc.get_referents(*level)
        if type(part) not in ATOMIC and not issubclass(type(part), BEHIND)
    }
    behind = [part for number, part in found.items() if number not in seen]
    seen.update(found)
    return behind
