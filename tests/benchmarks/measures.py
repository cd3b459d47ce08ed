"""Timing: samples, medians, 95th percentiles, and the rows of the table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table."""

    name: str
    figures: str
    goal: str = ""

    def __str__(self) -> str:
        return f"| {self.name} | {self.figures} | {self.goal} |"


class Samples:
    """Times of one thing, in milliseconds."""

    def __init__(self, milliseconds: Iterable[float] = ()) -> None:
        self.milliseconds = list(milliseconds)

    def measure(self, work: Callable[[], object]) -> None:
        """Time one call."""
        begun = time.perf_counter()
        work()
        self.milliseconds.append((time.perf_counter() - begun) * 1_000)

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """The 95th percentile."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]

    @property
    def longest(self) -> str:
        """The figures of stalls: the longest of a usual round, and of all."""
        return f"stall {self.median:.0f} ms (most {max(self.milliseconds):.0f})"

    def __str__(self) -> str:
        return f"{self.median:.2f} ms (p95 {self.p95:.2f})"
