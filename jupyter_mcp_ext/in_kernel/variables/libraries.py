"""Values of numpy, pandas, polars, pyarrow, scipy, xarray and torch.

None of them is imported here.

Only values whose class is the library's own count: a derived class may run a user's code.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from .plain import brief, cut, is_a, library, module_of

MAX_SHAPE = 100

MAX_TEXTS = 100
"""Columns of a frame whose text sizes are counted."""

TEXTS_LOOKED_AT = 200
"""Evenly spaced texts of a column from which the size of all is estimated."""

INDEXES = ("Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "TimedeltaIndex", "PeriodIndex")

SPARSE = tuple(
    form + kind
    for form in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")
    for kind in ("_matrix", "_array")
)

CLASSES = {
    "numpy": ("ndarray", "memmap", "recarray"),
    "pandas": ("DataFrame", "Series", "CategoricalIndex", "IntervalIndex", *INDEXES),
    "polars": ("DataFrame", "Series", "LazyFrame"),
    "pyarrow": ("Table", "RecordBatch", "ChunkedArray"),
    "scipy.sparse": SPARSE,
    "xarray": ("DataArray", "Dataset"),
    "torch": ("Tensor",),
    "torch.nn.parameter": ("Parameter",),
}

HOLDERS = ("builtins", "numpy", "pandas", "pyarrow", "xarray", "dask")


def kind(value: Any) -> str:
    """``pandas.DataFrame`` for an object of exactly that class; empty for unknown classes."""
    cls = type(value)
    root = module_of(cls).partition(".")[0]
    for name, classes in CLASSES.items():
        if name.partition(".")[0] == root:
            loaded = library(name)
            for known in classes:
                if loaded.get(known) is cls and holds_known(value):
                    return kind_of_class(name, known)
    if root == "numpy" and is_a(value, library("numpy").get("generic", types.FrameType)):
        return "numpy.scalar"
    if root == "pyarrow" and is_a(value, library("pyarrow").get("Array", types.FrameType)):
        return "pyarrow.Array"
    return ""


def kind_of_class(module: str, name: str) -> str:
    if name.endswith("Index"):
        return "pandas.Index"
    return "scipy.sparse" if name in SPARSE else f"{module}.{name}"


def holds_known(value: Any) -> bool:
    """Whether a frame or an array keeps its data in objects of a known library as well.

    The blocks of a frame are not public (https://github.com/pandas-dev/pandas/issues/17302), and
    the public data of xarray would load it (https://github.com/pydata/xarray/pull/7356).
    """
    root = module_of(type(value)).partition(".")[0]
    if root == "pandas":
        manager = getattr(value, "_mgr", None)
        blocks = getattr(manager, "blocks", ())
        arrays = [block.values for block in blocks] or [getattr(value, "_data", None)]
    elif root == "xarray":
        held = getattr(value, "_variables", None)  # of a Dataset
        variables = held.values() if type(held) is dict else [value.variable]
        arrays = [variable._data for variable in variables]
    else:
        return True
    return all(module_of(type(array)).partition(".")[0] in HOLDERS for array in arrays)


def by_shape(numbers: Any) -> str:
    """``10,000,000 x 3``"""
    return cut(" x ".join(f"{int(number):,}" for number in numbers), MAX_SHAPE)


def cell(value: Any, limit: int = 40) -> str:
    """A value in a table."""
    if type(value) is float:
        return f"{value:.6g}"
    if type(value) is str:
        # White space at its ends would not be seen, and can be the difference between two values.
        return cut(value if value == value.strip() else repr(value), limit)
    return brief(value, limit)


def row(values: Any) -> str:
    return "[" + ", ".join(cell(value, 20) for value in values) + "]"


def of_array(value: Any) -> dict[str, Any]:
    shown = row(value.flat[:6].tolist())
    if value.size > 6:
        shown = shown[:-1] + ", …]"
    return {
        "shape": by_shape(value.shape) or "scalar",
        "dtype": str(value.dtype),
        "bytes": int(value.nbytes),
        "preview": shown,
    }


def of_scalar(value: Any) -> dict[str, Any]:
    return {"dtype": str(value.dtype), "bytes": int(value.nbytes), "preview": cell(value.item())}


def text_bytes(column: Any) -> int:
    """Approximate bytes of the texts that a column refers to."""
    held = getattr(column.array, "_ndarray", None)
    if held is None or kind(held) != "numpy.ndarray" or held.dtype.kind != "O" or not len(held):
        return 0
    some = held[:: max(1, len(held) // TEXTS_LOOKED_AT)].tolist()
    return sum(sys.getsizeof(one) for one in some if type(one) is str) * len(held) // len(some)


def of_frame(value: Any) -> dict[str, Any]:
    used = int(value.memory_usage(index=False, deep=False).sum()) + int(value.index.nbytes)
    width = min(len(value.columns), MAX_TEXTS)
    referred = sum(text_bytes(value.iloc[:, place]) for place in range(width))
    return {
        "shape": by_shape((len(value.index), len(value.columns))),
        "bytes": used + referred,
        "bytes_mark": "~" if referred else "",
        "preview": ", ".join(cell(name, 20) for name in list(value.columns[:8])),
    }


def of_series(value: Any) -> dict[str, Any]:
    is_index = kind(value) == "pandas.Index"
    first = value[:6] if is_index else value.iloc[:6]
    referred = 0 if is_index else text_bytes(value)
    return {
        "shape": by_shape((len(value),)),
        "dtype": str(value.dtype),
        "bytes": int(value.nbytes) + referred,
        "bytes_mark": "~" if referred else "",
        "preview": row(list(first)) if len(value) <= 6 else row(list(first))[:-1] + ", …]",
    }


def of_polars(value: Any) -> dict[str, Any]:
    return {
        "shape": by_shape(value.shape),
        "bytes": int(value.estimated_size()),
        "preview": ", ".join(cell(name, 20) for name in value.columns[:8]),
    }


def of_polars_series(value: Any) -> dict[str, Any]:
    first = row(value.head(6).to_list())
    return {
        "shape": by_shape((len(value),)),
        "dtype": str(value.dtype),
        "bytes": int(value.estimated_size()),
        "preview": first if len(value) <= 6 else first[:-1] + ", …]",
    }


def of_arrow(value: Any) -> dict[str, Any]:
    return {
        "shape": by_shape((value.num_rows, value.num_columns)),
        "bytes": int(value.nbytes),
        "preview": ", ".join(cell(name, 20) for name in value.schema.names[:8]),
    }


def of_arrow_column(value: Any) -> dict[str, Any]:
    first = row(value[:6].to_pylist())
    return {
        "shape": by_shape((len(value),)),
        "dtype": cell(str(value.type)),
        "bytes": int(value.nbytes),
        "preview": first if len(value) <= 6 else first[:-1] + ", …]",
    }


def of_sparse(value: Any) -> dict[str, Any]:
    parts = [getattr(value, name, None) for name in ("data", "indices", "indptr", "row", "col")]
    held: list[Any] = [part for part in parts if kind(part) == "numpy.ndarray"]
    found: dict[str, Any] = {
        "shape": by_shape(value.shape),
        "dtype": str(value.dtype),
        "preview": f"{int(value.nnz):,} stored values",
    }
    if len(held) >= 2 and held[0].dtype.kind != "O":
        found["bytes"] = sum(int(part.nbytes) for part in held)
    return found


def of_lazy(value: Any) -> dict[str, Any]:
    return {"preview": "a query that has not run"}


def of_data_array(value: Any) -> dict[str, Any]:
    return {
        "shape": by_shape(value.shape),
        "dtype": str(value.dtype),
        "bytes": int(value.nbytes),
        "preview": ", ".join(cell(name, 20) for name in value.dims[:8]),
    }


def of_dataset(value: Any) -> dict[str, Any]:
    return {
        "shape": cut(", ".join("{}: {:,}".format(*pair) for pair in value.sizes.items()), 60),
        "bytes": int(value.nbytes),
        "preview": ", ".join(cell(name, 20) for name in list(value.data_vars)[:8]),
    }


def of_tensor(value: Any) -> dict[str, Any]:
    shown = str(value.device)
    if shown == "cpu" and value.is_contiguous():  # otherwise it would be copied, or waited for
        shown = row(value.detach().view(-1)[:6].tolist())
        if value.numel() > 6:
            shown = shown[:-1] + ", …]"
    return {
        "shape": by_shape(value.shape) or "scalar",
        "dtype": str(value.dtype).rpartition(".")[2],
        "bytes": int(value.element_size() * value.nelement()),
        "preview": shown,
    }


DESCRIBERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "numpy.ndarray": of_array,
    "numpy.memmap": of_array,
    "numpy.recarray": of_array,
    "numpy.scalar": of_scalar,
    "pandas.DataFrame": of_frame,
    "pandas.Series": of_series,
    "pandas.Index": of_series,
    "polars.DataFrame": of_polars,
    "polars.Series": of_polars_series,
    "polars.LazyFrame": of_lazy,
    "pyarrow.Table": of_arrow,
    "pyarrow.RecordBatch": of_arrow,
    "pyarrow.ChunkedArray": of_arrow_column,
    "pyarrow.Array": of_arrow_column,
    "scipy.sparse": of_sparse,
    "xarray.DataArray": of_data_array,
    "xarray.Dataset": of_dataset,
    "torch.Tensor": of_tensor,
    "torch.nn.parameter.Parameter": of_tensor,
}


def of_library(value: Any) -> dict[str, Any] | None:
    """Shape, dtype, bytes and a preview of a library's value; None for other values."""
    describer = DESCRIBERS.get(kind(value))
    if describer is None:
        return None
    try:
        return describer(value)
    except Exception:  # noqa: BLE001  # a library's value may be half-built or changing
        return {}
