"""Data frames and series: schema, statistics, first and last rows, without copying them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .libraries import cell, kind
from .numbers import ArrayTally, Budget, PandasTally, PolarsTally, of_column
from .plain import library, module_of, type_name
from .tables import dtype_name, edges, examples, table, titles


def is_known(dtype: Any) -> bool:
    return module_of(type(dtype)).partition(".")[0] in ("numpy", "pandas", "polars")


def statistics(column: Any, budget: Budget) -> dict[str, str]:
    """Numbers of a pandas Series."""
    letter = getattr(column.dtype, "kind", "O")
    size = len(column)
    if letter in "iufb" and module_of(type(column.dtype)).partition(".")[0] == "numpy":
        found = of_column(ArrayTally, column.to_numpy(), size, budget)
        found = {"missing": "0", **{name: found[name] for name in found if name != "std"}}
    else:
        found = of_column(lambda: PandasTally(letter), column.iloc, size, budget)
    if letter == "b":
        found["min"] = found["max"] = ""
    if letter not in "iufbmM":
        found["examples"] = examples(list(column.iloc[:200].dropna()))
    return {name: words for name, words in found.items() if words}


def by_cost(columns: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Numeric columns before text columns, which take longer: the time may not suffice for all."""
    return sorted(columns, key=lambda column: getattr(column[1].dtype, "kind", "O") in "OU")


def schema(rows: list[dict[str, str]]) -> dict[str, Any]:
    names = ["column", "dtype", "missing", "nan", "infinite", "min", "mean", "max", "examples"]
    kept = [name for name in names if any(row.get(name) for row in rows)]
    return table("columns", kept, [[row.get(name, "") for name in kept] for row in rows])


def pandas_frame(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    """Shows ``wide`` columns of rows and ``deep`` columns of the schema."""
    size, width = len(value.index), len(value.columns)
    names = list(value.columns[:deep])
    columns = [value.iloc[:, place] for place in range(len(names))]
    rows = [
        {"column": cell(name), "dtype": dtype_name(column.dtype)}
        for name, column in zip(names, columns)
    ]
    readable = [(place, one) for place, one in enumerate(columns) if is_known(one.dtype)]
    for place, column in by_cost(readable):
        rows[place].update(statistics(column, budget))
    index = value.index
    shown = [(cell(names[place], 20), column) for place, column in readable]
    sections = [schema(rows)] if rows else []
    return {
        "facts": [["index", index_words(index)]],
        "sections": sections + pandas_rows(index, shown[:wide], size),
        "notes": [],
        "cut": width > deep or len(shown) > wide,
        "left": left_out(width, deep, len(shown[:wide])),
    }


def left_out(width: int, deep: int, wide: int) -> list[str]:
    """Of ``width`` columns, ``deep`` are in the schema and ``wide`` in the rows."""
    left = ((width - deep, "columns"), (width - wide, "columns of rows"))
    return [f"{number:,} {what} left out" for number, what in left if number > 0]


def bare_frame(
    names: list[str],
    rows: list[dict[str, str]],
    size: int,
    wide: int,
    deep: int,
    values: Callable[[int, range], list[Any]],
) -> dict[str, Any]:
    """A frame without an index; ``rows`` are its schema, ``values`` those of a column in a part."""
    head = [cell(name, 20) for name in names[:wide]]
    sections = [schema(rows)] if rows else []
    parts = edges(size) if names else []
    for title, part in zip(titles(parts), parts):
        columns = [[cell(one) for one in values(place, part)] for place in range(len(head))]
        sections.append(table(title, head, [list(row) for row in zip(*columns)]))
    return {
        "facts": [],
        "sections": sections,
        "notes": [],
        "cut": len(names) > min(wide, deep),
        "left": left_out(len(names), deep, wide),
    }


def bare_column(
    facts: list[list[str]], size: int, values: Callable[[range], list[Any]]
) -> dict[str, Any]:
    """A column without an index."""
    sections = []
    parts = edges(size)
    for title, part in zip(titles(parts), parts):
        rows = [[str(place), cell(one)] for place, one in zip(part, values(part))]
        sections.append(table(title, ["", "value"], rows))
    return {"facts": facts, "sections": sections, "notes": []}


def index_words(index: Any) -> str:
    words = type_name(index).rpartition(".")[2]
    if index.name is not None:
        words += " " + cell(index.name)
    if len(index):
        words += f", {cell(index[0])} to {cell(index[-1])}"
    return words


def pandas_rows(index: Any, columns: list[tuple[Any, Any]], size: int) -> list[dict[str, Any]]:
    found = []
    parts = edges(size) if columns else []
    for title, part in zip(titles(parts), parts):
        where = slice(part.start, part.stop)
        names = [cell(label, 20) for label in index[where]]
        values = [[cell(one) for one in column.iloc[where]] for _, column in columns]
        rows = [list(row) for row in zip(names, *values)]
        found.append(table(title, ["", *(name for name, _ in columns)], rows))
    return found


def pandas_series(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    is_index = kind(value) == "pandas.Index"
    column = library("pandas")["Series"](value, copy=False) if is_index else value
    facts = []
    if value.name is not None:
        facts.append(["name", cell(value.name)])
    if not is_index:
        facts.append(["index", index_words(value.index)])
    if not is_known(value.dtype):
        return {"facts": facts, "sections": [], "notes": ["the dtype is not known here"]}
    facts += [[k, v] for k, v in statistics(column, budget).items()]
    rows = pandas_rows(column.index, [("value", column)], len(value))
    return {"facts": facts, "sections": rows, "notes": []}


def polars_frame(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    names = value.columns
    rows = [
        {
            "column": cell(name),
            "dtype": dtype_name(value[name].dtype),
            **polars_statistics(value[name], budget),
        }
        for name in names[:deep]
    ]

    def values(place: int, part: range) -> list[Any]:
        return list(value[names[place]].slice(part.start, len(part)).to_list())

    return bare_frame(names, rows, value.height, wide, deep, values)


def polars_statistics(values: Any, budget: Budget) -> dict[str, str]:
    dtype = values.dtype
    found = {"missing": f"{values.null_count():,}"}
    if dtype.is_numeric() or dtype.is_temporal() or str(dtype) == "Boolean":
        found.update(of_column(lambda: PolarsTally(dtype), values, len(values), budget))
    else:
        found["examples"] = examples(values.head(200).drop_nulls().to_list())
    return {name: words for name, words in found.items() if words}


def polars_series(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    facts = [["name", cell(value.name)]]
    facts += [[name, words] for name, words in polars_statistics(value, budget).items()]
    return bare_column(
        facts, len(value), lambda part: list(value.slice(part.start, len(part)).to_list())
    )


def polars_lazy(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    words = "the query has not run: collect() in execute_code runs it"
    return {"facts": [], "sections": [], "notes": [words]}
