"""A ``jupyter_events`` event for every tool call, without code, output or tokens.

Another one tells what became of connections that kernels in a sandbox made to hosts outside.

An operator receives it like any of Jupyter's events (``c.EventLogger.handlers``); without a handler
it costs nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.concurrency import Listeners

if TYPE_CHECKING:
    from jupyter_mcp_ext.sandbox.proxy.process import Connections

    from .caller import Caller

SCHEMAS = Path(__file__).parent / "event_schemas"
CONNECTIONS_ID = "https://events.jupyter.org/jupyter_mcp_ext/connections/v1"
SCHEMA_ID = "https://events.jupyter.org/jupyter_mcp_ext/tool_call/v2"


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """The outcome of one call; ``duration`` in seconds."""

    tool: str
    status: str
    """``ok``, ``error``, ``forbidden``, ``limited``, ``bug``, ``cancelled``, or an execution's."""
    duration: float
    session_id: str | None = None
    code_sha256: str | None = None
    sandbox: str | None = None
    """What confines the session's kernel: ``none``, or a mode of the sandbox."""


class Audit:
    """Emits the events."""

    def __init__(self, event_logger: Any) -> None:
        self.calls: Listeners[ToolCall] = Listeners()
        """Are called with each call that has been answered."""
        self._events = event_logger
        for schema in (SCHEMA_ID, CONNECTIONS_ID):
            if schema not in event_logger.schemas:
                name, version = schema.split("/")[-2:]
                event_logger.register_event_schema(SCHEMAS / name / f"{version}.yaml")

    def record(self, caller: Caller, call: ToolCall) -> None:
        """Emit the event of one call."""
        self.calls.tell(call)
        self._events.emit(
            schema_id=SCHEMA_ID,
            data={
                "user": caller.username,
                "client": caller.client,
                "client_version": caller.client_version,
                **asdict(call),
            },
        )

    def record_connections(self, connections: Connections) -> None:
        """Emit the event of connections of a kernel."""
        self._events.emit(schema_id=CONNECTIONS_ID, data=asdict(connections))
