"""Runs a program to its end, without a shell and without input."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from jupyter_mcp_ext.outputs.text import clean

if sys.platform == "linux":
    import resource

MAX_LINES = 20_000
"""The last lines of a program's output that are kept."""

MAX_LINE = 20_000_000
"""Characters of the longest line."""

CHUNK = 65_536

MEMORY = 2 << 30
"""Bytes that one process may have which reads or compiles packages for kernels in the sandbox: a
small wheel can have a module that takes all memory to be compiled."""

GRACE = 5.0
"""Seconds between asking a program to end and killing it."""

ROOT = os.path.abspath(os.sep)  # noqa: PTH100  # an anchor, not a file
"""Where programs run: in a user's folder they could read that user's configuration files."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A program that has ended."""

    code: int
    lines: Sequence[str]
    """Its output, of both streams."""


async def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    on_line: Callable[[str], object] | None = None,
    given: str | None = None,
    within: float | None = None,
    memory: int = 0,
) -> Run:
    """Run a program with ``given`` as its input. It is ended when the task is cancelled.

    ``memory`` are the bytes that each of its processes may have (Linux only), without a limit if 0.
    Raises OSError, asyncio.TimeoutError.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=dict(env),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # so that what it starts ends with it
    )
    if memory:
        _bound(process.pid, memory)
    try:
        lines = await asyncio.wait_for(_talk(process, on_line, given), within)
        return Run(code=await process.wait(), lines=lines)
    finally:
        if process.returncode is None:
            await _end(process)


def _bound(pid: int, memory: int) -> None:
    if sys.platform == "linux":
        with suppress(ProcessLookupError):
            _, most = resource.prlimit(pid, resource.RLIMIT_DATA)
            if most == resource.RLIM_INFINITY or most > memory:
                resource.prlimit(pid, resource.RLIMIT_DATA, (memory, most))


async def _talk(
    process: asyncio.subprocess.Process, on_line: Callable[[str], object] | None, given: str | None
) -> Sequence[str]:
    if process.stdin is not None and given is not None:
        with suppress(ConnectionError):
            process.stdin.write(given.encode())
            await process.stdin.drain()
        process.stdin.close()
    lines: deque[str] = deque(maxlen=MAX_LINES)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while process.stdout is not None:
        data = await process.stdout.read(CHUNK)
        *whole, rest = (rest + decoder.decode(data, final=not data)).split("\n")
        if not data or len(rest) > MAX_LINE:
            whole, rest = [*whole, rest], ""
        for line in whole:
            text = clean(line) if len(line) <= CHUNK else line
            if text.strip():
                lines.append(text)
                if on_line is not None:
                    on_line(text)
        if not data:
            break
    return lines


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program and its child processes."""
    _signal(process, signal.SIGTERM)
    try:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)
    finally:  # also what heeded no SIGTERM of its children
        if sys.platform != "win32":
            _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, number)
