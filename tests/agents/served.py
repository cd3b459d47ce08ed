"""A Jupyter server that is restarted at its address, and what a client is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.servers import JupyterServer, running_server


class Served:
    """The server that runs now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._port = free_port()
        self.server = self._start()

    def restart(self) -> None:
        """End the server and start it on the same port."""
        self.close()
        self.server = self._start()

    def close(self) -> None:
        """End the server."""
        self._stack.close()

    def _start(self) -> JupyterServer:
        return self._stack.enter_context(running_server(self.folder, port=self._port))


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Run a server until the block is left."""
    folder.mkdir()
    one = Served(folder)
    try:
        yield one
    finally:
        one.close()
