"""What is looked at, and what the checks have found out about it so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp_ext.clients.configuring.client import Machine
from jupyter_mcp_ext.clients.servers import Server

from .wire import Wire


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the person has asked for."""

    with_kernel: bool = True
    """Whether a session with a kernel may be started for the time of the checks."""
    hold: float = 20.0
    """Seconds for which a stream is held open, to see whether it is cut."""
    path: str = "/mcp"
    """Of MCP, below the base URL."""
    cafile: str = ""
    """Certificates to trust beside the system's."""


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
