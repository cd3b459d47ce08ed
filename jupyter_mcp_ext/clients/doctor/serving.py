"""Whether a Jupyter server serves MCP, and where; why it does not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import httpx2

from jupyter_mcp_ext.clients.asking import Reply

from .case import Case
from .finding import Finding, fault, ok, warning
from .wire import error_of, modern

_STATIC = "static/mcp/mcp_page.css"
"""A file that Jupyter serves once the extension is loaded, whether it serves MCP or not."""


STARTED = 15.0
"""Seconds within which a server that listens serves MCP too."""

AGAIN = 0.3
"""Seconds after which it is looked again whether it does."""


async def look_at_mcp(case: Case) -> Sequence[Finding]:
    """Whether the server serves MCP, and where."""
    status = (await _health(case, case.wire.path)).status
    found = []
    other = case.setting("McpApp.path")
    if status == 404 and other and other != case.wire.path:
        elsewhere = (await _health(case, other)).status
        if elsewhere != 404:
            where = case.server.endpoint(other)
            what = f"MCP is served at {other}, not at {case.wire.path} (McpApp.path)."
            found.append(warning(what, f"Clients need the URL {where}."))
            case.wire.path, status = other, elsewhere
    if status == 503:
        status, said = await _after_start(case)
        if status == 503:
            return [*found, _unavailable(said)]
    if status == 200:
        case.is_served = True
        return [*found, ok(f"MCP is served at {case.wire.endpoint}.")]
    if status != 404:
        what = f"{case.wire.endpoint}/health answers with {status}."
        return [*found, fault(what, "See which program or proxy answers there.")]
    return [*found, await _not_served(case)]


async def _after_start(case: Case) -> tuple[int, str]:
    """The status of the health page once a server that has just started is ready.

    A message that is let in waits for that, and is answered with what is wrong if it fails.
    """
    message, headers = modern("server/discover")
    try:
        reply = await case.wire.post(message, headers)
    except httpx2.TimeoutException:
        return 503, ""
    if reply.status == 503:
        return 503, error_of(reply)
    status = 503
    with anyio.move_on_after(STARTED):
        # What was not let in learns nothing but by looking again.
        while (status := (await _health(case, case.wire.path)).status) == 503:  # noqa: ASYNC110
            await anyio.sleep(AGAIN)
    return status, ""


def _unavailable(said: str) -> Finding:
    if "could not start" in said:
        return fault(
            "The extension is loaded, and MCP could not start in this server.",
            "The server's log has a line that begins with `The MCP server failed` and says why; "
            "restart the server when that is repaired.",
        )
    said = said or "the server starts or stops"
    return fault(
        f"MCP is not served now: {said.rstrip('.')}.",
        "Try again in some seconds; if it stays so, the server's log says why.",
    )


async def _health(case: Case, path: str) -> Reply:
    return await case.wire.ask("GET", f"{path}/health")


async def _not_served(case: Case) -> Finding:
    """Why a Jupyter server has nothing at the path of MCP."""
    if (await case.wire.ask("GET", _STATIC)).status == 200:
        mode = case.setting("McpSandbox.mode") or ("auto" if _has_flag(case) else "")
        wanted = f" It is to have the sandbox {mode!r}." if mode and mode != "none" else ""
        return fault(
            f"The extension is loaded and does not serve MCP at {case.wire.path}.{wanted}",
            "The server's log has a line that begins with `MCP is not served:` and says why. If "
            "there is none, McpApp.path is another one: give it with --path.",
        )
    environment = _environment(case)
    do = "jupyter server extension enable jupyter_mcp_ext, in the server's environment"
    if environment and environment != sys.prefix:
        do = (
            f"The server runs in {environment}, this command in {sys.prefix}: install "
            f"jupyter-mcp-ext there, or start the server from here"
        )
    return fault(
        "The extension jupyter_mcp_ext is not enabled in this server, or could not be loaded.",
        f"{do}. Restart it. If it is enabled, the server's log says why in a line with "
        "`jupyter_mcp_ext | extension failed loading`.",
    )


def _has_flag(case: Case) -> bool:
    return "--sandbox" in case.command_line


def _environment(case: Case) -> str:
    """The environment of the server's Python; empty if it is not known."""
    program = Path(case.command_line[0]) if case.command_line else Path()
    is_path = program.is_absolute() and program.parent.name in ("bin", "Scripts")
    return str(program.parent.parent) if is_path else ""
