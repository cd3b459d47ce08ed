"""The process that renders: started when it is first needed, ended when a task takes too long."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from logging import Logger
from pathlib import Path

from jupyter_mcp_ext.concurrency import Timer

from .wire import BEGUN, LENGTH, MAX_ANSWER, Outcome, message

START = 30.0
"""Seconds for its start and for reading a task, neither of which depends on the task."""

GRACE = 5.0

ROOT = os.path.abspath(os.sep)  # noqa: PTH100  # an anchor, not a file

_CODE = """
import sys
sys.path[:] = {path!r}
from jupyter_mcp_ext.rendering.program import main
main()
"""
_ENVIRONMENT = (
    "DYLD_FALLBACK_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "PATH",
    "SYSTEMROOT",
    "TEMP",
    "TMPDIR",
)
"""The environment variables it gets: those that find libraries and fonts, no secrets."""


class RenderingProcess:
    """One process. The caller must give it one task at a time."""

    def __init__(self, log: Logger, idle: float) -> None:
        self._log = log
        self._idle = idle
        self._process: asyncio.subprocess.Process | None = None
        self._resting = Timer()
        self._ending: asyncio.Task[None] | None = None

    async def do(self, encoded: bytes, within: float) -> tuple[Outcome, float]:
        """Do a task within some seconds: its outcome and how long it took, 0 if it never began."""
        self._resting.stop()
        if self._ending is not None:
            await self._ending
        begun, is_whole = 0.0, False
        try:
            process = await self._begun(encoded)
            begun = time.monotonic()
            outcome = Outcome.decoded(await asyncio.wait_for(_answer(process), within))
            is_whole = True
        except asyncio.TimeoutError:
            outcome = Outcome(failure=f"could not be rendered within {within:.1g} s")
        except (EOFError, OSError, ValueError) as err:
            self._log.warning("Rendering failed: %s", err)
            outcome = Outcome(failure="could not be rendered")
        finally:
            if is_whole:
                self._resting.set(self._idle, self._end_soon)
            else:  # also when the call was cancelled: its answer would be taken for the next one
                await self._end(at_once=True)
        return outcome, time.monotonic() - begun if begun else 0.0

    async def _begun(self, encoded: bytes) -> asyncio.subprocess.Process:
        """The process, after it has read a task. One that has died is replaced."""
        if self._process is not None:
            try:
                await asyncio.wait_for(_ask(self._process, encoded), START)
            except (EOFError, ConnectionError):
                await self._end(at_once=True)
            else:
                return self._process
        process = await self._start()
        await asyncio.wait_for(_ask(process, encoded), START)
        return process

    async def close(self) -> None:
        """End the process and wait for its end."""
        if self._ending is not None:
            await self._ending
        await self._end()

    async def _end(self, *, at_once: bool = False) -> None:
        self._resting.stop()
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            if not at_once:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(process.wait(), GRACE)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        package = str(Path(__file__).parent.parent.parent)
        path = [package, *(place for place in sys.path if place)]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _CODE.format(path=path)),
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the server
        )
        return self._process

    def _end_soon(self) -> None:
        self._ending = asyncio.create_task(self._end(), name="mcp-rendering-end")


async def _ask(process: asyncio.subprocess.Process, encoded: bytes) -> None:
    """Give a task to the process and return when it has begun with it."""
    if process.stdin is None or process.stdout is None:  # they are pipes; mypy is not told so
        raise EOFError
    process.stdin.write(message(encoded))
    await process.stdin.drain()
    if await process.stdout.readexactly(1) != BEGUN:
        raise EOFError


async def _answer(process: asyncio.subprocess.Process) -> bytes:
    if process.stdout is None:
        raise EOFError
    size = int.from_bytes(await process.stdout.readexactly(LENGTH), "big")
    if size > MAX_ANSWER:
        msg = "an answer that is too large"
        raise ValueError(msg)
    return await process.stdout.readexactly(size)
