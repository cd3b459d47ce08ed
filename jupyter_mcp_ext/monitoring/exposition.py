"""Has the metrics of servers in a registry of Prometheus's client, as Jupyter's are."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING
from weakref import WeakSet

from prometheus_client import REGISTRY, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

log = logging.getLogger(__name__)


class Exposition(Collector):
    """Adds up the metrics of all servers of this process: a registry takes each name once.

    A server that was not removed is forgotten when nothing else has it.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._servers: WeakSet[Collector] = WeakSet()
        self._is_registered = False

    def add(self, server: Collector) -> None:
        """Have the metrics of a server in the registry."""
        self._servers.add(server)
        if not self._is_registered:
            self._registry.register(self)
            self._is_registered = True

    def remove(self, server: Collector) -> None:
        """Have them there no longer."""
        self._servers.discard(server)
        if self._is_registered and not self._servers:
            self._registry.unregister(self)
            self._is_registered = False

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry would collect all, to know the names, when this is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The metrics of all servers."""
        each = [_of(server) for server in tuple(self._servers)]
        yield from each[0] if len(each) == 1 else added(chain.from_iterable(each))


def added(families: Iterable[Metric]) -> list[Metric]:
    """Each family once, with the sums of the samples that have the same name and labels."""
    found: dict[str, Metric] = {}
    sums: dict[tuple[str, str, tuple[tuple[str, str], ...]], float] = {}
    for family in families:
        found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        for sample in family.samples:
            key = (family.name, sample.name, tuple(sample.labels.items()))
            sums[key] = sums.get(key, 0.0) + sample.value
    for (family_name, name, labels), total in sums.items():
        found[family_name].add_sample(name, dict(labels), total)
    return list(found.values())


def _of(server: Collector) -> list[Metric]:
    """The metrics of a server, without the times at which counters were made."""
    try:
        families = list(server.collect())
        for family in families:
            family.samples = [one for one in family.samples if not one.name.endswith("_created")]
        return families
    except Exception:
        # The page is Jupyter's: what fails here must not take Jupyter's own metrics with it.
        log.exception("The metrics of MCP could not be read")
        return []


DEFAULT = Exposition()
"""The registry that Jupyter serves at ``/metrics``."""
