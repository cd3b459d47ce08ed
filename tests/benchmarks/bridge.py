"""What the bridge adds to a call, and how soon it answers after its start."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.clients.bridge.bridges import bridged
from tests.servers import FRESH, running_server

ROUNDS = 300
STARTS = 10
ERAS = ("2026-07-28", "2025-11-25")


def bridge(base: Path) -> list[Row]:
    """`1+1` over HTTP and over the bridge, taking turns; and starts."""
    folder = base / "bridge"
    folder.mkdir()
    rows = []
    with running_server(folder, command=FRESH) as server:
        for era in ERAS:
            direct, straight, over = Client(server, era), Samples(), Samples()
            with bridged(folder, version=era) as between:
                for number in range(ROUNDS):
                    is_kept = number > ROUNDS // 10
                    (straight if is_kept else Samples()).measure(
                        lambda client=direct: client.call("execute_code", code="1+1")  # type: ignore[misc]  # the loop's
                    )
                    (over if is_kept else Samples()).measure(
                        lambda bridge=between: bridge.call("execute_code", code="1+1")  # type: ignore[misc]  # likewise
                    )
            added = over.median - straight.median
            figures = f"{over}, {added:.2f} ms more than {straight.median:.2f} ms over HTTP"
            rows.append(
                Row(name=f"`1+1` over the bridge, {era}", figures=figures, goal="2 ms more")
            )
        begun = Samples()
        for _ in range(STARTS):
            begun.measure(lambda: _begin(folder))
    return [*rows, Row(name="the bridge, from its start to its first answer", figures=str(begun))]


def _begin(folder: Path) -> None:
    with bridged(folder):  # which waits for the answer to ``initialize``
        pass
