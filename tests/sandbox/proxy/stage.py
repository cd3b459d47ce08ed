"""A sandbox's entrance, and hosts of a small internet: at 127.0.0.2, where no name server is."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

import trustme

from jupyter_mcp_ext.sandbox.proxy.entrance import Counts, Entrance
from jupyter_mcp_ext.sandbox.proxy.outside import Outside
from jupyter_mcp_ext.sandbox.proxy.patterns import patterns

ADDRESS = "127.0.0.2"
GOOD = "good.example.org"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back all that comes."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@functools.cache
def authority() -> trustme.CA:
    """Who signs the certificates of the hosts."""
    return trustme.CA()


def server_side(*names: str) -> ssl.SSLContext:
    """The TLS of a host with these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*names).configure_cert(context)
    return context


def client_side() -> ssl.SSLContext:
    """The TLS of a program that trusts the hosts."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@dataclass(kw_only=True)
class Stage:
    """Serves while it is open; the host's port is `port`, the proxy's `proxy`."""

    serve: Serve = echo
    is_tls: bool = True
    hosts: Sequence[str] = (GOOD, "*.example.com")
    """Listed with the host's port."""
    addresses: Callable[[str], list[str]] = lambda _: [ADDRESS]
    may_connect: Callable[[str], bool] = lambda _: True
    asked: list[str] = field(default_factory=list)
    """The names that were looked up."""
    connected: list[str] = field(default_factory=list)
    """A part for each connection to the host."""
    counts: Counts = field(default_factory=list)
    takes_counts: bool = True
    reported: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when counts are reported, whether they are taken or not."""

    async def __aenter__(self) -> Stage:
        context = server_side(GOOD, "*.example.com") if self.is_tls else None
        self._server = await asyncio.start_server(self._serve, ADDRESS, 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        listener = socket.create_server(("127.0.0.1", 0))
        self.proxy = listener.getsockname()[1]
        listed = patterns(f"{host}:{self.port}" for host in self.hosts)
        outside = Outside(lookup=self._look_up, may_connect=self.may_connect)
        self.entrance = Entrance(listener, listed, outside, self._take)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.counts += await self.entrance.close()
        self._server.close()

    def end_host(self) -> None:
        """Have nothing listen where the host was."""
        self._server.close()

    def _take(self, counts: Counts) -> bool:
        self.reported.set()
        if not self.takes_counts:
            return False
        self.counts += counts
        return True

    def _look_up(self, name: str, port: int) -> list[str]:
        self.asked.append(name)
        return self.addresses(name)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected.append(str(writer.get_extra_info("peername")))
        await self.serve(reader, writer)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the proxy."""
        return await asyncio.open_connection("127.0.0.1", self.proxy)

    async def ask(
        self, host: str, port: int | str | None = None
    ) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask for a host: the head of the answer, and the connection."""
        reader, writer = await self.open()
        where = f"{host}:{port if port is not None else self.port}"
        writer.write(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        return head.decode(), reader, writer

    async def tls(self, host: str = GOOD) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TLS connection to a host through the proxy."""
        plain = socket.socket()
        plain.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(plain, ("127.0.0.1", self.proxy))
        where = f"{host}:{self.port}"
        await loop.sock_sendall(plain, f"CONNECT {where} HTTP/1.1\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await loop.sock_recv(plain, 1)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return await asyncio.open_connection(sock=plain, ssl=client_side(), server_hostname=host)
