"""A person with a notebook open in JupyterLab, over the server's own websocket."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import websocket

from tests.servers import JupyterServer


class Lab:
    """A person's websocket to a kernel."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self._connection = connection
        self._session = uuid.uuid4().hex
        self._replies: dict[str, dict[str, Any]] = {}

    def run(self, code: str) -> str:
        """Run a cell; the id of the request. If it fails, cells queued behind it are aborted."""
        msg_id = uuid.uuid4().hex
        header = {
            "msg_id": msg_id,
            "msg_type": "execute_request",
            "session": self._session,
            "username": "person",
            "version": "5.4",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": True,
        }
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self._connection.send(json.dumps({**message, "channel": "shell", "buffers": []}))
        return msg_id

    def run_all(self, *cells: str) -> list[str]:
        """Run cells as Run All does: all are sent at once."""
        return [self.run(cell) for cell in cells]

    def status(self, msg_id: str) -> str:
        """How a cell ended, once it has: ``ok``, ``error``, ``aborted``."""
        while msg_id not in self._replies:
            message = json.loads(self._connection.recv())
            if message["header"]["msg_type"] == "execute_reply":
                self._replies[message["parent_header"]["msg_id"]] = message["content"]
        return str(self._replies[msg_id]["status"])


@contextmanager
def opened(server: JupyterServer, kernel_id: str) -> Iterator[Lab]:
    """Connect to a kernel as JupyterLab does."""
    url = f"ws://127.0.0.1:{server.port}{server.base_url}api/kernels/{kernel_id}/channels"
    header = [f"{name}: {value}" for name, value in server.auth.items()]
    connection = websocket.create_connection(url, timeout=60, header=header)
    try:
        yield Lab(connection)
    finally:
        connection.close()
