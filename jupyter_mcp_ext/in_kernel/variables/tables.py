"""The parts in which data frames and arrays are shown."""

from __future__ import annotations

from typing import Any

from .libraries import cell
from .plain import class_name, module_of

EDGE = 5
"""Rows that are shown at each end."""


def dtype_name(dtype: Any) -> str:
    """A dtype's name; dtypes of unknown libraries are not asked."""
    root = module_of(type(dtype)).partition(".")[0]
    known = root in ("numpy", "pandas", "polars", "pyarrow", "torch")
    return cell(str(dtype), 40) if known else class_name(type(dtype))


def examples(values: list[Any]) -> str:
    words: list[str] = []
    for value in values:
        word = cell(value, 20)
        if word not in words:
            words.append(word)
        if len(words) == 3:
            break
    return ", ".join(words)


def table(title: str, columns: list[str], rows: list[list[str]]) -> dict[str, Any]:
    return {"title": title, "columns": columns, "rows": rows}


def edges(size: int) -> list[range]:
    """The rows that are shown: all if they are few, otherwise the first and the last."""
    if size <= 2 * EDGE:
        return [range(size)]
    return [range(EDGE), range(size - EDGE, size)]


def titles(parts: list[range]) -> list[str]:
    return ["rows"] if len(parts) == 1 else ["first rows", "last rows"]
