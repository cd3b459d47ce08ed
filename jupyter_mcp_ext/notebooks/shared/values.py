"""Values of a notebook as a shared document has them, and as nbformat has them. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def as_shared(value: Any) -> Any:
    """A copy as browsers can take it.

    Its numbers are floats, since others come as BigInt, which is no JSON; one that no float can
    have is a text. Half a surrogate pair is no text in a document.
    """
    match value:
        case bool():
            return value
        case int():
            return _number(value)
        case Mapping():
            return {str(key): as_shared(inner) for key, inner in value.items()}
        case list() | tuple():
            return [as_shared(inner) for inner in value]
        case str():
            return text_of(value)
        case _:
            return value


def _number(value: int) -> float | str:
    try:
        return float(value)
    except OverflowError:
        return str(value)


def as_stored(value: Any) -> Any:
    """A copy as it is saved in a file: whole numbers are no floats."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {key: as_stored(inner) for key, inner in value.items()}
        case list() | tuple():
            return [as_stored(inner) for inner in value]
        case _:
            return value


def text_of(value: str) -> str:
    """A text that a document can have."""
    return value.encode(errors="replace").decode()


@contextmanager
def without_panic() -> Iterator[None]:
    """Raise a panic of pycrdt as an error: it is no Exception, and would end the whole task."""
    try:
        yield
    except BaseException as err:
        if type(err).__name__ != "PanicException":
            raise
        msg = "The shared document could not be used"
        raise RuntimeError(msg) from err


def splice(text: Any, new: str) -> None:
    """Change a shared text so that only what differs is replaced, and cursors stay.

    ``text`` is pycrdt's; it counts the bytes of UTF-8.
    """
    old, new = str(text), text_of(new)
    if old == new:
        return
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    first = len(old[:start].encode())
    last = first + len(old[start : len(old) - end].encode())
    if last > first:
        del text[first:last]
    if added := new[start : len(new) - end]:
        text.insert(first, added)


def _common(one: str, other: str) -> int:
    """How many characters at the beginning of two texts are equal."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # halved, so that long texts are compared as a whole
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
