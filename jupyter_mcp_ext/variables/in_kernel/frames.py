"""Data frames and series: schema, statistics, first and last rows; never a copy of them."""

from __future__ import annotations

from typing import Any

from .libraries import cell, kind
from .plain import library, module_of, type_name
from .tables import EXACT, SAMPLE, dtype_name, edges, examples, number, table, titles


def step_of(rows: int, columns: int) -> int:
    return 1 if rows * max(columns, 1) <= EXACT else max(1, rows // SAMPLE)


def about(step: int) -> str:
    return f"statistics are of every {step:,}th row" if step > 1 else ""


def is_known(dtype: Any) -> bool:
    return module_of(type(dtype)).partition(".")[0] in ("numpy", "pandas", "polars")


def statistics(values: Any) -> dict[str, str]:
    """Of a pandas Series, a part of a column."""
    found = {"missing": f"{int(values.isna().sum()):,}"}
    letter = getattr(values.dtype, "kind", "O")
    wanted: tuple[str, ...] = ()
    if letter in "iufb":
        wanted = ("mean",) if letter == "b" else ("min", "mean", "max")
    elif letter in "mM":
        wanted = ("min", "max")
    for name in wanted:
        found[name] = number(getattr(values, name)())
    if not wanted:
        found["examples"] = examples(list(values.iloc[:200].dropna()))
    return found


def schema(rows: list[dict[str, str]]) -> dict[str, Any]:
    names = ["column", "dtype", "missing", "min", "mean", "max", "examples"]
    kept = [name for name in names if any(row.get(name) for row in rows)]
    return table("columns", kept, [[row.get(name, "") for name in kept] for row in rows])


def pandas_frame(value: Any, wide: int, deep: int) -> dict[str, Any]:
    """``wide`` columns of rows and ``deep`` columns of the schema are shown."""
    size, width = len(value.index), len(value.columns)
    step = step_of(size, min(width, deep))
    names = list(value.columns[:deep])
    shown, rows = [], []
    for place, name in enumerate(names):
        column = value.iloc[:, place]
        row = {"column": cell(name), "dtype": dtype_name(column.dtype)}
        if is_known(column.dtype):
            row.update(statistics(column.iloc[::step]))
            shown.append((cell(name, 20), column))
        rows.append(row)
    index = value.index
    facts = [["index", index_words(index)]]
    sections = [schema(rows)] if rows else []
    return {
        "facts": facts,
        "sections": sections + pandas_rows(index, shown[:wide], size),
        "notes": [about(step)],
        "cut": width > deep or len(shown) > wide,
        "left": [left_out(width - deep, "columns"), left_out(len(shown) - wide, "columns of rows")],
    }


def left_out(number: int, what: str) -> str:
    return f"{number:,} {what} left out" if number > 0 else ""


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


def pandas_series(value: Any, wide: int, deep: int) -> dict[str, Any]:
    is_index = kind(value) == "pandas.Index"
    column = library("pandas")["Series"](value, copy=False) if is_index else value
    facts, step = [], step_of(len(value), 1)
    if value.name is not None:
        facts.append(["name", cell(value.name)])
    if not is_index:
        facts.append(["index", index_words(value.index)])
    if not is_known(value.dtype):
        return {"facts": facts, "sections": [], "notes": ["the dtype is not known here"]}
    facts += [[k, v] for k, v in statistics(column.iloc[::step]).items()]
    rows = pandas_rows(column.index, [("value", column)], len(value))
    return {"facts": facts, "sections": rows, "notes": [about(step)]}


def polars_frame(value: Any, wide: int, deep: int) -> dict[str, Any]:
    size, width = value.height, value.width
    step = step_of(size, min(width, deep))
    sample = value.gather_every(step) if step > 1 else value
    names = value.columns
    rows = []
    for name in names[:deep]:
        row = {"column": cell(name), "dtype": dtype_name(value[name].dtype)}
        row["missing"] = f"{value[name].null_count():,}"
        rows.append({**row, **polars_statistics(sample[name])})
    sections = [schema(rows)] if rows else []
    parts = edges(size) if width else []
    for title, part in zip(titles(parts), parts):
        piece = value.slice(part.start, len(part))
        cells = [[cell(one) for one in piece[name].to_list()] for name in names[:wide]]
        head = [cell(name, 20) for name in names[:wide]]
        sections.append(table(title, head, [list(row) for row in zip(*cells)]))
    return {
        "facts": [],
        "sections": sections,
        "notes": [about(step)],
        "cut": width > min(wide, deep),
        "left": [left_out(width - deep, "columns"), left_out(width - wide, "columns of rows")],
    }


def polars_statistics(values: Any) -> dict[str, str]:
    if values.dtype.is_numeric():
        return {name: number(getattr(values, name)()) for name in ("min", "mean", "max")}
    if values.dtype.is_temporal():
        return {name: number(getattr(values, name)()) for name in ("min", "max")}
    return {"examples": examples(values.head(200).drop_nulls().to_list())}


def polars_series(value: Any, wide: int, deep: int) -> dict[str, Any]:
    step = step_of(len(value), 1)
    sample = value.gather_every(step) if step > 1 else value
    facts = [["name", cell(value.name)], ["missing", f"{value.null_count():,}"]]
    facts += [[name, words] for name, words in polars_statistics(sample).items()]
    sections = []
    parts = edges(len(value))
    for title, part in zip(titles(parts), parts):
        values = value.slice(part.start, len(part)).to_list()
        rows = [[str(place), cell(one)] for place, one in zip(part, values)]
        sections.append(table(title, ["", "value"], rows))
    return {"facts": facts, "sections": sections, "notes": [about(step)]}


def polars_lazy(value: Any, wide: int, deep: int) -> dict[str, Any]:
    words = "the query has not run: collect() in execute_code runs it"
    return {"facts": [], "sections": [], "notes": [words]}
