"""Tables and columns of pyarrow: schema, statistics, first and last rows, without copying them."""

from __future__ import annotations

import importlib
from typing import Any

from .frames import bare_column, bare_frame
from .libraries import cell
from .numbers import Budget, Tally, of_column
from .tables import examples

NUMBERS = ("int", "uint", "float", "double", "halffloat", "decimal")

TIMES = ("date", "time", "duration")


class ArrowTally(Tally):
    """Numbers of a column of pyarrow."""

    def __init__(self, dtype: str) -> None:
        super().__init__()
        self.has_mean = dtype.startswith((*NUMBERS, "bool"))
        self.has_order = dtype.startswith((*NUMBERS, *TIMES))
        self.compute = importlib.import_module("pyarrow.compute")

    def feed(self, values: Any) -> None:
        self.rows += len(values)
        known = len(values) - values.null_count
        if known and self.has_order:
            ends = self.compute.min_max(values)
            self.reach(ends["min"].as_py(), ends["max"].as_py())
        if known and self.has_mean:
            self.average(self.compute.mean(values).as_py(), known)


def arrow_statistics(values: Any, budget: Budget) -> dict[str, str]:
    dtype = str(values.type)
    found = {"missing": f"{values.null_count:,}"}
    if dtype.startswith((*NUMBERS, *TIMES, "bool")):
        size = len(values)
        found.update(of_column(lambda: ArrowTally(dtype), values, size, budget))
    else:
        found["examples"] = examples([one for one in values[:200].to_pylist() if one is not None])
    return {name: words for name, words in found.items() if words}


def arrow_table(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    names = value.schema.names
    rows = [
        {
            "column": cell(name),
            "dtype": cell(str(value.column(place).type)),
            **arrow_statistics(value.column(place), budget),
        }
        for place, name in enumerate(names[:deep])
    ]

    def values(place: int, part: range) -> list[Any]:
        return list(value.column(place).slice(part.start, len(part)).to_pylist())

    return bare_frame(names, rows, value.num_rows, wide, deep, values)


def arrow_column(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    facts = [[name, words] for name, words in arrow_statistics(value, budget).items()]
    return bare_column(
        facts, len(value), lambda part: list(value.slice(part.start, len(part)).to_pylist())
    )
