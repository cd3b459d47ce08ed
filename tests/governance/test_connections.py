"""The event of connections that kernels in a sandbox made."""

from __future__ import annotations

import io
import json
import logging

from jupyter_events import EventLogger

from jupyter_mcp_ext.governance.audit import CONNECTIONS_ID, Audit
from jupyter_mcp_ext.governance.trail.trail import McpAudit
from jupyter_mcp_ext.sandbox.proxy.process import Connections


def test_connections_of_a_kernel_are_an_event() -> None:
    written = io.StringIO()
    events = EventLogger(handlers=[logging.StreamHandler(written)])
    audit = Audit(events, McpAudit(key=str.encode))

    for host, outcome in (("pypi.org:443", "allowed"), (None, "not listed")):
        audit.record_connections(Connections(kernel_id="k", host=host, outcome=outcome, count=3))

    first, second = map(json.loads, written.getvalue().splitlines())
    assert first["__schema__"] == CONNECTIONS_ID
    assert (first["kernel_id"], first["host"], first["outcome"], first["count"]) == (
        *("k", "pypi.org:443"),
        *("allowed", 3),
    )
    assert (second["host"], second["outcome"]) == (None, "not listed")
