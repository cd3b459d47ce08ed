"""How fast variables are shown: many names, and a large data frame, idle and while code runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.servers import JupyterServer

ROUNDS = 60
MADE = """
import numpy as np, pandas as pd, resource, time
globals().update({f"v{n}": n for n in range(10_000)})
rows = 10_000_000
df = pd.DataFrame({
    "n": np.arange(rows), "x": np.random.rand(rows), "s": np.random.rand(rows).astype("f4"),
})
"""
PEAK = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
RUNNING = {
    "": "",
    ", while a cell sleeps": "time.sleep(600)",
    ", while a cell computes with numpy": "while True: np.sort(df['x'].to_numpy()[:1_000_000])",
    ", while a cell spins": "while True: pass",
}
"""The last one holds the interpreter lock, which is released every 5 ms."""


def looked_at(server: JupyterServer) -> list[Row]:
    """`get_variables` of 10,000 names and `inspect_variable` of 10 million rows."""
    client = Client(server, "2026-07-28")
    client.call("execute_code", code=MADE)
    before = _peak(client)
    rows = []
    for words, code in RUNNING.items():
        listed, inspected = Samples(), Samples()
        with _running(client, code):
            for number in range(ROUNDS):
                kept = (listed, inspected) if number > ROUNDS // 10 else (Samples(), Samples())
                kept[0].measure(lambda: client.call("get_variables"))
                kept[1].measure(lambda: client.call("inspect_variable", name="df"))
        goal = "under 50 ms" if "spins" not in words else ""
        rows.append(
            Row(name=f"`get_variables`, 10,000 names{words}", figures=str(listed), goal=goal)
        )
        name = f"`inspect_variable`, 10 million rows{words}"
        exact = goal if code else "under 600 ms: all rows are read for half a second"
        rows.append(Row(name=name, figures=str(inspected), goal=exact))
    grown = (_peak(client) - before) / 1_000
    figures = f"{grown:.0f} MB (the frame has 200 MB)"
    rows.append(Row(name="most memory of the kernel, grown by all of this", figures=figures))
    return rows


def _peak(client: Client) -> int:
    """The kernel's peak memory, in kB."""
    result = client.call("execute_code", code=PEAK)
    return int(result["content"][0]["text"].splitlines()[-1])


@contextmanager
def _running(client: Client, code: str) -> Iterator[None]:
    if not code:
        yield
        return
    result = client.call("execute_code", code=f"print('begun')\n{code}", wait=0)
    execution_id = result["content"][0]["text"].split()[1].rstrip(":")
    while "begun" not in str(result):  # each look shows only what is new
        result = client.call("get_output", output_id=execution_id, wait=0.1)
    yield
    client.call("interrupt_kernel", execution_id=execution_id)
