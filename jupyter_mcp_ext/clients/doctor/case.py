"""What is looked at, and what the checks have found out about it so far."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp_ext.clients.configuring.client import Machine
from jupyter_mcp_ext.clients.servers import TOKEN_VARIABLE, Server

from .wire import TIMEOUT, Wire


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the person has asked for."""

    with_kernel: bool = True
    """Whether a session with a kernel may be started for the time of the checks."""
    hold: float = 20.0
    """Seconds for which a stream is held open, to see whether it is cut."""
    seconds: float = TIMEOUT
    """Within which a simple request is answered, however slowly its bytes arrive."""
    start: int = 40
    """Seconds within which a kernel has to start and answer."""
    path: str = "/mcp"
    """Of MCP, below the base URL."""
    cafile: str = ""
    """Certificates to trust beside the system's."""
    is_searched: bool = False
    """No server was named, and none of this account was found."""
    is_alone: bool = True
    """No other server of this account runs."""
    password: str = field(default="", repr=False)
    """The server's, if a person has typed it."""


@dataclass(kw_only=True)
class Case:
    """A server as it is examined. Each check reads what earlier ones have set."""

    server: Server
    wire: Wire
    options: Options = field(default_factory=Options)
    environ: Mapping[str, str] = field(default_factory=dict)
    command_line: Sequence[str] = ()
    """Of the server's process, if it is one of this account."""
    machine: Machine | None = None
    """Where clients are installed."""
    configured: Mapping[str, Any] = field(default_factory=dict)
    """Settings of this account's configuration files, by ``McpApp.path`` and the like."""

    is_jupyter: bool = False
    """A Jupyter server answers."""
    hub: str = ""
    """The version of the JupyterHub to which it belongs."""
    proxy: str = ""
    """The proxy that answers show, in lower case."""
    is_served: bool = False
    """MCP is served."""
    is_let_in: bool = False
    """The server takes the credentials, or asks for none."""
    is_open: bool = False
    """It asks for none."""
    ways: tuple[str, ...] = ()
    """Ways to log in: ``Bearer``, ``Basic``."""
    speaks: tuple[str, ...] = ()
    """The versions of the protocol that work."""
    tools: frozenset[str] = frozenset()
    """The tools that are listed."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no sentence may show."""
        sent = self.wire.credentials.get("Authorization", "").partition(" ")[2]
        known = (self.server.token, self.environ.get(TOKEN_VARIABLE, ""), self.options.password)
        return (*known, sent)

    def connect(self, client: str, *more: str) -> str:
        """The command that connects a client to this server."""
        server, path, cafile = self.server, self.wire.path, self.options.cafile
        place = (server.socket or str(server.port)) if server.pid else server.url
        where = ["--server", place]
        where += ["--path", path] if path != "/mcp" else []
        where += ["--cafile", cafile] if cafile else []
        return shlex.join(("jupyter", "mcp", "connect", client, *where, *more))

    @property
    def is_direct(self) -> bool:
        """Whether nothing is between this program and the server."""
        return bool(self.server.pid and self.server.is_local)

    def setting(self, name: str) -> str:
        """A setting of the server, as far as it can be known here; empty if it is not."""
        prefix = f"--{name}="
        for argument in self.command_line:
            if argument.startswith(prefix):
                return argument.removeprefix(prefix)
        return str(self.configured.get(name, "")) if self.server.pid else ""
