"""Checks the shape of answers from a kernel, where users' code runs too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .evaluation import NotEvaluated

MAX_NUMBER = 2**63


class Malformed(NotEvaluated):
    """An answer does not have the function's shape."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"its answer cannot be read: {wanted} was expected")


def text(value: object) -> str:
    """A text. Raises Malformed."""
    if not isinstance(value, str):
        raise Malformed("text")  # noqa: EM101
    return value


def number(value: object) -> int:
    """A count or a size. Raises Malformed."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_NUMBER:
        raise Malformed("a number")  # noqa: EM101
    return value


def items(value: object) -> list[Any]:
    """A list of anything. Raises Malformed."""
    if not isinstance(value, list):
        raise Malformed("a list")  # noqa: EM101
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of texts. Raises Malformed."""
    return tuple(map(text, items(value)))


class Fields:
    """A JSON object whose fields are read by name; a missing field is None."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise Malformed("an object")  # noqa: EM101
        self._value: Mapping[str, Any] = value

    def __contains__(self, name: str) -> bool:
        return name in self._value

    def __getitem__(self, name: str) -> Any:
        return self._value.get(name)

    def names(self) -> tuple[str, ...]:
        """The names of its fields."""
        return tuple(self._value)
