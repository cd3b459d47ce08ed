"""The line of a cell at which it failed, read from tracebacks as kernels send them."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_ext.outputs.model import Error
from jupyter_mcp_ext.sessions.story.failure import failed_line
from tests.engine import running

CELL = "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[3]\x1b[39m\x1b[32m, line {}\x1b[39m\n"


def line(*traceback: str, code: str = "x = 1\ngo()", ename: str = "ValueError") -> int | None:
    return failed_line(code, Error(ename=ename, evalue="", traceback=traceback), 3)


@pytest.mark.parametrize(
    "frame",
    [
        CELL.format(7) + "----> 7 go()",
        "Cell In [3], line 7\n----> 7 go()",
        "Input \x1b[0;32mIn [3]\x1b[0m, in \x1b[0;36m<cell line: 7>\x1b[0;34m()\x1b[0m\n",
        "\x1b[0;32m<ipython-input-3-0a1b>\x1b[0m in \x1b[0;36m<module>\x1b[0m\n      6 a\n"
        "\x1b[0;32m----> 7\x1b[0;31m go()\n",
    ],
)
def test_each_ipython_tells_the_line_of_the_cells_own_frame(frame: str) -> None:
    assert line("Traceback (most recent call last)", frame, "ValueError: no") == 7


def test_frames_of_functions_and_of_other_cells_are_not_the_cells_own() -> None:
    inner = "Cell In[3], line 2, in f(x)\n"

    assert line(CELL.format(7), inner, "Cell In[2], line 1\n") == 7
    assert line(inner, "Cell In[2], line 1\n") is None


def test_of_a_chain_the_first_line_counts() -> None:
    assert line(CELL.format(4), "ValueError: no", CELL.format(9), "KeyError: 1") == 4


def test_an_error_whose_words_look_like_a_frame_tells_no_line() -> None:
    assert line("ValueError: no\nCell In[3], line 9\n") is None


def test_code_that_was_not_compiled_has_run_nothing() -> None:
    assert line(CELL.format(7), ename="SyntaxError") is None


def test_lines_that_ipython_leaves_out_are_counted() -> None:
    assert line(CELL.format(2), code="\n  \nx = 1\ngo()") == 4


async def test_the_kernel_says_so(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        code = "\nx = 1\ndef f():\n    1 / 0\nfor i in range(3):\n    f()\ny = 2"
        execution = await engine.run(code)

        assert execution.error is not None
        assert failed_line(code, execution.error, execution.execution_count) == 6
