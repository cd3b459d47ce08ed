"""What the server says of itself: its sandbox, its disk, what went wrong in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jupyter_mcp_ext.wording import counted, size

from .case import Case
from .finding import Finding, fault, ok, warning

LITTLE = 500_000_000
"""Bytes of a disk that are soon full."""
NOTHING = 10_000_000
"""Bytes with which no session can be made."""


async def look_at_state(case: Case) -> Sequence[Finding]:
    """What the page on health tells those who are logged in."""
    reply = await case.wire.ask("GET", f"{case.wire.path}/health")
    told = reply.json()
    if not isinstance(told, dict) or "sandbox" not in told:
        who = "administrators" if case.server.token else "those who have a token"
        return [ok(f"The server tells its state only to {who}.")]
    return [_sandbox(case, str(told["sandbox"])), *_disk(told), *_audit(told), *_errors(told)]


def _sandbox(case: Case, summary: str) -> Finding:
    if summary != "none":
        return ok(f"Agents' kernels are in a sandbox: {summary}.")
    wanted = case.setting("McpSandbox.mode")
    if (wanted and wanted != "none") or "--sandbox" in case.command_line:
        return fault(
            "A sandbox is configured and not in force: the server was started before that.",
            "Restart the server.",
        )
    return ok("No sandbox is configured: agents' code has the rights of the server's account.")


def _disk(told: dict[str, Any]) -> Iterator[Finding]:
    disk = told.get("disk")
    if not isinstance(disk, dict) or not isinstance(free := disk.get("free"), int | float):
        return
    words = f"{size(int(free))} are free on the disk of the sessions"
    do = "Free some, for example with `jupyter mcp sessions expire` or `delete`."
    if free < NOTHING:
        yield fault(f"Only {words}.", do)
    elif free < LITTLE:
        yield warning(f"Only {words}.", do)


def _audit(told: dict[str, Any]) -> Iterator[Finding]:
    audit = str(told.get("audit", "none"))
    if audit.startswith("failing"):
        what = f"The audit file cannot be written ({audit.removeprefix('failing: ')})."
        yield warning(what, "See the server's log; with McpAudit.fail_closed calls are refused.")


def _errors(told: dict[str, Any]) -> Iterator[Finding]:
    errors = [error for error in told.get("errors", ()) if isinstance(error, dict)]
    if errors:
        latest = errors[-1]
        yield warning(
            f"The server remembers {counted(len(errors), 'error')}, the latest at "
            f"{latest.get('at')}: {latest.get('kind')}, {latest.get('detail')}.",
            "The server's log has more on each, internal errors with their reference.",
        )
