"""The checks that speak MCP through its official SDK, as clients do."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, Implementation, TextContent

from jupyter_mcp_ext.governance.tool_names import READING, TOOL_NAMES
from jupyter_mcp_ext.version import __version__

from .case import Case
from .finding import Finding, fault, ok, warning
from .trial import Trial, judged, refused
from .wire import CLIENT, LEGACY, MODERN

SILENCE = 60.0
"""Seconds for which a call may be silent."""

SOON = 8
"""Seconds within which code runs after an interrupt."""

ERAS = {MODERN: MODERN, LEGACY: "legacy"}
"""The versions of the protocol that are tried, as the SDK names them."""

PNG = base64.b64encode(
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
).decode()
"""A black pixel."""

IMAGE = f"display({{'image/png': '{PNG}'}}, raw=True)"
LONG = "import time\nfor i in range(3):\n    print('doctor', i, flush=True); time.sleep(1.2)"
SILENT = "import time; time.sleep(60)"


@asynccontextmanager
async def connected(case: Case, era: str) -> AsyncIterator[Client]:
    """A client of an era."""
    async with (
        case.wire.sdk_client(SILENCE) as http,
        Client(
            streamable_http_client(case.wire.endpoint, http_client=http),
            mode=ERAS[era],
            client_info=Implementation(name=CLIENT, version="1"),
            read_timeout_seconds=SILENCE,
        ) as client,
    ):
        yield client


async def look_at_eras(case: Case) -> Sequence[Finding]:
    """Connect in each era and list the tools."""
    found: list[Finding] = []
    spoken: list[str] = []
    served = ""
    for era in ERAS:
        try:
            async with connected(case, era) as client:
                listed = await client.list_tools()
                case.tools = frozenset(tool.name for tool in listed.tools)
                spoken.append(era)
                served = client.server_info.version if client.server_info else ""
        except Exception as err:  # noqa: BLE001, PERF203  # whatever the SDK raises: this era does not work
            found.append(_broken(era, err))
    case.speaks = tuple(spoken)
    if spoken:
        versions = " and ".join(spoken)
        found.append(ok(f"MCP works in {versions}, with {len(case.tools)} tools."))
        found += [*other_version(served), *_hidden(case.tools)]
    return found


def other_version(served: str) -> list[Finding]:
    """Whether the server runs another version than this command is of; pure."""
    if served in ("", __version__):
        return []
    return [
        warning(
            f"The server runs jupyter-mcp-ext {served}, and this command is of {__version__}.",
            "Have one version in both environments (pip install --upgrade jupyter-mcp-ext), and "
            "restart the server: it runs the one that was installed when it started.",
        )
    ]


def _broken(era: str, err: BaseException) -> Finding:
    while inner := getattr(err, "exceptions", ()):  # of a group, which task groups raise
        err = inner[0]
    what = f"MCP fails in version {era}: {str(err) or type(err).__name__}."
    return fault(what, "See the findings above, and the logs of the server and of proxies.")


def _hidden(tools: frozenset[str]) -> list[Finding]:
    missing = TOOL_NAMES - tools
    if not missing:
        return []
    if tools <= READING:
        what = "Agents may only look here: tools that run code or change something are off."
        do = "Set McpPolicy.read_only = False, or give the user the rights to execute and write."
        return [warning(what, do)]
    names = ", ".join(sorted(missing))
    return [
        warning(
            f"{len(missing)} tools are hidden from this user: {names}.",
            "If they should not be, see McpPolicy.tools, user_tools, group_tools, disabled_tools, "
            "and the rights that Jupyter's Authorizer gives the user.",
        )
    ]


async def look_at_kernel(case: Case) -> Sequence[Finding]:
    """Run code in a session of its own, which is deleted again."""
    name = f"doctor-{secrets.token_hex(4)}"
    found: list[Finding] = []
    try:
        async with connected(case, case.speaks[0]) as client:
            began, is_refused = anyio.current_time(), False
            try:
                made = await client.call_tool(
                    "create_session", {"name": name}, read_timeout_seconds=case.options.start
                )
                if is_refused := made.is_error:
                    found.append(refused(words(made)))
                else:
                    found += await _in_session(case, client, name, began)
            finally:
                left = await _removed(client, name)
                found += [] if is_refused else left  # what refuses one call refuses the other too
    except Exception as err:  # noqa: BLE001  # whatever the SDK raises: this call did not work
        found.append(_unanswered(case.speaks[0], err))
    return found


def _unanswered(era: str, err: BaseException) -> Finding:
    broken = _broken(era, err)
    if "timed out" not in broken.what:
        return broken
    return fault(
        "A kernel does not start, or does not answer, in time.",
        "See the server's log for what the kernel says when it starts; try its command, which "
        "`jupyter kernelspec list` leads to.",
    )


async def _in_session(case: Case, client: Client, name: str, began: float) -> list[Finding]:
    first = await tried(client, name, case.speaks[0], began, start=case.options.start)
    found = list(judged(first, case.proxy))
    if not first.ran or len(case.speaks) < 2:
        return found
    async with connected(case, case.speaks[1]) as other:
        began = anyio.current_time()
        second = await tried(other, name, case.speaks[1], began, start=case.options.start)
    return [*found, *(each for each in judged(second, case.proxy) if each.level != "ok")]


async def tried(client: Client, session: str, era: str, began: float, *, start: int) -> Trial:
    """Run code as clients do; ``began`` is when the session was asked for.

    The kernel has ``start`` seconds to answer.
    """
    first = await client.call_tool(
        "execute_code", {"code": "1+1", "session_id": session, "wait": start}
    )
    trial = Trial(era=era, said=words(first), seconds=anyio.current_time() - began)
    if not trial.ran:
        return trial
    image = await client.call_tool("execute_code", {"code": IMAGE, "session_id": session})
    return Trial(
        era=era,
        said=trial.said,
        seconds=trial.seconds,
        has_image=any(isinstance(part, ImageContent) for part in image.content),
        leads=await _leads(client, session),
        is_cancelled=await _cancelled(client, session),
    )


async def _leads(client: Client, session: str) -> tuple[float, ...]:
    """How long before its answer each progress notification of a call has arrived."""
    times: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        del progress, total, message
        times.append(anyio.current_time())

    await client.call_tool(
        "execute_code", {"code": LONG, "session_id": session}, progress_callback=note
    )
    answered = anyio.current_time()
    return tuple(answered - time for time in times)


async def _cancelled(client: Client, session: str) -> bool:
    """Whether code is interrupted when its call is cancelled."""
    with anyio.CancelScope() as scope:
        timer = anyio.current_time() + SOON

        async def stop(progress: float, total: float | None, message: str | None) -> None:
            del progress, total, message
            scope.cancel()

        scope.deadline = timer  # if no progress arrives at all
        await client.call_tool(
            "execute_code", {"code": SILENT, "session_id": session}, progress_callback=stop
        )
    after = await client.call_tool(
        "execute_code", {"code": "2+2", "session_id": session, "wait": SOON}
    )
    return words(after).startswith("[ok]")


async def _removed(client: Client, name: str) -> list[Finding]:
    why = "no answer"
    with anyio.CancelScope(shield=True), anyio.move_on_after(20):
        deleted = await client.call_tool("delete_session", {"session_id": name})
        why = words(deleted).removeprefix("Error: ")
        if not deleted.is_error or "There is no session" in why:
            return []
    return [
        warning(
            f"The session {name} of this check could not be deleted: {why.rstrip('.')}.",
            "Delete it: `jupyter mcp sessions list` has its id for `jupyter mcp sessions delete`.",
        )
    ]


def words(result: CallToolResult) -> str:
    """The text of a result."""
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))
