"""White space at the ends of values, in frames and series of pandas."""

from __future__ import annotations

from typing import Any


def whitespace(*shown: Any) -> str:
    """The names of what it is in, each with some values; empty if there is none."""
    return "; ".join(
        f"{name} " + ", ".join(found[:3]) + (f" and {len(found) - 3} more" if found[3:] else "")
        for frame in {id(each): each for each in shown}.values()
        if type(frame).__name__ in ("DataFrame", "Series")
        for name, values in parts(frame)
        if getattr(values.dtype, "kind", "") == "O"
        if (found := ragged(values.array))
    )[:400]


def parts(frame: Any) -> Any:
    """The columns that may hold text, by name; the index is one."""
    yield "index", frame.index
    if frame.ndim == 1:
        yield "values", frame
        return
    yield "columns", frame.columns
    for n in [n for n, dtype in enumerate([*frame.dtypes][:200]) if dtype.kind == "O"][:20]:
        yield str(frame.columns[n])[:40], frame.iloc[:, n]


def ragged(values: Any) -> list[str]:
    """The different values with white space at their ends, of the first and last 30."""
    rows = [*values[:30], *values[30:][-30:]]
    found = [row for row in rows if isinstance(row, str) and row != row.strip()]
    return [*dict.fromkeys(repr(r if len(r) <= 40 else r[:20] + "…" + r[-18:]) for r in found)]
