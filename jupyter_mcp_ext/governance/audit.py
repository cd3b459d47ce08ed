"""A ``jupyter_events`` event for every tool call, without code, output or tokens.

Others tell what happens to sessions and kernels, what was refused before a tool was called, and
what became of connections that kernels in a sandbox made to hosts outside.

An operator receives it like any of Jupyter's events (``c.EventLogger.handlers``); without a handler
it costs nothing. The audit file, if there is one, gets the same and a little more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .refusals import Refusals, Refused

if TYPE_CHECKING:
    from jupyter_mcp_ext.sandbox.proxy.process import Connections

    from .caller import Caller
    from .life import LifeEvent
    from .trail.trail import McpAudit

SCHEMAS = Path(__file__).parent / "event_schemas"
CONNECTIONS_ID = "https://events.jupyter.org/jupyter_mcp_ext/connections/v1"
REFUSED_ID = "https://events.jupyter.org/jupyter_mcp_ext/refused/v1"
LIFE_ID = "https://events.jupyter.org/jupyter_mcp_ext/life/v1"
SCHEMA_ID = "https://events.jupyter.org/jupyter_mcp_ext/tool_call/v3"


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """The outcome of one call; ``duration`` in seconds."""

    tool: str
    status: str
    """``ok``, ``error``, ``forbidden``, ``limited``, ``bug``, ``cancelled``, or an execution's."""
    duration: float
    session_id: str | None = None
    kernel_id: str | None = None
    owner: str | None = None
    """The session's owner; empty if it is a person's."""
    request_id: str | None = None
    cells: Sequence[str] = ()
    files: Sequence[str] = ()
    packages: Sequence[str] = ()
    rights: Sequence[str] = ()
    """What was asked of Jupyter's ``Authorizer``: ``execute kernels``."""
    rule: str | None = None
    """What decided: the setting that refused, else the class of the ``Authorizer``."""
    code_sha256: str | None = None
    sandbox: str | None = None
    """What confines the session's kernel: ``none``, or a mode of the sandbox."""
    code: str | None = field(default=None, repr=False)
    """The code, for an audit file that is to have it."""
    begun: int | None = None
    """The number of the record in the audit file which says that the call begins."""


OWN = ("code", "begun")
"""What no event has of a call."""


class Audit:
    """Emits the events, and has the audit file written."""

    def __init__(self, event_logger: Any, trail: McpAudit) -> None:
        self.trail = trail
        """The audit file."""
        self.refusals = Refusals()
        """Counts what is refused before anything is done."""
        self.refusals.add(self.record_refused)
        self._events = event_logger
        for schema in (SCHEMA_ID, LIFE_ID, CONNECTIONS_ID, REFUSED_ID):
            if schema not in event_logger.schemas:
                name, version = schema.split("/")[-2:]
                event_logger.register_event_schema(SCHEMAS / name / f"{version}.yaml")

    async def begin(
        self, caller: Caller, tool: str, code: str | None, named: Mapping[str, Any]
    ) -> int | None:
        """Record that a call begins which changes something, if that has to be on disk first.

        ``named`` is what else is known of it. Returns the number of the record. Raises NotRecorded.
        """
        return await self.trail.begin(
            lambda: {
                "kind": "begin",
                **_who(caller),
                "tool": tool,
                **named,
                "code_sha256": sha256_of(code),
                **self._code(code),
            }
        )

    def record(self, caller: Caller, call: ToolCall) -> None:
        """Record a call that has failed."""
        self.trail.put(self._emit(caller, call))

    async def answer(self, caller: Caller, call: ToolCall, *, reads: bool) -> None:
        """Record a call that is about to be answered.

        Raises NotRecorded if it only ``reads``, and may not be answered without its record.
        """
        if reads:
            await self.trail.answer(self._emit(caller, call))
        else:
            self.record(caller, call)

    def happened(self, event: LifeEvent) -> None:
        """Record what happened to a session or a kernel."""
        data = {key: value for key, value in vars(event).items() if key != "kind"}
        if event.kind != "kernel_died":
            data["cause"] = None
        self._events.emit(schema_id=LIFE_ID, data={"event": event.kind, **data})
        self.trail.put({"kind": event.kind, **data})

    def record_refused(self, refused: Refused) -> None:
        """Record requests that were refused before anything was done."""
        data = asdict(refused)
        self._events.emit(schema_id=REFUSED_ID, data=data)
        self.trail.put({"kind": "refused", **data})

    def record_connections(self, connections: Connections) -> None:
        """Record connections of a kernel."""
        data = asdict(connections)
        self._events.emit(schema_id=CONNECTIONS_ID, data=data)
        self.trail.put({"kind": "connections", **data})

    def _emit(self, caller: Caller, call: ToolCall) -> dict[str, Any]:
        """Emit the event of a call; returns what is recorded of it."""
        known = {**_who(caller), **vars(call)}
        data = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in known.items()
            if key not in OWN
        }
        self._events.emit(schema_id=SCHEMA_ID, data=data)
        begun = {} if call.begun is None else {"begun": call.begun}
        return {"kind": "call", **data, **begun, **self._code(call.code)}

    def _code(self, code: str | None) -> dict[str, Any]:
        """What is recorded of code."""
        if code is None:
            return {}
        return {"code_length": len(code), **({"code": code} if self.trail.code else {})}


def sha256_of(code: str | None) -> str | None:
    """Stands for code where the code itself is not to be."""
    return None if code is None else sha256(code.encode(errors="surrogatepass")).hexdigest()


def _who(caller: Caller) -> dict[str, str]:
    return {
        "user": caller.username,
        "client": caller.client,
        "client_version": caller.client_version,
    }
