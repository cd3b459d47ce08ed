"""What unpickling does with the result of a reduction."""

from __future__ import annotations

from typing import Any


def made(reduced: Any) -> Any:
    """The object that is made of it, as `pickle` would make it."""
    parts: list[Any] = [*reduced, *[None] * (6 - len(reduced))]
    function, given, state, members, items, fill = parts
    obj = function(*given)
    for member in members or ():
        obj.append(member)
    for key, value in items or ():
        obj[key] = value
    if state is not None and fill is not None:
        fill(obj, state)
    elif state is not None:
        vars(obj).update(state)
    return obj
