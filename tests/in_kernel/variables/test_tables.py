"""Data frames and arrays of the libraries that make them."""

from __future__ import annotations

import datetime
import tracemalloc
import warnings
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr

from jupyter_mcp_ext.in_kernel.variables.listing import listed
from tests.in_kernel.variables.looks import facts, look

ROWS = 10_000_000


class Cell:
    """A user's object in a column of objects."""

    def __repr__(self) -> NoReturn:
        raise AssertionError

    __str__ = __eq__ = __hash__ = __len__ = __bool__ = __repr__  # type: ignore[assignment]


def table(found: Any, title: str) -> list[dict[str, str]]:
    [one] = [section for section in found["sections"] if section["title"] == title]
    return [dict(zip(one["columns"], row, strict=True)) for row in one["rows"]]


def in_list(value: Any) -> dict[str, Any]:
    [variable] = listed([("x", value)], "", 50)["variables"]
    return dict(variable)


FRAME = pd.DataFrame(
    {
        "price": [1.5, None, 3.0, 4.0],
        "city": ["a", None, "b", "a"],
        "day": pd.date_range("2024-01-01", periods=4),
        "sold": [True, False, True, True],
        "what": [Cell(), None, [1], "x"],
        "kind": pd.Categorical(["u", "v", "u", None]),
    },
    index=pd.Index([10, 20, 30, 40], name="key"),
)


def test_a_data_frame_has_schema_missing_values_statistics_and_rows() -> None:
    found = look(FRAME)

    assert found["type"] == "pandas.DataFrame"
    assert facts(found)["shape"] == "4 x 6"
    assert facts(found)["index"] == "Index key, 10 to 40"
    price, city, day, sold, what, kind = table(found, "columns")
    assert (price["dtype"], price["missing"], price["min"]) == ("float64", "1", "1.5")
    assert (price["mean"], price["max"]) == ("2.83333", "4")
    assert (city["missing"], city["examples"]) == ("1", "a, b")
    assert (day["min"], day["max"]) == ("2024-01-01 00:00:00", "2024-01-04 00:00:00")
    assert sold["mean"] == "0.75"
    assert what["examples"] == "<tests.Cell object>, [1], x"
    assert kind["dtype"] == "category"
    assert table(found, "rows")[1] == {
        "": "20",
        "price": "nan",
        "city": "nan",
        "day": "2024-01-02 00:00:00",
        "sold": "False",
        "what": "None",
        "kind": "v",
    }


def test_white_space_at_the_ends_of_values_is_shown() -> None:
    found = look(pd.DataFrame({"city": ["Rome", " Oslo", "Lima "]}))

    assert [row["city"] for row in table(found, "rows")] == ["Rome", "' Oslo'", "'Lima '"]
    assert table(found, "columns")[0]["examples"] == "Rome, ' Oslo', 'Lima '"


def test_the_first_and_the_last_rows_of_a_long_frame_are_shown() -> None:
    found = look(pd.DataFrame({"n": range(1_000)}))

    assert [row["n"] for row in table(found, "first rows")] == ["0", "1", "2", "3", "4"]
    assert [row["n"] for row in table(found, "last rows")] == ["995", "996", "997", "998", "999"]


def test_a_wide_frame_says_how_much_is_left_out() -> None:
    wide = pd.DataFrame(np.zeros((3, 200)))

    found, full = look(wide), look(wide, detail="full")

    assert found["notes"] == ["150 columns left out", "188 columns of rows left out"]
    assert found["cut"]
    assert len(table(found, "columns")) == 50
    assert len(table(full, "columns")) == 200


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame(index=range(3)),
        pd.DataFrame(np.zeros((2, 2)), columns=["a", "a"]),
        pd.DataFrame(np.zeros((2, 2)), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}),
        pd.DataFrame({"a": pd.interval_range(0, 2), "b": [1j, 2]}),
        pd.DataFrame({"a": [datetime.timedelta(1), None]}),
    ],
    ids=range(10),
)
def test_frames_of_every_kind_are_looked_into(frame: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = look(frame)

    assert not [note for note in found["notes"] if "could not" in note]
    assert "shape" in in_list(frame)


def orders(rows: int = 200_000) -> pd.DataFrame:
    """A frame whose every 20th row says little about the others."""
    number = pd.Series(range(rows))
    odd = number % 8 == 1
    days = pd.Series(pd.date_range("2024-01-01", periods=rows, freq="min"))
    text = pd.Series(["x"] * rows)
    return pd.DataFrame(
        {
            "n": number + 1,
            "price": (number / 2).mask(odd),
            "day": days.mask(odd),
            "count": number.astype("Int64").mask(odd),
            "city": text.mask(odd),
            "any": text.astype("object").mask(odd),
            "flag": odd,
        }
    )


def test_statistics_of_a_frame_are_of_all_its_rows() -> None:
    frame = orders()

    found = look(frame, detail="full")

    columns = {row["column"]: row for row in table(found, "columns")}
    for name, row in columns.items():
        assert row["missing"] == f"{int(frame[name].isna().sum()):,}", name
    assert (columns["n"]["min"], columns["n"]["max"]) == ("1", "200000")
    assert columns["n"]["mean"] == "100000"
    assert columns["price"]["max"] == "99999.5"
    assert columns["day"]["max"] == str(frame["day"].max())
    assert columns["count"]["max"] == "199999"
    assert columns["flag"]["mean"] == "0.125"
    assert found["notes"] == []
    assert facts(look(frame, "x['price']"))["missing"] == "25,000"
    assert facts(look(frame, "x['city']"))["missing"] == "25,000"


def test_where_the_time_is_over_each_number_is_marked_as_an_estimate() -> None:
    found = look(orders(), idle=True, seconds=0)

    columns = {row["column"]: row for row in table(found, "columns")}
    assert columns["n"]["min"] == "~1"
    assert columns["n"]["max"] == "~199981"
    for name in ("price", "day", "count", "city", "any"):
        assert columns[name]["missing"].startswith("~")
    assert columns["flag"]["mean"].startswith("~")
    assert found["notes"] == [
        "numbers with ~ are estimates from every 20th value, since exact ones take more than 0 s"
    ]
    while_busy = look(orders(), seconds=0)
    assert "since the kernel runs code" in while_busy["notes"][0]


def test_missing_values_of_a_sample_are_scaled_to_all_rows() -> None:
    frame = pd.DataFrame({"x": np.where(np.arange(1_000_000) % 3 == 0, np.nan, 1.0)})

    [row] = table(look(frame, seconds=0), "columns")

    assert row["missing"] == "~333,400"


def test_few_rows_are_read_in_full_whatever_the_time() -> None:
    found = look(pd.DataFrame({"n": range(10_000)}), seconds=0)

    assert table(found, "columns")[0]["max"] == "9999"
    assert found["notes"] == []


def test_ten_million_rows_are_not_copied() -> None:
    frame = pd.DataFrame(
        {"n": np.arange(ROWS), "x": np.zeros(ROWS), "y": np.zeros(ROWS, dtype="f4")}
    )
    frame.loc[7, "x"] = np.nan
    look(frame)
    tracemalloc.start()
    try:
        found = look(frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 5_000_000
    assert found["notes"] == []
    assert table(found, "columns")[0]["max"] == "9999999"
    assert table(found, "columns")[1]["missing"] == "1"
    assert table(found, "last rows")[-1]["n"] == "9999999"


@pytest.mark.parametrize("order", ["C", "F"])
def test_statistics_of_an_array_are_of_all_its_values(order: Any) -> None:
    array = np.zeros((1_000, 1_000), order=order)
    array[3, 1::2], array[999, 999], array[500, 500] = np.nan, -5, np.inf

    found = look(array)

    assert facts(found)["missing"] == "500"
    assert facts(found)["infinite"] == "1"
    assert (facts(found)["min"], facts(found)["max"]) == ("-5", "0")
    assert found["notes"] == []
    assert facts(look(array[::2, ::2]))["max"] == "0"
    assert facts(look(array, seconds=0))["min"].startswith("~")
    assert facts(look(np.arange(1_000_000)))["std"] == "288675"


def test_infinite_values_of_a_frame_are_counted_beside_its_finite_extremes() -> None:
    [row] = table(look(pd.DataFrame({"x": [1.0, np.inf, -np.inf, 3.0, None]})), "columns")

    assert (row["missing"], row["infinite"]) == ("1", "2")
    assert (row["min"], row["mean"], row["max"]) == ("1", "2", "3")


def test_large_whole_numbers_are_told_with_all_their_digits() -> None:
    [row] = table(look(pd.DataFrame({"x": [1_234_567.0, 7_654_321.0]})), "columns")

    assert (row["min"], row["max"]) == ("1234567", "7654321")


def test_a_column_by_item_and_by_attribute_is_a_series() -> None:
    by_item, by_attribute = look(FRAME, "x['price']"), look(FRAME, "x.price")

    assert by_item == by_attribute
    assert facts(by_item)["missing"] == "1"
    assert look(FRAME, "x.city[10]")["type"] == "str"
    assert "Did you mean price?" in look(FRAME, "x['pric']")["unresolved"]
    assert "Did you mean price?" in look(FRAME, "x.pric")["unresolved"]
    assert "may compute it" in look(FRAME, "x.describe")["unresolved"]
    assert "its columns" in look(FRAME, "x[0]")["unresolved"]


def test_an_array_of_a_class_that_users_made_is_not_asked_for_anything() -> None:
    class Own(pd.arrays.IntegerArray):
        @property
        def nbytes(self) -> NoReturn:
            raise AssertionError

    frame = pd.DataFrame({"a": Own(np.zeros(3, dtype="i8"), np.zeros(3, dtype=bool)), "b": 1})
    array = xr.DataArray(np.zeros(3))
    array.variable._data = type("Duck", (), {"shape": (3,), "__getattr__": None})()

    assert in_list(frame)["preview"] == "<pandas.DataFrame object>"
    assert in_list(frame["a"])["preview"] == "<pandas.Series object>"
    assert in_list(array)["preview"] == "<xarray.DataArray object>"
    assert in_list(frame["b"])["shape"] == "3"


def test_a_class_derived_from_a_frame_is_not_looked_into() -> None:
    class Derived(pd.DataFrame):
        @property
        def _constructor(self) -> NoReturn:
            raise AssertionError

        def __repr__(self) -> NoReturn:
            raise AssertionError

        def __len__(self) -> NoReturn:
            raise AssertionError

    found = look(Derived({"a": [1]}))

    assert found["notes"] == ["its repr was not asked for while the kernel is busy"]
    assert in_list(Derived({"a": [1]}))["preview"] == "<tests.Derived object>"


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.arange(12.0).reshape(3, 4), {"shape": "3 x 4", "min": "0", "max": "11", "mean": "5.5"}),
        (np.array([1.0, np.nan, np.inf]), {"missing": "1", "infinite": "1", "max": "1"}),
        (np.array([True, False]), {"dtype": "bool", "mean": "0.5"}),
        (np.array([], dtype="f8"), {"shape": "0"}),
        (np.array(5), {"shape": "scalar", "min": "5"}),
        (np.zeros((2, 3, 4, 5)), {"shape": "2 x 3 x 4 x 5"}),
        (np.zeros((0, 3)), {"shape": "0 x 3"}),
        (np.array([1 + 2j]), {"dtype": "complex128"}),
        (np.array([Cell(), None]), {"dtype": "object"}),
        (np.array(["a", "b"]), {"dtype": "<U1"}),
        (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), {"fields": "a, b"}),
        (np.zeros((1_000, 2_000)).T, {"shape": "2,000 x 1,000"}),
        (np.zeros((2_000, 2_000))[::2, ::2], {"shape": "1,000 x 1,000"}),
        (np.asfortranarray(np.zeros((900, 900))), {"shape": "900 x 900"}),
    ],
    ids=range(14),
)
def test_an_array_has_shape_statistics_and_edges(array: Any, expected: dict[str, str]) -> None:
    found = look(array)

    assert not [note for note in found["notes"] if "could not" in note]
    assert expected.items() <= facts(found).items()
    assert in_list(array)["type"] == "numpy.ndarray"


def test_dates_of_an_array_are_shown_as_dates() -> None:
    found = look(np.array(["2024-01-02"], dtype="M8[ns]"))

    assert table(found, "rows")[0]["value"].startswith("2024-01-02")


def test_an_item_of_an_array_is_found() -> None:
    assert facts(look(np.arange(12).reshape(3, 4), "x[1][-1]"))["value"] == "7"
    assert "has no item 7 (IndexError)" in look(np.zeros(3), "x[7]")["unresolved"]


def test_polars_frames_and_series_are_looked_into() -> None:
    frame = pl.DataFrame({"n": [1, None, 3], "s": ["a", "b", None], "l": [[1], [2], None]})

    found = look(frame)

    assert facts(found)["shape"] == "3 x 3"
    number, text, _ = table(found, "columns")
    assert (number["dtype"], number["missing"], number["max"]) == ("Int64", "1", "3")
    assert (text["examples"], table(found, "rows")[0]["n"]) == ("a, b", "1")
    assert facts(look(frame, "x['n']"))["missing"] == "1"
    assert look(frame.lazy())["notes"] == [
        "the query has not run: collect() in execute_code runs it"
    ]
    assert in_list(frame)["shape"] == "3 x 3"
    assert in_list(frame["n"])["preview"] == "[1, None, 3]"
    assert in_list(frame.lazy())["type"] == "polars.LazyFrame"
    assert not look(pl.DataFrame())["notes"]


def test_statistics_of_a_polars_frame_are_of_all_its_rows() -> None:
    rows = 1_000_000
    frame = pl.DataFrame({"n": range(rows)}).with_columns(
        price=pl.when(pl.col("n") % 8 != 1).then(pl.col("n") / 2),
        ratio=pl.when(pl.col("n") == 3).then(float("nan")).otherwise(1.5),
        day=pl.datetime(2024, 1, 1) + pl.duration(minutes=pl.col("n")),
        flag=pl.col("n") % 4 == 0,
    )

    found = look(frame)
    estimated = look(frame, seconds=0)

    columns = {row["column"]: row for row in table(found, "columns")}
    assert (columns["n"]["min"], columns["n"]["max"]) == ("0", "999999")
    assert (columns["price"]["missing"], columns["price"]["max"]) == ("125,000", "499999.5")
    assert (columns["ratio"]["nan"], columns["ratio"]["mean"]) == ("1", "1.5")
    assert columns["day"]["max"] == str(frame["day"].max())
    assert columns["flag"]["mean"] == "0.25"
    assert found["notes"] == []
    assert table(estimated, "columns")[0]["max"] == "~999900"
    assert table(found, "last rows")[-1]["n"] == "999999"


def test_xarray_has_dimensions_coordinates_and_variables() -> None:
    array = xr.DataArray(np.arange(6).reshape(2, 3), dims=("t", "x"), coords={"t": [1, 2]})
    both = xr.Dataset({"heat": array}, attrs={"by": "me"})

    assert facts(look(array))["dims"] == "t: 2, x: 3"
    assert facts(look(array))["max"] == "5"
    assert facts(look(both)) | {"bytes": ""} == {"bytes": "", "shape": "t: 2, x: 3"} | {
        "dims": "t: 2, x: 3",
        "by": "'me'",
    }
    assert table(look(both), "variables")[0]["name"] == "heat"
    assert look(both, "x['heat']")["type"] == "xarray.DataArray"
    assert in_list(both)["preview"] == "heat"


def test_a_module_that_only_bears_a_librarys_name_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lazy:
        def __getattr__(self, name: str) -> NoReturn:
            raise AssertionError

    monkeypatch.setitem(__import__("sys").modules, "numpy", Lazy())

    assert in_list(np.zeros(3))["preview"] == "<numpy.ndarray object>"


def test_the_size_of_a_frame_has_its_texts() -> None:
    frame = pd.DataFrame({"a": pd.Series(["x" * 1_000] * 1_000).astype("object"), "n": 1})

    assert in_list(frame)["bytes"] > 1_000_000
    assert in_list(frame)["bytes_mark"] == "~"
    assert facts(look(frame))["bytes"].startswith("~1,0")
    assert in_list(frame["n"])["bytes_mark"] == ""
