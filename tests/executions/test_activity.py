"""Running code counts as the server's activity, for a time that the operator sets."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_mcp_ext.executions.activity import Activity
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.executions.order import Destination, Order
from tests.engine import ALICE


def new() -> Execution:
    return Execution(
        Order(
            id="abcdefgh-1",
            session_id="abcdefgh",
            kernel_name="python3",
            code="1",
            owner="alice",
            client="test",
        ),
        max_output_bytes=0,
    )


class Told:
    """Counts the reports of activity."""

    def __init__(self) -> None:
        self.times = 0
        self.often = asyncio.Event()

    def __call__(self) -> None:
        self.times += 1
        if self.times > 3:
            self.often.set()


async def test_code_that_says_nothing_is_activity_until_it_ends() -> None:
    execution, told = new(), Told()
    Activity(execution, told, limit=600, pulse=0)

    await asyncio.wait_for(told.often.wait(), 60)
    execution.end("ok")
    await asyncio.sleep(0)
    last = told.times
    for _ in range(10):
        await asyncio.sleep(0)

    assert told.times == last


async def test_beyond_the_limit_only_its_end_is_activity() -> None:
    execution, told = new(), Told()
    Activity(execution, told, limit=0, pulse=0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert told.times == 1

    execution.end("ok")
    await asyncio.sleep(0)

    assert told.times == 2


async def test_executions_count_as_activity_for_jupyter(jp_serverapp: Any) -> None:
    app = jp_serverapp.extension_manager.extension_apps["jupyter_mcp_ext"].copy().pop()
    times = jp_serverapp.web_app.settings["last_activity_times"]
    times.pop("mcp", None)
    over = asyncio.Event()

    async def work(*_: object) -> None:
        await over.wait()

    execution = app.services.executions.start_work(
        "waits",
        work,
        Destination(session_id="abcdefgh", kernel_name="python3"),
        caller=ALICE,
    )
    begun = times["mcp"]
    over.set()
    await asyncio.wait({execution.done})
    await asyncio.sleep(0)

    assert times["mcp"] > begun
    assert jp_serverapp.web_app.last_activity() >= times["mcp"]
