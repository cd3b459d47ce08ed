"""Jupyter's ``/metrics``, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.servers import JupyterServer


class Page:
    """What a scrape gives."""

    def __init__(self, server: JupyterServer) -> None:
        answer = server.request("GET", headers=server.auth, path=f"{server.base_url}metrics")
        assert answer.status == 200
        self.text = answer.body.decode()
        self.metrics = set(re.findall(r"^# TYPE (jupyter_mcp\w*) ", self.text, re.MULTILINE))
        families = text_string_to_metric_families(self.text)
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for one in families
            for sample in one.samples
        }

    @property
    def names(self) -> set[str]:
        """The names of our samples."""
        return {name for name, _ in self._samples if name.startswith("jupyter_mcp")}

    def value(self, name: str, **labels: str) -> float:
        """One sample; 0 if it is not there."""
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def labels(self, name: str) -> list[Mapping[str, str]]:
        """The labels of all samples of a name."""
        return [dict(labels) for found, labels in self._samples if found == name]
