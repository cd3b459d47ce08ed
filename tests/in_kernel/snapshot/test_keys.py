"""Keys whose hashes may change while they are incomplete."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import pytest

from jupyter_mcp_ext.in_kernel.snapshot.keys import has_frozen_knot, leads_on, may_change, reaches


@dataclass(eq=True, unsafe_hash=True)
class Valued:
    """Its hash depends on its attribute."""

    held: Any = 1


class Plain:
    """Its hash is its identity."""

    held: Any = None


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize("key", [Valued(), (1, 2), frozenset([1])])
def test_the_hash_of_these_may_change(key: object) -> None:
    assert may_change(key)


@pytest.mark.parametrize("key", [1, "a", None, ..., range(3), Plain(), Colour.RED])
def test_the_hash_of_these_cannot_change(key: object) -> None:
    assert not may_change(key)


def test_plain_values_and_tuples_of_them_lead_to_nothing() -> None:
    assert not leads_on({"a": 1, "b": ("x", 2.0, (None,))})
    assert leads_on({"a": [1]})
    assert leads_on(({"a": Plain()}, None))


def test_an_object_reaches_what_it_refers_to_through_others() -> None:
    target, other = Plain(), Plain()
    holder = [{"a": (target,)}]

    assert reaches(holder, {id(target)})
    assert not reaches(holder, {id(other)})


def test_with_too_many_objects_it_is_unsure() -> None:
    holder = [[n] for n in range(2_000)]

    assert reaches([holder], {id(Plain())})
    assert not reaches([holder], {id(Plain())}, unsure=False)


def test_a_frozen_set_whose_member_leads_to_it_is_a_knot() -> None:
    member = Valued(held=1)
    knot = frozenset([member])
    apart: dict[str, Any] = {}

    assert not has_frozen_knot([knot], apart)
    member.held = knot
    assert has_frozen_knot([knot], apart)
    assert not has_frozen_knot([apart], {"apart": knot})
