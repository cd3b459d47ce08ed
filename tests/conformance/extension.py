"""A Jupyter extension that serves the "everything" server through our transport."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp

from jupyter_mcp_ext.transport.handler import McpHandler
from jupyter_mcp_ext.transport.host import McpHost, SessionOptions
from jupyter_mcp_ext.transport.password import PasswordCheck

from .event_store import MemoryEventStore
from .everything import build_everything


class EverythingApp(ExtensionApp):
    """Mounts the endpoint as `McpApp` does, with another server object."""

    name = "everything"

    def initialize_handlers(self) -> None:
        """Mount it."""
        self.host = McpHost(
            None,
            SessionOptions(
                limit=256,
                idle=600,
                more={"event_store": MemoryEventStore(), "retry_interval": 100},
            ),
            log=self.log,
            build=build_everything,
        )
        shared = {
            "host": self.host,
            "passwords": PasswordCheck(),
            "on_activity": lambda: None,
            "overdrawn": lambda _: 0.0,
            "on_refused": lambda *_: None,
        }
        self.handlers.append(("/mcp/?", McpHandler, shared))

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Log that the server listens, in the words that the tests wait for."""
        self.log.info("MCP is served at %smcp", serverapp.connection_url)

    async def stop_extension(self) -> None:
        """Stop it."""
        await self.host.stop()


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    return [{"module": __name__, "app": EverythingApp}]
