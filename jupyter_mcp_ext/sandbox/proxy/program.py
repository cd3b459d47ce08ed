"""What the process of the proxy runs: it serves sandboxes until the server ends."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
from collections.abc import Sequence
from functools import partial

from . import control
from .entrance import Counts, Entrance
from .namespace import listener
from .outside import Outside
from .patterns import Pattern, patterns


def main() -> None:
    """Serve. The argument is the descriptor of the server's socket, the input lists hosts."""
    server = socket.socket(fileno=int(sys.argv[1]))
    listed = patterns(json.load(sys.stdin))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_Program(server, listed).run())


class _Program:
    """The sandboxes that are served, by their numbers."""

    def __init__(self, server: socket.socket, listed: Sequence[Pattern]) -> None:
        self._server = server
        self._listed = listed
        self._outside = Outside()
        self._entrances: dict[int, asyncio.Task[Entrance | None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the server has closed its socket."""
        self._ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._server, self._read)
        await self._ended
        os._exit(0)  # threads may still wait for a resolver

    def _read(self) -> None:
        try:
            message = control.receive(self._server)
        except BlockingIOError:
            return
        except OSError:
            message = None
        if message is None:
            if not self._ended.done():
                self._ended.set_result(None)
            return
        kind, number, _, fds = message
        if kind == control.ENTER:
            self._entrances[number] = asyncio.ensure_future(self._enter(number, fds[0]))
        elif entering := self._entrances.pop(number, None):
            leaving = asyncio.ensure_future(self._leave(number, entering))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _enter(self, number: int, network: int) -> Entrance | None:
        try:
            made = await asyncio.to_thread(listener, network)
        except OSError as err:
            control.send(self._server, control.FAILED, number, str(err))
            return None
        finally:
            os.close(network)
        control.send(self._server, control.ENTERED, number)
        return Entrance(made, self._listed, self._outside, partial(self._report, number))

    def _report(self, number: int, counts: Counts) -> None:
        control.send(self._server, control.COUNTS, number, counts)

    async def _leave(self, number: int, entering: asyncio.Task[Entrance | None]) -> None:
        entrance = await entering
        if entrance is not None:
            await entrance.close()
        control.send(self._server, control.LEFT, number)
