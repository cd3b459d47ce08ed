"""Values that cannot be saved, and what comes back in their place."""

from __future__ import annotations

import io
import socket
import threading
from typing import Any

import pytest

from jupyter_mcp_ext.in_kernel.snapshot.holes import (
    hole_again,
    hole_reduced,
    is_hole,
    places,
    refusal,
)
from tests.in_kernel.snapshot.reducing import made


@pytest.fixture
def hole() -> Any:
    return made(hole_reduced("Socket", "a socket cannot be pickled"))


@pytest.mark.parametrize("use", [len, iter, int, bool, lambda hole: hole.send, lambda hole: hole()])
def test_using_a_hole_says_what_it_was(hole: Any, use: Any) -> None:
    with pytest.raises(RuntimeError, match="this was Socket, which did not come back"):
        use(hole)


def test_looking_at_a_hole_raises_nothing_else(hole: Any) -> None:
    assert repr(hole) == "<Socket that did not come back: a socket cannot be pickled>"
    assert not hasattr(hole, "_repr_html_")


def test_a_hole_is_saved_as_one_again(hole: Any) -> None:
    assert is_hole(type(hole))
    assert not is_hole(socket.socket)
    assert repr(made(hole_again(hole))) == repr(hole)


def test_types_are_refused_with_a_reason() -> None:
    assert refusal(socket.socket) == "a socket cannot be pickled"
    assert refusal(io.FileIO) == "an open file cannot be pickled"
    assert refusal(io.StringIO) == refusal(dict) == ""


def test_the_way_to_each_place_is_told() -> None:
    lock, other = threading.Lock(), threading.Lock()

    class Holder:
        def __init__(self) -> None:
            self.parts = {"a": [0, lock]}

    def function(value: Any = other) -> Any:
        return value, lock

    found = places([Holder(), function], {id(lock), id(other)}, {}, [1_000])
    assert found == {id(lock): "[1].<lock>", id(other): "[1](default)"}
    assert places([Holder()], {id(lock)}, {}, [1_000]) == {id(lock): "[0].parts['a'][1]"}
    assert places([Holder()], {id(lock)}, {}, [1]) == {}
