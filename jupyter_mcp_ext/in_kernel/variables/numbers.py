"""Counts, extremes and means of whole columns and arrays, piece by piece, within a time limit.

If the time is not enough, they are estimated from a sample, and each such number says so.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from math import isnan
from typing import Any

from .libraries import cell
from .plain import library

PIECE = 200_000
"""Values that are read at a time: temporary copies are as large as they are."""

SAMPLE = 10_000
"""Values of an evenly spaced sample; data with no more is read in full in any case."""


class Budget:
    """The time for the numbers of one value."""

    def __init__(self, seconds: float) -> None:
        self._until = time.perf_counter() + seconds
        self.step = 1
        """The distance between the values of a sample; 1 if there is none."""

    def is_spent(self) -> bool:
        return time.perf_counter() >= self._until


class Tally:
    """Numbers of the pieces fed so far; a subclass for each library reads them."""

    def __init__(self) -> None:
        self.rows = 0
        self.counts: dict[str, int] = {}
        """``missing`` and the like."""
        self.low: Any = None
        self.high: Any = None
        self.known = 0
        """The number of values in the mean."""
        self.mean: float | None = None

    def feed(self, values: Any) -> None:
        raise NotImplementedError

    def count(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + int(number)

    def reach(self, low: Any, high: Any) -> None:
        self.low = low if self.low is None or low < self.low else self.low
        self.high = high if self.high is None or high > self.high else self.high

    def average(self, mean: Any, known: int) -> None:
        """Add ``known`` values with that mean."""
        if known:
            earlier = self.mean or 0.0
            self.known += known
            self.mean = earlier + (float(mean) - earlier) * known / self.known

    def words(self, size: int) -> dict[str, str]:
        """Its numbers; estimates if it was fed fewer than ``size`` values."""
        mark = "~" if self.rows < size else ""
        found = {}
        for name, number_of in self.counts.items():
            scaled = round(number_of * size / max(self.rows, 1))
            if number_of or name == "missing":
                found[name] = f"{mark}{scaled:,}"
        for name, value in (("min", self.low), ("mean", self.mean), ("max", self.high)):
            told = number(value, 6 if name == "mean" else 12)
            found[name] = mark + told if told else ""
        return found


def tallied(
    make: Callable[[], Any],
    size: int,
    pieces: Iterable[Any],
    sample: Callable[[int], Any],
    budget: Budget,
) -> Any:
    """A tally of all pieces or, when the time is over, of an evenly spaced sample."""
    tally = make()
    for piece in pieces:
        if size > SAMPLE and budget.is_spent():
            tally, step = make(), max(2, size // SAMPLE)
            budget.step = max(budget.step, step)
            tally.feed(sample(step))
            break
        tally.feed(piece)
    return tally


def of_column(make: Callable[[], Any], values: Any, size: int, budget: Budget) -> dict[str, str]:
    """Numbers of a column that can be sliced."""
    starts = range(0, size, PIECE)
    pieces = (values[start : start + PIECE] for start in starts)
    tally = tallied(make, size, pieces, lambda step: values[::step], budget)
    return tally.words(size)  # type: ignore[no-any-return]


class ArrayTally(Tally):
    """Numbers of numpy arrays. Values that are not finite are counted, and left out of the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.squares = 0.0
        """Of the distances to the mean."""

    def feed(self, values: Any) -> None:
        self.rows += values.size
        with library("numpy")["errstate"](all="ignore"):
            self.feed_known(self.finite(values))

    def finite(self, values: Any) -> Any:
        if values.dtype.kind != "f":
            return values
        numpy = library("numpy")
        known = numpy["isfinite"](values)
        left = values.size - int(numpy["count_nonzero"](known))
        missing = int(numpy["count_nonzero"](numpy["isnan"](values))) if left else 0
        self.count("missing", missing)
        self.count("infinite", left - missing)
        return values[known] if left else values

    def feed_known(self, values: Any) -> None:
        if not values.size:
            return
        self.reach(*(plain_number(value) for value in (values.min(), values.max())))
        earlier, before = self.mean or 0.0, self.known
        mean = float(values.mean(dtype="float64"))
        self.average(mean, values.size)
        apart = (mean - earlier) ** 2 * before * values.size / self.known
        self.squares += float(values.var(dtype="float64")) * values.size + apart

    def words(self, size: int) -> dict[str, str]:
        found = super().words(size)
        if self.known:
            mark = "~" if self.rows < size else ""
            found["std"] = mark + number((self.squares / self.known) ** 0.5)
        return found


def pieces_of(value: Any) -> Iterator[Any]:
    """Views that together cover an array."""
    if value.size <= PIECE:
        yield value
        return
    axis = max(range(value.ndim), key=lambda n: value.shape[n])
    half = value.shape[axis] // 2
    for part in (slice(None, half), slice(half, None)):
        yield from pieces_of(value[(slice(None),) * axis + (part,)])


def sample_of(value: Any, step: int) -> Any:
    """An evenly spaced view of an array."""
    for flat in (value, value.T):
        if flat.flags.c_contiguous:
            return flat.reshape(-1)[::step]
    longest = max(range(value.ndim), key=lambda axis: value.shape[axis])
    where = [slice(None)] * value.ndim
    where[longest] = slice(None, None, min(step, value.shape[longest]))
    return value[tuple(where)]


class PandasTally(Tally):
    """Numbers of a column that pandas itself has to read: dates, and values that can be missing."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def feed(self, values: Any) -> None:
        self.rows += len(values)
        missing = int(values.isna().sum())
        self.count("missing", missing)
        known = len(values) - missing
        if known and self.kind in "iufmM":
            low, high = values.min(), values.max()
            if not library("pandas")["isna"](low):
                self.reach(low, high)
        if known and self.kind in "iufb":
            self.average(values.mean(), known)


class PolarsTally(Tally):
    """Numbers of a polars series, which distinguishes NaN from missing values."""

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.has_mean = dtype.is_numeric() or str(dtype) == "Boolean"
        self.has_order = dtype.is_numeric() or dtype.is_temporal()
        self.can_be_nan = dtype.is_float()

    def feed(self, values: Any) -> None:
        self.rows += len(values)
        known = len(values) - values.null_count()
        if self.can_be_nan:
            wrong = int(values.is_nan().sum() or 0)
            self.count("nan", wrong)
            values, known = (values.drop_nans() if wrong else values), known - wrong
        if known and self.has_order:
            self.reach(values.min(), values.max())
        if known and self.has_mean:
            self.average(values.mean(), known)


def plain_number(value: Any) -> Any:
    """A numpy number as a Python number; 0.1 in single precision is 0.1."""
    return float(str(value)) if value.dtype.kind == "f" else value.item()


def number(value: Any, digits: int = 6) -> str:
    """A statistic as text; empty if there is none. Whole numbers have all their digits."""
    if value is None:
        return ""
    with contextlib.suppress(AttributeError, ValueError):
        value = value.item()
    if type(value) is float:
        is_whole = value.is_integer() and abs(value) < 1e15
        return "" if isnan(value) else f"{value:.{15 if is_whole else digits}g}"
    return cell(value, 30)
