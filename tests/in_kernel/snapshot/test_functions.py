"""Functions by value."""

from __future__ import annotations

import types
from typing import Any

from jupyter_mcp_ext.in_kernel.snapshot.functions import (
    cell_reduced,
    code_reduced,
    function_reduced,
    globals_of,
)
from tests.in_kernel.snapshot.reducing import made

factor = 1


def scaled(value: int, *, by: int = 3) -> int:
    """Has defaults and an annotation."""
    return value * by


def test_a_function_comes_back_with_its_attributes() -> None:
    again = made(function_reduced(scaled, globals()))

    assert again is not scaled
    assert (again(2), again(2, by=5)) == (6, 10)
    assert (again.__doc__, again.__module__) == (scaled.__doc__, __name__)
    assert again.__annotations__ == scaled.__annotations__


def test_a_function_gets_the_globals_that_it_is_given() -> None:
    names = {"factor": 7}
    again = made(function_reduced(lambda: factor, names))

    names["factor"] = 8

    assert again() == 8


def test_its_code_comes_back() -> None:
    assert made(code_reduced(scaled.__code__)) == scaled.__code__


def test_a_cell_comes_back_with_its_contents_or_without_any() -> None:
    assert made(cell_reduced(types.CellType([1]))).cell_contents == [1]
    assert made(cell_reduced(types.CellType())) == types.CellType()


def test_globals_are_named_only_if_a_module_has_them() -> None:
    other: Any = types.FunctionType(scaled.__code__, dict(globals()))

    assert globals_of(scaled) == __name__
    assert globals_of(other) == ""
