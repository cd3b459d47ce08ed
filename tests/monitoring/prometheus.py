"""A real Prometheus that reads the metrics of a server, on this machine only."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.servers import JupyterServer
from tests.snippets import block_of

DOCS = Path(__file__).parents[2] / "docs"
READY = "Server is ready to receive web requests"
SCRAPED = re.compile(r"200 GET \S*/metrics ")
"""What a server logs of a scrape, with ``--Application.log_level=DEBUG``."""


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """One that runs."""

    port: int
    server: JupyterServer

    def until_read(self, times: int = 1) -> None:
        """Return when the server's metrics of now have been read so often.

        Each scrape that the server logs is a reason to look whether those before it are stored;
        on a busy machine some come too late, and are not.
        """
        goal = len(self._successes()) + 1 + times  # one may have begun before now
        seen = self._scrapes()
        while len(self._successes()) < goal:
            seen = self._next_scrape(seen)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gave when the server's metrics were stored last.

        Now there may be none: a scrape that comes too late ends all series until the next one.
        """
        return self._asked(expression, time=self._successes()[-1])

    def _asked(self, expression: str, **more: str) -> list[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            words = urllib.parse.urlencode({"query": expression, **more})
            connection.request("GET", f"/api/v1/query?{words}")
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert answer["status"] == "success", (expression, answer)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def _successes(self) -> list[str]:
        """The times of the scrapes that were stored."""
        return [
            str(time)
            for series in self._asked("up[1h]")
            for time, is_up in series["values"]
            if is_up == "1"
        ]

    def _next_scrape(self, seen: int) -> int:
        with self.server.heard:
            assert self.server.heard.wait_for(lambda: self._scrapes() > seen, 60)
            return self._scrapes()

    def _scrapes(self) -> int:
        return sum(SCRAPED.search(line) is not None for line in self.server.log)


@contextmanager
def reading(server: JupyterServer, folder: Path) -> Iterator[Prometheus]:
    """Run one, configured as the documentation says."""
    config = block_of("operations", "scrape_configs:").text
    token = folder / "token"
    token.write_text(server.token)
    for word, own in (
        ("/etc/prometheus/jupyter-token", str(token)),
        ("localhost:8888", f"127.0.0.1:{server.port}"),
        ("alerts.yml", str(DOCS / "alerts.yml")),
        ("metrics_path: /metrics ", f"metrics_path: {server.base_url}metrics "),
    ):
        assert word in config
        config = config.replace(word, own)
    config += "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n"
    (folder / "prometheus.yml").write_text(config)
    port = free_port()
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if READY in line:
                break
        else:
            raise AssertionError("".join(said))
        yield Prometheus(port=port, server=server)
    finally:
        process.terminate()
        process.communicate(timeout=20)
