"""Sets, counters and weak containers."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

from jupyter_mcp_ext.in_kernel.snapshot.sets import (
    counter_reduced,
    is_plain_set,
    set_reduced,
    weak_reduced,
    weak_set_reduced,
)
from tests.in_kernel.snapshot.reducing import made


class Loud(set[Any]):
    """Its own methods must not be called."""

    def __init__(self, *_: Any) -> None:
        raise AssertionError

    def add(self, _: Any) -> None:
        raise AssertionError


class Own(set[Any]):
    def __reduce__(self) -> Any:
        return Own, ()


class Key:
    """Can be referred to weakly."""


def test_a_set_of_a_subclass_comes_back_without_a_call_of_its_class() -> None:
    loud: Any = Loud.__new__(Loud)
    set.update(loud, (1, 2))
    vars(loud)["note"] = "a"

    again = made(set_reduced(loud))

    assert type(again) is Loud
    assert set(again) == {1, 2}
    assert vars(again) == {"note": "a"}


def test_only_sets_without_a_way_of_their_own_are_plain() -> None:
    assert is_plain_set(Loud)
    assert not is_plain_set(Own)


def test_a_counter_is_filled_in_place() -> None:
    counter = Counter("aab")

    again = made(counter_reduced(counter))

    assert type(again) is Counter
    assert again == counter


def test_weak_containers_have_what_they_had() -> None:
    key = Key()

    assert list(made(weak_reduced(weakref.WeakKeyDictionary({key: 1}))).items()) == [(key, 1)]
    assert list(made(weak_set_reduced(weakref.WeakSet([key])))) == [key]
