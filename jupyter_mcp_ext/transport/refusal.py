"""An HTTP answer that refuses a request: a status and one JSON-RPC error in our own words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.refusals import Cause

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INTERNAL_ERROR = -32603
REFUSED = -32000
"""JSON-RPC's code for errors that the server defines, for messages that are well formed."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is refused; ``message`` is a sentence for a person or a model."""

    status: int
    message: str
    code: int = REFUSED
    request_id: str | int | None = None
    challenges: tuple[str, ...] = ()
    """Values of ``WWW-Authenticate``, one header each."""
    retry_after: float = 0
    """Seconds after which the client may try again, if they are known."""
    cause: Cause | None = None
    """As what it is counted; None for what is malformed or too large, or cannot be served now."""

    def body(self) -> bytes:
        """The JSON-RPC error as UTF-8."""
        error = {"code": self.code, "message": self.message}
        return json.dumps({"jsonrpc": "2.0", "id": self.request_id, "error": error}).encode()
