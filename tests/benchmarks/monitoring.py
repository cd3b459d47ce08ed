"""What metrics and traces cost on a call that runs code, and what a scrape takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.executions.order import Order
from jupyter_mcp_ext.monitoring.counts import Counts
from jupyter_mcp_ext.protocol.tracing import trace
from jupyter_mcp_ext.tools.registry import BY_NAME
from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.servers import JupyterServer

TIMES = 20_000
SCRAPES = 100


def counted() -> Row:
    """A call and its execution, with what is counted of them and no tracing configured."""
    with_metrics, without = asyncio.run(_counted())
    cost = with_metrics.median - without.median
    return Row(name="metrics and traces on a call", figures=f"{cost:.3f} ms", goal="under 0.05 ms")


async def _counted() -> tuple[Samples, Samples]:
    counts = Counts()
    with_metrics, without = Samples(), Samples()
    for number in range(TIMES):
        with_metrics.milliseconds.append(await _run(number, (counts.follow, trace), counts))
        without.milliseconds.append(await _run(number, (), None))
    return with_metrics, without


async def _run(
    number: int, listeners: Sequence[Callable[[Execution], object]], counts: Counts | None
) -> float:
    order = Order(
        id=f"abcdefgh-{number}",
        session_id="abcdefgh",
        kernel_name="python3",
        code="1",
        owner="alice",
        client="benchmark",
        scope="",
    )
    execution = Execution(order, max_output_bytes=0)
    began = time.perf_counter()
    for listener in listeners:
        listener(execution)
    execution.begin()
    execution.end("ok")
    await asyncio.sleep(0)
    if counts is not None:
        counts.called("execute_code", "ok", 0.01)
    return (time.perf_counter() - began) * 1_000


def scraped(server: JupyterServer, without: JupyterServer) -> Row:
    """Jupyter's page of metrics after a call of each tool, and on a server without the extension.

    The page is written on the event loop.
    """
    client = Client(server, "2026-07-28")
    for name in BY_NAME:
        client.call(name)
    client.close()
    ours, jupyters = Samples(), Samples()
    for _ in range(SCRAPES):
        ours.measure(partial(_scrape, server))
        jupyters.measure(partial(_scrape, without))
    return Row(
        name="a scrape of /metrics, beside Jupyter's alone",
        figures=f"{ours}, {jupyters}",
        goal="10 ms more at most",
    )


def _scrape(server: JupyterServer) -> None:
    assert server.request("GET", headers=server.auth, path="/metrics").status == 200
