"""Hosts outside: looked up by the server, and connected to by the address that was checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .addresses import is_public
from .request import not_public, unreachable

SECONDS = 15.0
"""For finding a host and connecting to it."""

SECONDS_EACH = 5.0
"""For connecting to one of its addresses."""

MAX_ADDRESSES = 6
"""Addresses of one host that are tried."""

MAX_LOOKUPS = 2
"""Names that are looked up for one sandbox at a time."""

THREADS = 64

Lookup = Callable[[str, int], list[str]]


class Lookups:
    """Looks names up for one sandbox. The C library's resolver blocks, and cannot be cancelled."""

    def __init__(self, threads: ThreadPoolExecutor, lookup: Lookup) -> None:
        self._threads = threads
        self._lookup = lookup
        self._free = asyncio.Semaphore(MAX_LOOKUPS)

    async def addresses(self, name: str, port: int) -> list[str]:
        """The addresses of a host. Raises OSError."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future = self._threads.submit(self._lookup, name, port)
        # Not when this is cancelled: the thread is taken until the lookup has ended.
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free.release))
        return await asyncio.wrap_future(future)


class Outside:
    """Connects to hosts. The parameters are there for tests, which have no internet."""

    def __init__(
        self,
        *,
        lookup: Lookup | None = None,
        may_connect: Callable[[str], bool] | None = None,
    ) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "lookup")
        self._lookup = lookup or resolved
        self._may_connect = may_connect or is_outside

    def lookups(self) -> Lookups:
        """What one sandbox has its names looked up with."""
        return Lookups(self._threads, self._lookup)

    async def connect(self, name: str, port: int, lookups: Lookups) -> socket.socket:
        """Connect to a host. Raises Refused."""
        try:
            return await asyncio.wait_for(self._connect(name, port, lookups), SECONDS)
        except asyncio.TimeoutError as err:
            what = "it did not answer in time"
            raise unreachable(what) from err

    async def _connect(self, name: str, port: int, lookups: Lookups) -> socket.socket:
        try:
            found = await lookups.addresses(name, port)
        except (OSError, UnicodeError) as err:
            what = "its name was not found"
            raise unreachable(what) from err
        public = [address for address in found if self._may_connect(address)]
        if not public:
            raise not_public()
        for address in public[:MAX_ADDRESSES]:
            try:
                return await asyncio.wait_for(self._opened(address, port), SECONDS_EACH)
            except (OSError, asyncio.TimeoutError):  # noqa: PERF203  # the next one may answer
                continue
        what = "it did not accept the connection"
        raise unreachable(what)

    async def _opened(self, address: str, port: int) -> socket.socket:
        connection = socket.socket(_family(address), socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(connection, (address, port))
        except BaseException:
            connection.close()
            raise
        return connection


def is_outside(address: str) -> bool:
    """Whether an address is a public one, there is a way to it, and it is none of this machine's.

    This machine's own are those that it would reach from the address itself.
    """
    if not is_public(address):
        return False
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as tried:
            tried.connect((address, 443))  # sends nothing
            own = str(tried.getsockname()[0])
    except OSError:
        return False
    return own != address


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def resolved(name: str, port: int) -> list[str]:
    """The addresses of a host as the server's machine knows them. Blocks. Raises OSError."""
    found = socket.getaddrinfo(
        name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_ADDRCONFIG
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
