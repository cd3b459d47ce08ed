"""What the process of the proxy runs: it serves sandboxes until the server ends."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from . import control
from .entrance import Counts, Entrance
from .namespace import listener
from .outside import Outside
from .patterns import Pattern, patterns

if sys.platform != "win32":
    import resource


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
        self._line = control.Line(server)
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
            self._entrances[number] = asyncio.ensure_future(self._enter(number, fds))
        else:
            entering = self._entrances.pop(number, None)
            leaving = asyncio.ensure_future(self._leave(number, entering))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _enter(self, number: int, networks: Sequence[int]) -> Entrance | None:
        """Listen in a network; there is none where the limit of open files cut it off."""
        if not networks:
            self._say(control.FAILED, number, "the proxy has too many files open")
            return None
        try:
            made = await asyncio.to_thread(listener, networks[0])
        except (OSError, RuntimeError) as err:  # no thread or process can be started
            self._say(control.FAILED, number, str(err))
            return None
        finally:
            os.close(networks[0])
        self._say(control.ENTERED, number)
        return Entrance(made, self._listed, self._outside, partial(self._report, number))

    def _report(self, number: int, counts: Counts) -> bool:
        if self._line.is_free:
            self._say(control.COUNTS, number, counts)
            return True
        return False  # the server is busy

    async def _leave(self, number: int, entering: asyncio.Task[Entrance | None] | None) -> None:
        entrance = await entering if entering is not None else None
        left = await entrance.close() if entrance is not None else []
        for at in range(0, len(left), control.MAX_COUNTS):
            self._say(control.COUNTS, number, left[at : at + control.MAX_COUNTS])
        self._say(control.LEFT, number)

    def _say(self, kind: str, number: int, value: Any = None) -> None:
        with suppress(OSError):  # the server has ended, which is read too
            self._line.send(kind, number, value)
