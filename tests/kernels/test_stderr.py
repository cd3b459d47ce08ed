"""What kernels write to standard error, in the server's log."""

from __future__ import annotations

import asyncio
import os

import pytest

from jupyter_mcp_ext.kernels.stderr import KEPT, LONGEST, MAX_PASSED, StderrTail

ESCAPE = b"\x1b]0;title\x07 \xc2\x9b31m red\n"


@pytest.mark.parametrize("is_confined", [False, True])
async def test_a_confined_kernel_cannot_steer_the_terminal_of_the_server(
    capsys: pytest.CaptureFixture[str], is_confined: bool
) -> None:
    tail = StderrTail(is_confined=is_confined)
    os.write(tail.descriptor, ESCAPE)

    assert "title" in tail.finish()

    said = capsys.readouterr().err
    assert said == ("[kernel] ?]0;title? ?31m red\n" if is_confined else ESCAPE.decode())


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028"])
async def test_a_confined_kernel_cannot_write_a_line_of_the_servers(
    capsys: pytest.CaptureFixture[str], end: str
) -> None:
    tail = StderrTail(is_confined=True)
    os.write(tail.descriptor, f"failed{end}[I 2030-01-01 12:00:00 McpApp] Kernel started".encode())
    tail.finish()

    said = capsys.readouterr().err
    assert said.endswith("\n")
    assert all(line.startswith("[kernel] ") for line in said.splitlines())


async def test_a_confined_kernel_cannot_fill_the_log_of_the_server(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tail = StderrTail(is_confined=True)

    # It waits for the reader, since a pipe has room for little of it.
    await asyncio.to_thread(os.write, tail.descriptor, b"x" * 2 * MAX_PASSED + b"the end")

    assert tail.finish().endswith("the end")
    said = capsys.readouterr().err
    assert said.count("x") == MAX_PASSED
    assert said.endswith("[what else this kernel writes is not shown]\n")


@pytest.mark.parametrize("is_confined", [False, True])
async def test_a_line_that_comes_in_pieces_is_one_line_of_the_log(
    capsys: pytest.CaptureFixture[str], is_confined: bool
) -> None:
    tail = StderrTail(is_confined=is_confined)
    first, second = "a line, caf\u00e9".encode()[:-1], "\u00e9 and more\nthe next".encode()[1:]
    os.write(tail.descriptor, first)
    while "caf" not in tail.text:  # noqa: ASYNC110  # gives the reader its turn
        await asyncio.sleep(0)
    os.write(tail.descriptor, second)
    tail.finish()

    mark = "[kernel] " if is_confined else ""
    said = capsys.readouterr().err
    assert said.splitlines() == [f"{mark}a line, caf\u00e9 and more", f"{mark}the next"]


async def test_a_confined_kernel_that_ends_no_line_is_heard_before_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tail = StderrTail(is_confined=True)
    await asyncio.to_thread(os.write, tail.descriptor, b"x" * (LONGEST + 1))
    while len(tail.text) < KEPT:  # noqa: ASYNC110  # gives the reader its turn
        await asyncio.sleep(0)
    said = capsys.readouterr().err
    tail.close()

    assert said.startswith("[kernel] xxx")
