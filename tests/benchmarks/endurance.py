"""How fast an interrupt and a death are told, and what a thousand executions leave behind."""

from __future__ import annotations

import os
import signal
import threading
import time

import psutil

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.servers import JupyterServer

ROUNDS = 10
EXECUTIONS = 1_000


def interrupted(server: JupyterServer) -> Row:
    """From the call of `interrupt_kernel` to its answer, while code sleeps."""
    client, samples = Client(server, "2026-07-28"), Samples()
    for _ in range(ROUNDS):
        execution_id = _sleeping(client)
        samples.measure(lambda e=execution_id: client.call("interrupt_kernel", execution_id=e))  # type: ignore[misc]  # mypy does not know e
    return Row(name="interrupt of sleeping code, until it is answered", figures=str(samples))


def died(server: JupyterServer) -> Row:
    """From `kill -9` to the answer of the call that waits for the code."""
    client, samples = Client(server, "2026-07-28"), Samples()
    for _ in range(ROUNDS):
        result = client.call("execute_code", code="import os; os.getpid()")
        pid = int(result["content"][0]["text"].splitlines()[-1])
        execution_id = _sleeping(client)
        told = threading.Event()
        begun = 0.0

        def wait(execution_id: str = execution_id, told: threading.Event = told) -> None:
            Client(server, "2026-07-28").call("get_output", output_id=execution_id, wait=50)
            told.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        begun = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        told.wait(60)
        samples.milliseconds.append((time.perf_counter() - begun) * 1_000)
        waiting.join()
    return Row(
        name="death by `kill -9`, until it is answered", figures=str(samples), goal="under 500 ms"
    )


def a_thousand(server: JupyterServer) -> Row:
    """Memory, descriptors and threads before and after a thousand executions in a row."""
    client, process = Client(server, "2026-07-28"), psutil.Process(server.process.pid)
    for _ in range(EXECUTIONS):  # so many are kept to be read again; from then on the oldest go
        client.call("execute_code", code="1+1")
    before = _held(process)
    for _ in range(EXECUTIONS):
        client.call("execute_code", code="1+1")
    after = _held(process)
    figures = ", ".join(
        f"{name} {first:.0f} to {then:.0f}"
        for name, first, then in zip(("MB", "descriptors", "threads"), before, after, strict=True)
    )
    return Row(name="1,000 executions in a row", figures=figures, goal="no growth")


def _held(process: psutil.Process) -> tuple[float, float, float]:
    return process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()


def _sleeping(client: Client) -> str:
    """Start code that sleeps, and return when the kernel is at it."""
    result = client.call("execute_code", code="import time; time.sleep(60)", wait=0.2)
    execution_id: str = result["_meta"]["jupyter-mcp-ext/execution"]["execution_id"]
    return execution_id
