"""An extension that sets the clock of the server that it is in, as an operator's mistake does."""

from __future__ import annotations

import os
import time
from typing import Any

import tornado.web
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join

from tests.servers import JupyterServer

AHEAD = "TESTS_CLOCK_AHEAD"
"""The variable of the environment with the seconds by which it is ahead at the start."""


def set_clock(server: JupyterServer, ahead: float) -> None:
    """Have a server's clock go so many seconds ahead of this machine's."""
    path = f"{server.base_url}clock?ahead={ahead}"
    headers = {"Authorization": "Bearer operator"}
    assert server.request("GET", None, headers, path=path).status == 200


class Clock:
    """The time of day with a difference."""

    def __init__(self) -> None:
        self.ahead = float(os.environ.get(AHEAD, "0"))
        self._time = time.time

    def time(self) -> float:
        """What the server takes for the time."""
        return self._time() + self.ahead


class ClockHandler(JupyterHandler):
    """Sets the clock."""

    def initialize(self, clock: Clock) -> None:
        self._clock = clock

    @tornado.web.authenticated
    def get(self) -> None:
        self._clock.ahead = float(self.get_argument("ahead"))
        self.finish()


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    clock = Clock()
    time.time = clock.time
    path = url_path_join(serverapp.base_url, "clock")
    serverapp.web_app.add_handlers(".*", [(path, ClockHandler, {"clock": clock})])
