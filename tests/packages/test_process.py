"""Programs run without a shell, and end with the task that runs them."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from jupyter_mcp_ext.packages.process import MAX_LINES, run

ENV = {"PATH": os.environ["PATH"]}


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


async def test_arguments_arrive_as_they_are() -> None:
    argument = "a b; $(id) `id` 'x' \"y\" *"

    ran = await run(python("import sys; print(sys.argv[1])", argument), ENV)

    assert (ran.code, list(ran.lines)) == (0, [argument])


async def test_both_streams_are_heard_line_by_line_and_cleaned() -> None:
    heard: list[str] = []
    code = (
        "import sys; print('\\x1b[31mred\\x1b[0m', flush=True);"
        "print('bad', file=sys.stderr); sys.exit(3)"
    )

    ran = await run(python(code), ENV, on_line=heard.append)

    assert ran.code == 3
    assert heard == list(ran.lines) == ["red", "bad"]


async def test_it_gets_the_environment_and_the_input_that_it_is_given_and_no_more() -> None:
    code = "import os, sys; print(sorted(os.environ), sys.stdin.read(), os.getcwd())"

    ran = await run(python(code), {"LC_ALL": "C.UTF-8"}, given="said")

    assert list(ran.lines) == ["['LC_ALL'] said /"]


async def test_a_flood_is_cut_and_does_not_hang() -> None:
    ran = await run(python(f"print('x\\n' * {MAX_LINES + 10} + 'last')"), ENV)

    assert len(ran.lines) == MAX_LINES
    assert ran.lines[-1] == "last"


async def test_the_memory_of_what_it_starts_too_is_bounded() -> None:
    code = (
        "import subprocess, sys; sys.stdin.read();"
        "subprocess.run([sys.executable, '-c', 'bytearray(1 << 29)'])"
    )

    bounded = await run(python(code), ENV, given="", memory=1 << 28)
    free = await run(python(code), ENV, given="")

    assert list(bounded.lines)[-1] == "MemoryError"
    assert list(free.lines) == []


async def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    code = (
        "import subprocess, sys;"
        f"child = subprocess.Popen([sys.executable, '-c', {stubborn!r}]);"
        "print(child.pid, flush=True); child.wait()"
    )
    pids: list[str] = []
    said = asyncio.Event()

    def hear(line: str) -> None:
        pids.append(line)
        said.set()

    running = asyncio.ensure_future(run(python(code), ENV, on_line=hear))
    await said.wait()
    child = psutil.Process(int(pids[0]))
    running.cancel()
    await asyncio.wait({running})

    assert running.cancelled()
    assert child.wait(10) is None
    assert not child.is_running()


async def test_one_that_takes_too_long_is_ended() -> None:
    with pytest.raises(asyncio.TimeoutError):
        await run(python("import time; time.sleep(60)"), ENV, within=0.2)


async def test_one_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(OSError, match="nowhere"):
        await run(["/nowhere/python"], ENV)
