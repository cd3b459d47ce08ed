"""Writes the table of what comes back: ``python -m tests.sessions.states``."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from . import read_states
from .oracle import judge
from .table import FILE, written
from .unfinished import judge_unfinished


async def _main() -> None:
    states = read_states()
    with tempfile.TemporaryDirectory() as folder:
        ended = [state for state in states if state.ends]
        verdicts = await asyncio.to_thread(judge_unfinished, ended, Path(folder))
    for has_cloudpickle in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            verdicts[has_cloudpickle] |= await judge(
                states, Path(folder), has_cloudpickle=has_cloudpickle
            )
        found = verdicts[has_cloudpickle]
        print(Counter(one.outcome for one in found.values()))
        for name, one in found.items():
            if one.outcome == "wrong":
                print(f"  {name}: {one.why}")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(written(states, verdicts), encoding="utf-8")


asyncio.run(_main())
