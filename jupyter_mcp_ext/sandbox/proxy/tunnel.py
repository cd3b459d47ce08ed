"""One connection of a program in a sandbox: its request, then bytes in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from .hello import ALERT, HANDSHAKE, REFUSAL, AnotherHost, NotTls, server_name
from .outside import Lookups, Outside
from .patterns import Pattern, match
from .request import END, ESTABLISHED, MAX_HEAD, Refused, bad, not_listed, target

SECONDS = 10.0
"""For a request, and for the first message of TLS."""

SECONDS_TO_LEAVE = 2.0
"""For a program to read why it was refused."""

IDLE = 300.0
"""Seconds without a byte after which a connection is closed."""

PIECE = 65_536
"""Bytes that are read at once, in each direction: the next are read when these are sent."""

ALLOWED = "allowed"

Count = Callable[["Pattern | None", str], object]
"""Called with the pattern of a host and what became of the connection, one of a closed set."""


class Tunnel:
    """Serves connections of one sandbox."""

    def __init__(self, listed: Sequence[Pattern], outside: Outside, count: Count) -> None:
        self._listed = listed
        self._outside = outside
        self._lookups: Lookups = outside.lookups()
        self._count = count

    async def serve(self, client: socket.socket) -> None:
        """Serve a connection to its end, and close it."""
        client.setblocking(False)
        with client, contextlib.suppress(OSError, asyncio.TimeoutError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._serve(client)

    async def _serve(self, client: socket.socket) -> None:
        listed: Pattern | None = None
        try:
            head, rest = await asyncio.wait_for(_head(client), SECONDS)
            name, port = target(head)
            listed = match(self._listed, name, port)
            if listed is None:
                raise not_listed(self._listed)
            host = await self._outside.connect(name.lower(), port, self._lookups)
        except Refused as err:
            self._count(listed, err.reason)
            await _refuse(client, err.answer())
            return
        with host:
            try:
                await _send(client, ESTABLISHED)
                first = await asyncio.wait_for(_hello(client, rest, name.lower()), SECONDS)
            except NotTls as err:
                self._count(listed, err.outcome)
                await _refuse(client, REFUSAL)
                return
            except (OSError, asyncio.TimeoutError):
                self._count(listed, NotTls.outcome)
                return
            self._count(listed, ALLOWED)
            await _send(host, first)
            await _carry(client, host)


async def _head(client: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request, and what came with it. Raises Refused, OSError."""
    data = bytearray()
    while (at := data.find(END)) < 0:
        if len(data) >= MAX_HEAD:
            raise bad()
        data += await _read(client, MAX_HEAD)
    at += len(END)
    if at > MAX_HEAD:
        raise bad()
    return bytes(data[:at]), bytes(data[at:])


async def _hello(client: socket.socket, data: bytes, name: str) -> bytes:
    """The beginning of a TLS connection to a host. Raises NotTls, OSError."""
    while (named := server_name(data)) is None:
        data += await _read(client, PIECE)
    if named != name:
        raise AnotherHost(named)
    return data


async def _carry(client: socket.socket, host: socket.socket) -> None:
    """Carry bytes in both directions until both have ended, one fails, or none come."""
    seen = _Seen()
    directions = {
        asyncio.ensure_future(_pump(client, host, seen)),
        asyncio.ensure_future(_pump(host, client, seen, first=(HANDSHAKE, ALERT))),
    }
    pending = directions
    try:
        while pending and (left := seen.at + IDLE - asyncio.get_running_loop().time()) > 0:
            done, pending = await asyncio.wait(
                pending, timeout=left, return_when=asyncio.FIRST_EXCEPTION
            )
            if any(each.exception() for each in done):
                return
    finally:
        for each in directions:
            each.cancel()
        await asyncio.gather(*directions, return_exceptions=True)


class _Seen:
    """When bytes came last."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self.now()

    def now(self) -> None:
        """They have come."""
        self.at = self._now()


async def _pump(
    source: socket.socket, sink: socket.socket, seen: _Seen, first: Sequence[int] = ()
) -> None:
    """Carry bytes in one direction; ``first`` are the values that the first byte may have."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, PIECE):
        if first and data[0] not in first:
            msg = "this host does not speak TLS"
            raise ConnectionError(msg)
        first = ()
        seen.now()
        await loop.sock_sendall(sink, data)
    sink.shutdown(socket.SHUT_WR)


async def _refuse(client: socket.socket, answer: bytes) -> None:
    """Answer, and let the program read it: bytes that it still sends would have it thrown away."""
    await _send(client, answer)
    client.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(_until_closed(client), SECONDS_TO_LEAVE)


async def _until_closed(client: socket.socket) -> None:
    while True:
        await _read(client, PIECE)


async def _send(to: socket.socket, data: bytes) -> None:
    await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(to, data), SECONDS)


async def _read(source: socket.socket, most: int) -> bytes:
    """Some bytes. Raises ConnectionError at their end."""
    data = await asyncio.get_running_loop().sock_recv(source, most)
    if not data:
        msg = "the connection was closed"
        raise ConnectionError(msg)
    return data
