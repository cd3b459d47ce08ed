from __future__ import annotations

import asyncio
import time

from jupyter_mcp_ext.monitoring.lag import LoopLag


def measured(lag: LoopLag) -> dict[str, float]:
    """The number of measurements, and their sum in seconds."""
    [family] = lag.collect()
    return {
        sample.name.rpartition("_")[2]: sample.value
        for sample in family.samples
        if sample.name.endswith(("_sum", "_count"))
    }


async def test_the_time_for_which_the_loop_was_blocked_is_measured() -> None:
    lag = LoopLag(each=0)

    lag.start()
    time.sleep(0.2)  # noqa: ASYNC251  # what is measured
    while not measured(lag)["count"]:  # noqa: ASYNC110  # gives the timer its turn
        await asyncio.sleep(0)
    lag.stop()

    assert measured(lag)["sum"] >= 0.2


async def test_nothing_is_measured_after_the_stop() -> None:
    lag = LoopLag(each=0)

    lag.start()
    lag.stop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert measured(lag)["count"] == 0
