"""What programs in a sandbox reach through the proxy, and what hostile ones do to it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from jupyter_mcp_ext.sandbox.proxy import entrance, tunnel
from jupyter_mcp_ext.sandbox.proxy.entrance import CONNECTIONS
from jupyter_mcp_ext.sandbox.proxy.hello import REFUSAL
from jupyter_mcp_ext.sandbox.proxy.outside import is_outside
from tests.sandbox.internet import inside

from .hellos import real
from .stage import ADDRESS, GOOD, Stage, echo

MEGABYTE = 1_000_000


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection is closed, also if it is reset."""
    got = b""
    with suppress(ConnectionResetError):
        while data := await reader.read(65_536):
            got += data
    return got


# -- what works --------------------------------------------------------------------------------


async def test_a_listed_host_is_reached_and_bytes_arrive_as_they_were_sent() -> None:
    sent = bytes(range(256)) * 40_000
    async with Stage() as stage:
        reader, writer = await stage.tls()
        writer.write(sent)
        got = await reader.readexactly(len(sent))
        writer.close()

    assert got == sent
    assert stage.asked == [GOOD]
    assert stage.counts == [(f"{GOOD}:{stage.port}", "allowed", 1)]


async def test_a_name_below_a_listed_domain_is_counted_as_the_domain() -> None:
    async with Stage() as stage:
        reader, writer = await stage.tls("secret-word.example.com")
        writer.write(b"1")
        assert await reader.readexactly(1) == b"1"
        writer.close()

    assert stage.counts == [(f"*.example.com:{stage.port}", "allowed", 1)]


async def test_a_hello_may_come_with_the_request_and_in_small_pieces() -> None:
    async with Stage() as stage:
        for size in (1, 100, 10_000):
            reader, writer = await stage.open()
            request = f"CONNECT {GOOD}:{stage.port} HTTP/1.1\r\n\r\n".encode() + real(GOOD)
            for at in range(0, len(request), size):
                writer.write(request[at : at + size])
                await writer.drain()
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"\x16"
            writer.close()


async def test_one_direction_can_end_before_the_other() -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == hello
        writer.write(b"\x16all")
        writer.close()

    hello = real(GOOD)
    async with Stage(serve=answer_at_the_end, is_tls=False) as stage:
        _, reader, writer = await stage.ask(GOOD)
        writer.write(hello)
        writer.write_eof()
        assert await reader.read() == b"\x16all"
        writer.close()


# -- hosts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("evil.example.org", None),
        ("example.com", None),
        (f"{GOOD}.", None),
        (f"{GOOD}.evil.org", None),
        (GOOD, 22),
        (GOOD, 443),
        ("localhost", None),
        ("127.0.0.1", None),
        ("2130706433", None),
        ("0x7f000001", None),
        ("0177.0.0.1", None),
        ("127.1", None),
        ("0", None),
        ("169.254.169.254", None),
        ("metadata.google.internal", None),
        ("xn--good-.example.org", None),
    ],
)
async def test_what_is_not_listed_is_refused_and_not_even_looked_up(
    host: str, port: int | None
) -> None:
    async with Stage() as stage:
        head, reader, writer = await stage.ask(host, port)
        body = await reader.read()
        writer.close()

    assert head.startswith("HTTP/1.1 403 This host is not among those that this sandbox may reach")
    assert f"They are: {GOOD}:{stage.port}, *.example.com:{stage.port}." in body.decode()
    assert not stage.asked
    assert not stage.connected
    assert stage.counts == [("", "not listed", 1)]


@pytest.mark.parametrize(
    "host", ["[::1]", "[::ffff:127.0.0.1]", "[fe80::1%25lo]", "user@good.example.org", "a/b", ""]
)
async def test_what_is_no_host_is_no_request(host: str) -> None:
    async with Stage() as stage:
        head, _, writer = await stage.ask(host)
        writer.close()

    assert head.startswith("HTTP/1.1 400 This is a proxy for https only")
    assert stage.counts == [("", "no request", 1)]


async def test_a_listed_host_at_private_addresses_is_refused() -> None:
    found = ["127.0.0.2", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.2", "fe80::1%lo"]
    async with Stage(addresses=lambda _: found, may_connect=is_outside) as stage:
        head, _, writer = await stage.ask(GOOD)
        writer.close()

    assert head.startswith("HTTP/1.1 403 This host has no public address")
    assert not stage.connected
    assert stage.counts == [(f"{GOOD}:{stage.port}", "not public", 1)]


async def test_the_address_that_was_checked_is_connected_to() -> None:
    """A name server that answers differently the second time is not asked a second time."""
    checked: list[str] = []
    answers = iter([[ADDRESS], ["127.0.0.1"]])

    def check(address: str) -> bool:
        checked.append(address)
        return address == ADDRESS

    async with Stage(addresses=lambda _: next(answers), may_connect=check) as stage:
        reader, writer = await stage.tls()
        writer.write(b"1")
        assert await reader.readexactly(1) == b"1"
        writer.close()

    assert len(stage.asked) == len(stage.connected) == 1
    assert checked == [ADDRESS]


def test_an_address_of_this_machine_is_not_outside(tmp_path: Path) -> None:
    assert not is_outside(ADDRESS)
    printed = inside("tests.sandbox.proxy.own_addresses", tmp_path)
    assert dict(map(json.loads, printed.splitlines())) == {
        "ours": [False, False],
        "theirs": [True, True],
        "ours, and any can be bound": [False, False],
        "without a descriptor": [False, False],
    }


async def test_a_host_that_is_not_there_is_unreachable() -> None:
    def unknown(name: str) -> list[str]:
        raise socket.gaierror

    async with Stage(addresses=unknown) as stage:
        without_name, _, first = await stage.ask(GOOD)
        first.close()
    async with Stage() as stage:
        stage.end_host()
        without_host, _, second = await stage.ask(GOOD)
        second.close()

    assert "502 The server could not connect to this host: its name was not found" in without_name
    assert "502 The server could not connect to this host: it did not accept" in without_host
    assert stage.counts == [(f"{GOOD}:{stage.port}", "unreachable", 1)]


# -- what is not TLS ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (real("evil.example.org"), "another host"),
        (real("sub.example.com"), "another host"),
        (real(None), "not TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not TLS"),
        (b"GET / HTTP/1.1\r\nHost: evil.example.org\r\n\r\n", "not TLS"),
        (b"CONNECT evil.example.org:443 HTTP/1.1\r\n\r\n", "not TLS"),
        (b"\x00" * 100, "not TLS"),
    ],
)
async def test_only_tls_to_the_host_itself_passes(sent: bytes, outcome: str) -> None:
    got: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read())
        writer.close()
        done.set()

    done = asyncio.Event()
    async with Stage(serve=keep, is_tls=False) as stage:
        head, reader, writer = await stage.ask(GOOD)
        writer.write(sent)
        said = await ended(reader)
        writer.close()
        await done.wait()

    assert head.startswith("HTTP/1.1 200 ")
    assert said == REFUSAL
    assert got == [b""]
    assert stage.counts == [(f"{GOOD}:{stage.port}", outcome, 1)]


async def test_a_connection_is_counted_also_if_its_program_has_gone_before_it_is_made() -> None:
    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        done.set()

    def when_gone(_: str) -> list[str]:
        asked.set()
        gone.wait()
        return [ADDRESS]

    asked, gone, done = threading.Event(), threading.Event(), asyncio.Event()
    async with Stage(serve=until_closed, is_tls=False, addresses=when_gone) as stage:
        program = socket.create_connection(("127.0.0.1", stage.proxy))
        program.sendall(f"CONNECT {GOOD}:{stage.port} HTTP/1.1\r\n\r\n".encode())
        await asyncio.to_thread(asked.wait)
        program.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        program.close()  # with a reset
        gone.set()
        await done.wait()

    assert stage.counts == [(f"{GOOD}:{stage.port}", "not TLS", 1)]


async def test_a_host_that_does_not_answer_in_tls_is_cut_off() -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with Stage(serve=ssh, is_tls=False) as stage:
        _, reader, writer = await stage.ask(GOOD)
        writer.write(real(GOOD))
        assert await ended(reader) == b""
        writer.close()


# -- reports -----------------------------------------------------------------------------------


async def test_counts_that_were_not_reported_are_reported_later_without_new_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entrance, "REPORTS", 0.01)
    monkeypatch.setattr(entrance, "MAX_COUNTS", 1)
    async with Stage(takes_counts=False) as stage:
        for host in ("evil.example.org", "a/b", GOOD):
            _, reader, writer = await stage.ask(host)
            writer.write(real("evil.example.org"))
            await ended(reader)
            writer.close()
        await stage.reported.wait()
        assert not stage.counts
        stage.takes_counts = True
        while len(stage.counts) < 3:
            stage.reported.clear()
            await stage.reported.wait()

    assert sorted(outcome for _, outcome, _ in stage.counts) == [
        *("another host", "no request", "not listed"),
    ]


# -- floods ------------------------------------------------------------------------------------


async def test_a_request_without_an_end_is_refused() -> None:
    async with Stage() as stage:
        reader, writer = await stage.open()
        writer.write(b"CONNECT good.example.org:443 HTTP/1.1\r\n")
        with suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"X-Flood: " + b"x" * MEGABYTE + b"\r\n")
                await writer.drain()
        answer = await ended(reader)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ") or not answer
    assert stage.counts == [("", "no request", 1)]


async def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def be_impatient(_: str) -> list[str]:  # only when the request has come
        monkeypatch.setattr(tunnel, "SECONDS", 0.05)
        return [ADDRESS]

    patient = tunnel.SECONDS
    async with Stage(addresses=be_impatient) as stage:
        _, without_hello, third = await stage.ask(GOOD)
        silent, first = await stage.open()
        slow, second = await stage.open()
        second.write(b"CONNECT ")

        assert [await ended(each) for each in (silent, slow, without_hello)] == [b"", b"", b""]
        monkeypatch.setattr(tunnel, "SECONDS", patient)
        _, left, fourth = await stage.ask(GOOD)
        fourth.write_eof()
        assert await ended(left) == b""
        for each in (first, second, third, fourth):
            each.close()

    assert stage.counts == [(f"{GOOD}:{stage.port}", "not TLS", 2)]


async def test_a_connection_without_a_byte_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read())
        writer.close()
        done.set()

    monkeypatch.setattr(tunnel, "IDLE", 0.05)
    hello, got, done = real(GOOD), list[bytes](), asyncio.Event()
    async with Stage(serve=until_closed, is_tls=False) as stage:
        _, reader, writer = await stage.ask(GOOD)
        writer.write(hello)
        assert await reader.read() == b""
        await done.wait()
        writer.close()

    assert got == [hello]
    assert stage.counts == [(f"{GOOD}:{stage.port}", "allowed", 1)]


def flooded(port: int) -> list[socket.socket]:
    """Connect thousands of times; the connections that are still open."""
    sockets: list[socket.socket] = []
    for _ in range(2_000):
        flood = socket.socket()
        flood.setblocking(False)
        with suppress(BlockingIOError):
            flood.connect(("127.0.0.1", port))
        sockets.append(flood)
        if len(sockets) > 300:  # many machines let a process have 1,024 files open
            sockets.pop(0).close()
    return sockets


async def test_thousands_of_connections_cost_no_more_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tunnel, "SECONDS", 100.0)  # none of the first is given up meanwhile
    async with Stage() as stage:
        first = [await stage.ask(GOOD) for _ in range(CONNECTIONS)]
        sockets = await asyncio.to_thread(flooded, stage.proxy)
        assert stage.entrance.served == CONNECTIONS
        for flood in sockets:
            flood.close()
        for *_, writer in first:
            writer.close()

        reader, writer = await stage.tls()
        writer.write(b"1")
        assert await reader.readexactly(1) == b"1"
        writer.close()


async def test_connections_one_after_the_other_are_not_endless_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entrance, "CONNECTIONS", 1)
    monkeypatch.setattr(entrance, "SHORTEST", 0.05)
    now = asyncio.get_running_loop().time
    async with Stage() as stage:
        begun = now()
        for _ in range(5):
            _, _, writer = await stage.ask("evil.example.org")
            writer.close()

    assert now() - begun >= 4 * 0.05


async def test_a_program_that_does_not_read_holds_its_host_up_and_nothing_else() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        if stage.asked[-1] != GOOD:
            await echo(reader, writer)
            return
        with suppress(ConnectionError):
            while True:
                writer.write(bytes(MEGABYTE))
                await writer.drain()
                sent += MEGABYTE

    async with Stage(serve=endless) as stage:
        _, first = await stage.tls()
        first.transport.pause_reading()  # type: ignore[attr-defined]
        tracemalloc.start()
        reader, writer = await stage.tls("other.example.com")
        for _ in range(100):
            writer.write(bytes(MEGABYTE))
            await reader.readexactly(MEGABYTE)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        writer.close()
        first.transport.abort()

    assert sent < 60 * MEGABYTE  # what sockets hold
    assert peak < 60 * MEGABYTE
