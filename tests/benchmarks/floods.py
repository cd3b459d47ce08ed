"""Floods of output: what they cost the server, with us and without, in one run.

Without us means: the same server, the extension off, a client that reads the kernel directly; what
is left is what Jupyter's own watching of the kernel costs.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from tests.benchmarks.clients import Client, RawLink, RestKernel
from tests.benchmarks.measures import Row, Samples
from tests.servers import JupyterServer

FLOODS = {
    "200 MB in one print": "print('x' * 200_000_000)",
    "10,000,000 short lines": "for n in range(10_000_000): print(n)",
    "60,000 displays": "for n in range(60_000): display(n)",
    "a 100 MB image": (
        "from IPython.display import Image, display\n"
        "display(Image(data=b'\\x89PNG' + bytes(100_000_000), format='png'))"
    ),
    "a 50 MB JSON": (
        "from IPython.display import JSON, display\ndisplay(JSON(['x' * 1_000] * 50_000))"
    ),
}


AFTER = 2.0
"""Seconds for which a server is observed after the flood."""


@dataclass
class Cost:
    """What a flood cost the server, in milliseconds and megabytes."""

    seconds: float = 0
    stall: float = 0
    peak: float = 0
    left: float = 0


@contextmanager
def watched(server: JupyterServer, cost: Cost) -> Iterator[None]:
    """Ask the server for its version all the time, and look at its memory.

    Also for a while after: Jupyter's own watching of the kernel may come round to it only then.
    """
    process, over = psutil.Process(server.process.pid), threading.Event()
    before = process.memory_info().rss

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        while not over.is_set():
            begun = time.perf_counter()
            connection.request("GET", f"{server.base_url}api")
            connection.getresponse().read()
            cost.stall = max(cost.stall, (time.perf_counter() - begun) * 1_000)
            over.wait(0.002)

    def look() -> None:
        while not over.wait(0.01):
            cost.peak = max(cost.peak, (process.memory_info().rss - before) / 1e6)

    threads = [threading.Thread(target=ask), threading.Thread(target=look)]
    for thread in threads:
        thread.start()
    begun = time.perf_counter()
    try:
        yield
    finally:
        cost.seconds = time.perf_counter() - begun
        over.wait(AFTER)
        over.set()
        for thread in threads:
            thread.join()
        cost.left = (process.memory_info().rss - before) / 1e6


def flooded(with_us: JupyterServer, without: JupyterServer) -> list[Row]:
    """Every flood on both servers."""
    rows = []
    client, kernel = Client(with_us, "2026-07-28"), RestKernel(without)
    client.call("execute_code", code="1")
    raw = RawLink(kernel.connection_file)
    for name, code in FLOODS.items():
        sizes: list[int] = []
        ours = _cost(with_us, lambda c=code, s=sizes: s.append(client.size("execute_code", code=c)))  # type: ignore[misc]  # mypy does not know them
        plain = _cost(without, lambda c=code: raw.execute(c))  # type: ignore[misc]  # mypy does not know c
        rows.append(
            Row(
                name=name,
                figures=(
                    f"stall {ours.stall:.0f} ms (without us {plain.stall:.0f}), "
                    f"memory {ours.peak:+.0f} MB (without us {plain.peak:+.0f}), "
                    f"left {ours.left:+.0f} ({plain.left:+.0f}), "
                    f"{ours.seconds:.1f} s ({plain.seconds:.1f}), answer {sizes[0] / 1e3:.0f} kB"
                ),
                goal="stall +100 ms, memory + one frame + 64 MB, answer 40 kB",
            )
        )
    rows.append(during(with_us))
    return rows


def _cost(server: JupyterServer, work: Callable[[], object]) -> Cost:
    cost = Cost()
    with watched(server, cost):
        work()
    return cost


def during(server: JupyterServer) -> Row:
    """`get_kernel_status` of one session while another prints without end."""
    flooding = Client(server, "2026-07-28", scope="flood")
    looking = Client(server, "2026-07-28", scope="looker")
    looking.call("execute_code", code="1")
    flooding.call("execute_code", code="1")  # a kernel that is starting floods no one
    result = flooding.call("execute_code", code="while True: print('x' * 99)", wait=1)
    samples = Samples()
    for _ in range(200):
        samples.measure(lambda: looking.call("get_kernel_status"))
    execution_id = result["_meta"]["jupyter-mcp-ext/execution"]["execution_id"]
    stop = Samples()
    stop.measure(lambda: flooding.call("interrupt_kernel", execution_id=execution_id))
    return Row(
        name="`get_kernel_status` while another session prints without end",
        figures=f"{samples}; interrupting it took {stop.median:.0f} ms",
    )
