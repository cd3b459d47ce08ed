"""Sets, counters and weak containers: made empty, and filled when their contents exist."""

from __future__ import annotations

from typing import Any

from .functions import Reduced


def weak_reduced(holder: Any) -> Reduced:
    """A weak dictionary."""
    return type(holder), (), None, None, iter(list(holder.items()))


def weak_set_reduced(holder: Any) -> Reduced:
    """A weak set."""
    return type(holder), (), (list(holder), None), None, None, fill_set


def is_plain_set(kind: Any) -> bool:
    """Whether it is pickled in Python's way."""
    own = getattr(kind, "__setstate__", None)
    return (
        kind.__reduce__ is set.__reduce__
        and kind.__reduce_ex__ is object.__reduce_ex__
        and own is getattr(set, "__setstate__", None)
    )


def set_reduced(holder: Any) -> Reduced:
    """A set of a subclass, made without a call of its class."""
    _, given, state = tuple(set.__reduce__(holder))
    return make_set, (type(holder),), (given[0], state), None, None, fill_set


def make_set(kind: Any) -> Any:
    """An empty set, to be filled."""
    return set.__new__(kind)


def fill_set(holder: Any, state: Any) -> None:
    """Give a set its members and attributes."""
    members, attributes = state
    for each in attributes if type(attributes) is tuple else (attributes,):
        for name, value in (each or {}).items():
            object.__setattr__(holder, name, value)
    for one in members:
        add_member(holder, one)


def add_member(holder: Any, member: Any) -> None:
    """Add a member to a set."""
    if isinstance(holder, set):
        set.add(holder, member)
    else:
        holder.add(member)


def counter_reduced(counter: Any) -> Reduced:
    """A counter, filled in place like other dictionaries."""
    return make_counter, (type(counter),), vars(counter) or None, None, iter(counter.items())


def make_counter(kind: Any) -> Any:
    """An empty counter, to be filled."""
    return dict.__new__(kind)
