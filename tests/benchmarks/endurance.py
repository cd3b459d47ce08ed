"""How fast interrupts and deaths are reported, and what a thousand executions leave behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import psutil

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.servers import JupyterServer

ROUNDS = 10
EXECUTIONS = 1_000
SESSIONS = 200


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


def followed(server: JupyterServer) -> Row:
    """The call after code that was stopped, in the same session: its output and nothing else."""
    client = Client(server, "2026-07-28")
    figures: list[str] = []
    client.call("execute_code", code="import time")
    printing = "while True: print('old'); time.sleep(0.001)"
    for way in ("a timeout", "an interrupt"):
        samples = Samples()
        results: list[dict[str, Any]] = []
        for _ in range(ROUNDS):
            if way == "a timeout":
                client.call("execute_code", code=printing, timeout=0.2)
            else:
                begun = client.call("execute_code", code=printing, wait=0.2)
                execution_id = begun["_meta"]["jupyter-mcp-ext/execution"]["execution_id"]
                client.call("interrupt_kernel", execution_id=execution_id)
            samples.measure(lambda r=results: r.append(client.call("execute_code", code="'new'")))  # type: ignore[misc]  # mypy does not know r
        if any("old" in str(result["content"]) for result in results):
            raise RuntimeError(results)
        figures.append(f"after {way} {samples}")
    return Row(
        name="the next code of a session", figures="; ".join(figures), goal="within a second"
    )


def a_thousand(server: JupyterServer) -> Row:
    """Memory, descriptors and threads before and after a thousand executions in a row."""
    client, process = Client(server, "2026-07-28"), psutil.Process(server.process.pid)
    for _ in range(EXECUTIONS):  # so many executions are kept; from then on the oldest are dropped
        client.call("execute_code", code="1+1")
    before = _held(process)
    for _ in range(EXECUTIONS):
        client.call("execute_code", code="1+1")
    after = _held(process)
    return Row(name="1,000 executions in a row", figures=_grown(before, after), goal="no growth")


def two_hundred(server: JupyterServer) -> Row:
    """What two hundred sessions leave behind after their kernels were shut down."""
    client, process = Client(server, "2026-07-28"), psutil.Process(server.process.pid)

    def session(number: int) -> None:
        client.call("create_session", name=f"s{number}")
        client.call("shutdown_kernel", session_id=f"s{number}")

    for number in range(10):  # the thread pool grows to its full size
        session(number)
    before = _held(process)
    for number in range(10, 10 + SESSIONS):
        session(number)
    after = _held(process)
    kernels = len(process.children(recursive=True))
    return Row(
        name=f"{SESSIONS} sessions made and shut down",
        figures=f"{_grown(before, after)}, kernels left {kernels}",
        goal="no growth",
    )


def _grown(before: tuple[float, ...], after: tuple[float, ...]) -> str:
    return ", ".join(
        f"{name} {first:.0f} to {then:.0f}"
        for name, first, then in zip(("MB", "descriptors", "threads"), before, after, strict=True)
    )


def _held(process: psutil.Process) -> tuple[float, float, float]:
    return process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()


def _sleeping(client: Client) -> str:
    """Start code that sleeps, and return when the kernel runs it."""
    result = client.call("execute_code", code="import time; time.sleep(60)", wait=0.2)
    execution_id: str = result["_meta"]["jupyter-mcp-ext/execution"]["execution_id"]
    return execution_id
