"""Which server the bridge speaks to: found again each time that it connects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp_ext.clients.servers import NoServer, Server, chosen_server, running_servers


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the command line says of the server."""

    server: str = ""
    """A port, folder, process id or URL; empty for the only one."""
    path: str = "/mcp"
    cafile: str = ""
    scope: str = ""
    """Which of the client's default sessions calls use; empty for the first."""


class Finder:
    """Finds the server. All of it blocks: call it in a thread."""

    def __init__(self, choice: Choice, start: Callable[[], Server] | None = None) -> None:
        """``start`` starts a server where there is none, and returns once it listens."""
        self.choice = choice
        self._start = start
        self._known: Server | None = None

    def find(self, *, may_start: bool) -> Server:
        """The server, with the token that it has now. Raises NoServer."""
        running = running_servers()
        try:
            found = self._chosen(running)
        except NoServer:
            if self._start is None or not may_start or self._fits(running):
                raise
            found = self._start()
        self._known = found
        return found

    def has_ended(self, server: Server) -> bool:
        """Whether a server's process is known to have ended."""
        return bool(server.pid) and server.pid not in {each.pid for each in running_servers()}

    def _chosen(self, running: tuple[Server, ...]) -> Server:
        known = self._known
        if known is None or self.choice.server or not running:
            return chosen_server(running, self.choice.server or None)
        # A client's work must not go on at another server that happens to run.
        for same in (
            [each for each in running if each.url == known.url],
            [each for each in running if each.root_dir == known.root_dir],
        ):
            if same:
                return same[0]
        listed = "; ".join(each.words for each in running)
        msg = (
            f"The server {known.words} does not run any more. Start it again, or restart the "
            f"client to use another. There are: {listed}."
        )
        raise NoServer(msg)

    def _fits(self, running: tuple[Server, ...]) -> bool:
        """Whether there are servers among which a person has to choose."""
        if not self.choice.server:
            return bool(running) and self._known is None
        return not Path(self.choice.server).is_absolute() and bool(running)
