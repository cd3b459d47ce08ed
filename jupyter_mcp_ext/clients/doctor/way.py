"""What is on the way between a client and the server: headers, sizes of bodies, streams.

The header Last-Event-ID is not looked at: the server keeps no events to go on from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import anyio
import httpx2

from jupyter_mcp_ext.clients.asking import Reply

from .case import Case
from .finding import Finding, fault, ok, warning
from .proxies import advice, shown_by
from .wire import JSON, LEGACY, error_of, initialize, message_of, modern

LARGEST = 4 * 1024 * 1024
"""Bytes of a message that the server takes."""

UPLOAD = 50.0
"""Seconds within which the largest message arrives."""

BEGUN = 12.0
"""Seconds within which the first event of a stream has to arrive; it leaves the server at once."""

PING = 15.0
"""Seconds after which the server sends something on a stream that is silent otherwise."""

_SESSION = "Mcp-Session-Id"
_VERSION = "Mcp-Protocol-Version"


async def look_at_headers(case: Case) -> Sequence[Finding]:
    """Whether the protocol's headers arrive, in both directions."""
    found = [*await _of_newer(case), *await _of_older(case)]
    if await _is_lost(case):
        found.append(
            warning(
                "The header Jupyter-Session is lost: agents that send it share a session.",
                advice("header", case.proxy, "Jupyter-Session"),
            )
        )
    return found or [ok("All headers of the protocol arrive.")]


async def _of_newer(case: Case) -> list[Finding]:
    message, headers = modern("server/discover")
    reply = await case.wire.post(message, headers)
    if reply.status == 406:
        return [_lost(case, "Accept")]
    if reply.status == 200:
        with_other = await case.wire.post(message, {**headers, "Accept": "text/plain"})
        return [] if with_other.status == 406 else [_changed(case)]
    if "session" in error_of(reply).lower():
        return [_lost(case, _VERSION)]
    if "mcp-method" in error_of(reply):
        return [_lost(case, "Mcp-Method")]
    return [_odd(reply, "A request of protocol 2026-07-28")]


def _lost(case: Case, header: str) -> Finding:
    return fault(f"The header {header} is lost on the way.", advice("header", case.proxy, header))


def _changed(case: Case) -> Finding:
    return warning(
        "The header Accept is changed on the way.", advice("header", case.proxy, "Accept")
    )


def _odd(reply: Reply, what: str) -> Finding:
    words = error_of(reply) or "without a reason of the server's own"
    return fault(f"{what} is answered with {reply.status} ({words}).", "See the log of the proxy.")


async def _of_older(case: Case) -> list[Finding]:
    """The headers of protocol sessions, which are ended again."""
    opened = await case.wire.post(initialize())
    if opened.status != 200 or "result" not in message_of(opened):
        return [_odd(opened, f"`initialize` of protocol {LEGACY}")]
    session = opened.headers.get(_SESSION)
    if not session:
        what = f"The header {_SESSION} of answers is lost on the way."
        return [fault(what, advice("answer_header", case.proxy, _SESSION))]
    headers = {_SESSION: session, _VERSION: LEGACY}
    try:
        return await _in_session(case, headers)
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(5):
            await case.wire.ask("DELETE", case.wire.path, headers=headers)


async def _in_session(case: Case, headers: dict[str, str]) -> list[Finding]:
    ping = await case.wire.post({"jsonrpc": "2.0", "id": 2, "method": "ping"}, headers)
    if ping.status == 200:
        return list(await _ended(case, headers))
    if "Missing session" in error_of(ping):
        return [_lost(case, _SESSION)]
    return [_odd(ping, "A request in a protocol session")]


async def _ended(case: Case, headers: dict[str, str]) -> Iterator[Finding]:
    reply = await case.wire.ask("DELETE", case.wire.path, headers=headers)
    if reply.status < 300:
        return iter(())
    what = f"DELETE, with which clients end a protocol session, is answered with {reply.status}."
    return iter((warning(what, advice("method", shown_by(reply) or case.proxy)),))


async def _is_lost(case: Case) -> bool:
    """Whether Jupyter-Session is lost: the server refuses a value that cannot be."""
    message, headers = modern("server/discover")
    reply = await case.wire.post(message, {**headers, "Jupyter-Session": "!"})
    return reply.status == 200


async def look_at_bodies(case: Case) -> Sequence[Finding]:
    """Whether messages of the size that the server takes arrive."""
    message, headers = modern("server/discover", _meta={"padding": "x" * (LARGEST - 4096)})
    try:
        reply = await case.wire.post(message, headers, seconds=UPLOAD)
    except (httpx2.WriteError, httpx2.ReadError, httpx2.RemoteProtocolError):
        reply = None  # the connection was cut while the body was sent
    if reply is not None and reply.status == 200:
        return [ok(f"Messages of {LARGEST // 1024**2} MiB arrive.")]
    proxy = case.proxy if reply is None else shown_by(reply) or case.proxy
    answered = "cut" if reply is None else f"answered with {reply.status}"
    if reply is not None and reply.status >= 500:
        what = f"A message of {LARGEST // 1024**2} MiB fails on the way ({reply.status})."
        return [warning(what, "See the log of the proxy: it may not have room to keep it.")]
    return [
        warning(
            f"A message of {LARGEST // 1024**2} MiB is {answered} on the way: larger files cannot "
            "be written.",
            advice("body", proxy),
        )
    ]


async def look_at_streams(case: Case) -> Sequence[Finding]:
    """Whether a stream begins at once, and stays open while little is sent on it."""
    hold = 0.0 if case.is_direct else case.options.hold
    message, headers = modern("subscriptions/listen", notifications={"toolsListChanged": True})
    body = json.dumps(message).encode()
    timeout = httpx2.Timeout(BEGUN, read=max(BEGUN, hold + 5))
    case.wire.client.timeout = timeout
    begun = False
    try:
        with anyio.move_on_after(BEGUN) as beginning:
            async with case.wire.stream(
                "POST", case.wire.path, headers={**JSON, **headers}, body=body
            ) as response:
                if response.status_code != 200:
                    return [
                        fault(f"A stream is answered with {response.status_code}.", "See the log.")
                    ]
                async for _ in response.aiter_bytes():
                    if not begun:
                        begun = True
                        began = anyio.current_time()
                        beginning.deadline = began + hold
                if begun:
                    return [_cut(case, anyio.current_time() - began)]
    except httpx2.HTTPError:
        if begun:
            return [_cut(case, anyio.current_time() - began)]
        raise
    if not begun:
        what = "Streams are held back on the way: the first event of one does not arrive."
        return [fault(what, advice("buffering", case.proxy))]
    kept = f", and one stayed open for {hold:g} s" if hold else ""
    return [ok(f"Streams arrive piece by piece{kept}.")]


def _cut(case: Case, seconds: float) -> Finding:
    return fault(
        f"A stream was cut after {seconds:.0f} s; the server sends something every {PING:g} s, and "
        "leaves streams open.",
        advice("cut", case.proxy),
    )
