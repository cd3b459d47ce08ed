"""An extension of a server that is measured: how long its event loop stood still, and its calls.

Both are told apart from what other programs do on the machine: a stall counts only as far as the
server's own process was computing in it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import tornado.web
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join

from jupyter_mcp_ext.governance.audit import SCHEMA_ID
from tests.servers import JupyterServer

LOADED = tuple(
    f"--ServerApp.jpserver_extensions={name}=True" for name in ("jupyter_mcp_ext", __name__)
)
"""The options of a server with a meter."""

BEAT = 0.001
"""Seconds between two looks at the event loop."""


@dataclass(kw_only=True)
class Reading:
    """What a server has done since the reading before; times in milliseconds."""

    stall: float = 0
    """The longest time for which nothing else could run."""
    cpu: float = 0
    """What all of its threads have computed."""
    calls: list[float] = field(default_factory=list)
    """How long each call of a tool took in the tool's own code."""


def reading(server: JupyterServer) -> Reading:
    """Read a server's meter, and begin again."""
    answer = server.request("GET", None, server.auth, path=f"{server.base_url}meter")
    return Reading(**answer.json())  # type: ignore[arg-type]  # as it was made


class Meter:
    """Measures the process that it is in."""

    def __init__(self) -> None:
        self._reading = Reading()
        self._since = time.process_time()

    def read(self) -> Reading:
        """What was measured since this was asked for the last time."""
        found, now = self._reading, time.process_time()
        found.cpu = (now - self._since) * 1_000
        self._reading, self._since = Reading(), now
        return found

    async def heard(self, logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        """A tool was called; the EventLogger calls this with these names."""
        self._reading.calls.append(data["duration"] * 1_000)

    async def beat(self) -> None:
        """Look at the event loop as long as the server runs."""
        while True:
            began, computed = time.monotonic(), time.process_time()
            await asyncio.sleep(BEAT)
            late = time.monotonic() - began - BEAT
            own = time.process_time() - computed
            self._reading.stall = max(self._reading.stall, min(late, own) * 1_000)


class MeterHandler(JupyterHandler):
    """Gives what the meter has measured."""

    def initialize(self, meter: Meter) -> None:
        self._meter = meter

    @tornado.web.authenticated
    def get(self) -> None:
        self.finish(json.dumps(asdict(self._meter.read())))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    meter = Meter()
    serverapp.event_logger.add_listener(schema_id=SCHEMA_ID, listener=meter.heard)
    path = url_path_join(serverapp.base_url, "meter")
    serverapp.web_app.add_handlers(".*", [(path, MeterHandler, {"meter": meter})])
    serverapp.meter_task = asyncio.ensure_future(meter.beat())
