"""Which server the bridge speaks to: found again each time that it connects."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mcp_ext.clients.servers import NoServer, Server, chosen_server, running_servers

from .starting import Starter
from .watching import WITHIN


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the command line says of the server."""

    servers: tuple[str, ...] = ()
    """A port, folder, process id or URL, and other names of the server; none for the only one."""
    path: str = "/mcp"
    cafile: str = ""
    scope: str = ""
    """Which of the client's default sessions calls use; empty for the first."""
    within: float = WITHIN
    """Seconds in which the server answers a small request while a call is silent."""


class Finder:
    """Finds the server. All of it blocks: call it in a thread."""

    def __init__(self, choice: Choice, starter: Starter | None = None) -> None:
        """``starter`` starts a server on its folder, and only such servers are used."""
        self.choice = choice
        self._starter = starter
        self._known: Server | None = None

    def find(self, *, may_start: bool) -> Server:
        """The server, with the token that it has now. Raises NoServer."""
        if self._starter is None:
            self._known = self._chosen(running_servers())
            return self._known
        found = self._starter.running()
        if found is None and may_start:
            found = self._starter.started()
        if found is None:
            msg = f"No Jupyter server runs on {self._starter.root_dir}. A call starts one."
            raise NoServer(msg)
        return found

    def has_ended(self, server: Server) -> bool:
        """Whether a server's process is known to have ended."""
        return bool(server.pid) and server.pid not in {each.pid for each in running_servers()}

    def _chosen(self, running: tuple[Server, ...]) -> Server:
        known, names = self._known, self.choice.servers
        # A client's work must not go on at another server that happens to run.
        if known is not None and len(names) > 1:
            for each in running:
                if _place(each) == _place(known):
                    return each
        if known is None or names or not running:
            return chosen_server(running, *names)
        for same in (
            [each for each in running if (each.url, each.socket) == (known.url, known.socket)],
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


def _place(server: Server) -> tuple[str, ...]:
    """What two servers that run cannot have in common."""
    return server.url, server.socket, server.root_dir
