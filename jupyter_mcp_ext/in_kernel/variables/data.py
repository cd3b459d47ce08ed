"""Values of known libraries, and the function that reads each kind."""

from __future__ import annotations

from typing import Any

from .arrays import data_array, dataset, numpy_array, numpy_scalar, sparse, tensor
from .arrow import arrow_column, arrow_table
from .frames import pandas_frame, pandas_series, polars_frame, polars_lazy, polars_series
from .libraries import kind, of_library
from .numbers import Budget

INSPECTORS = {
    "numpy.ndarray": numpy_array,
    "numpy.memmap": numpy_array,
    "numpy.recarray": numpy_array,
    "numpy.scalar": numpy_scalar,
    "pandas.DataFrame": pandas_frame,
    "pandas.Series": pandas_series,
    "pandas.Index": pandas_series,
    "polars.DataFrame": polars_frame,
    "polars.Series": polars_series,
    "polars.LazyFrame": polars_lazy,
    "pyarrow.Table": arrow_table,
    "pyarrow.RecordBatch": arrow_table,
    "pyarrow.ChunkedArray": arrow_column,
    "pyarrow.Array": arrow_column,
    "scipy.sparse": sparse,
    "xarray.DataArray": data_array,
    "xarray.Dataset": dataset,
    "torch.Tensor": tensor,
    "torch.nn.parameter.Parameter": tensor,
}


def data(value: Any, is_full: bool, seconds: float, why: str) -> dict[str, Any]:
    """The description of a library's value; ``kind`` knows it.

    ``why`` says why some numbers are estimates, if ``seconds`` do not suffice for all of them.
    """
    wide, deep = (40, 300) if is_full else (12, 50)
    budget = Budget(seconds)
    found = INSPECTORS[kind(value)](value, wide, deep, budget)
    known = of_library(value) or {}
    facts = [[name, known[name]] for name in ("shape", "dtype") if known.get(name)]
    if "bytes" in known:
        facts.append(["bytes", "{}{:,}".format(known.get("bytes_mark", ""), known["bytes"])])
    notes = [note for note in [*found["notes"], *found.get("left", ())] if note]
    if budget.step > 1:
        notes.insert(0, f"numbers with ~ are estimates from every {budget.step:,}th value, {why}")
    return {**found, "facts": facts + found["facts"], "notes": notes}
