"""Saves of variables: how long they take, how long code waits for them, and the restore."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.benchmarks.measures import Row, Samples
from tests.sessions.states.oracle import Session, session

STATES = {
    "10 MB of numbers": "import numpy; a = numpy.random.default_rng(1).random(1_250_000)",
    "300 MB of numbers": "import numpy; a = numpy.random.default_rng(1).random(37_500_000)",
    "5,000 names": "globals().update({f'v{n}': [n] for n in range(5_000)})",
    "20,000 constants": "\n".join(f"C{n} = {n}" for n in range(20_000)),
    "1,000,000 small lists": "a = [[n] for n in range(1_000_000)]",
}

USE = "len(globals())"


def saves(base: Path) -> list[Row]:
    """A save of each state while code runs, and the session's first use afterwards."""
    return [asyncio.run(_row(base, name, code)) for name, code in STATES.items()]


async def _row(base: Path, name: str, code: str) -> Row:
    quiet, beside = Samples(), Samples()
    async with session(base / name.replace(" ", "-"), has_cloudpickle=False) as here:
        await here.run(code)
        here.cells.append(code)
        for _ in range(50):
            await _time(here, quiet)
        began = time.perf_counter()
        saving = asyncio.ensure_future(here.save())
        while not saving.done():
            await _time(here, beside)
        await saving
        seconds = time.perf_counter() - began
        began = time.perf_counter()
        await here.restore()
        await here.run(USE)
        back = time.perf_counter() - began
    waited = max(beside.milliseconds) - quiet.median
    return Row(
        name=f"save of {name}, the longest wait of code beside it, first use in a new kernel",
        figures=f"{seconds:.1f} s, {waited:.0f} ms, {back:.1f} s",
        goal="waits under 50 ms",
    )


async def _time(here: Session, samples: Samples) -> None:
    began = time.perf_counter()
    await here.run("1")
    samples.milliseconds.append((time.perf_counter() - began) * 1_000)
