"""Runs a bridge between stdio and a server until the client closes its end, or a signal comes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

from . import messages
from .allowed import Allowed
from .finding import Finder
from .relay import Relay
from .stdio import MAX_LINE, Reader, TooLong, Writer, taken

_SIGNALS = (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


def serve(finder: Finder, allowed: Allowed) -> None:
    """Serve the client on stdin and stdout."""
    with taken() as (stdin, stdout):
        asyncio.run(_serve(finder, allowed, stdin, stdout))


async def _serve(finder: Finder, allowed: Allowed, stdin: int, stdout: int) -> None:
    reader, writer = Reader(stdin), Writer(stdout)
    relay = Relay(finder, allowed, writer.write)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stopped.set)
    reader.start()
    writer.start()
    waits = [
        asyncio.create_task(work, name=f"mcp-bridge-{name}")
        for name, work in (
            ("lines", _take_all(reader, relay, writer)),
            ("signal", stopped.wait()),
            ("client", writer.is_closed.wait()),
        )
    ]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await relay.close()
    sys.stderr.flush()
    # Threads may wait for the client, or for a server that starts, in calls that do not end now.
    os._exit(0)


async def _take_all(reader: Reader, relay: Relay, writer: Writer) -> None:
    async for line in reader.lines():
        if isinstance(line, TooLong):
            sentence = f"A line is longer than {MAX_LINE // 1024**2} MiB. Send less at a time."
            await writer.write(messages.error(None, messages.INVALID_REQUEST, sentence))
        else:
            await relay.take(line)
