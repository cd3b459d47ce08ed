from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

from prometheus_client import CollectorRegistry, Counter, Metric, generate_latest
from prometheus_client.registry import Collector

from jupyter_mcp_ext.monitoring.exposition import Exposition


class Server(Collector):
    """A server that has counted so many calls."""

    def __init__(self, calls: int) -> None:
        self._calls = Counter("calls", "Calls.", ["tool"], registry=None)
        self._calls.labels("run").inc(calls)

    def collect(self) -> Iterator[Metric]:
        yield from self._calls.collect()


class Broken(Collector):
    """A server whose metrics cannot be read."""

    def collect(self) -> Iterator[Metric]:
        raise RuntimeError


def page(registry: CollectorRegistry) -> list[str]:
    """The samples that are served."""
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_two_servers_in_a_process_are_added_up() -> None:
    registry = CollectorRegistry()
    exposition = Exposition(registry)
    first, second = Server(2), Server(3)

    exposition.add(first)
    exposition.add(second)

    assert page(registry) == ['calls_total{tool="run"} 5.0']


def test_a_server_that_was_removed_counts_no_more() -> None:
    registry = CollectorRegistry()
    exposition = Exposition(registry)
    first, second = Server(2), Server(3)
    exposition.add(first)
    exposition.add(second)

    exposition.remove(first)
    assert page(registry) == ['calls_total{tool="run"} 3.0']
    exposition.remove(second)
    assert page(registry) == []

    exposition.add(first)
    assert page(registry) == ['calls_total{tool="run"} 2.0']


def test_a_server_that_is_forgotten_is_not_kept() -> None:
    registry = CollectorRegistry()
    exposition = Exposition(registry)
    server = Server(2)
    forgotten = ref(server)
    exposition.add(server)

    del server
    gc.collect()

    assert forgotten() is None
    assert page(registry) == []


def test_metrics_that_cannot_be_read_leave_all_others_served() -> None:
    registry = CollectorRegistry()
    Counter("jupyters", "Of Jupyter.", registry=registry)
    exposition = Exposition(registry)
    broken, sound = Broken(), Server(2)

    exposition.add(broken)
    exposition.add(sound)

    assert {line.split()[0] for line in page(registry)} >= {
        "jupyters_total",
        'calls_total{tool="run"}',
    }
