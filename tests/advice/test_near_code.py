"""Code that is nearly right: in fences, meant for the shell, or with its own event loop."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.advice.commands import AWAIT
from jupyter_mcp_ext.advice.fences import unfenced
from jupyter_mcp_ext.advice.notices import notices
from jupyter_mcp_ext.advice.run import Run
from jupyter_mcp_ext.outputs.model import Error
from tests.mcp_client import McpClient
from tests.servers import JupyterServer


def failed(source: str, ename: str, evalue: str = "", line: str = "") -> list[str]:
    error = Error(ename=ename, evalue=evalue, traceback=(f"    \x1b[31m{line or source}\x1b[0m",))
    return notices(Run(source=source, status="error", error=error))


@pytest.mark.parametrize(
    ("code", "plain"),
    [
        ("```python\nx = 1\n```", "x = 1"),
        ("\n```py\nx = 1\n\ny = 2\n```\n", "x = 1\n\ny = 2"),
        ("``` {python}\nx\n```", "x"),
        ("```\n```", ""),
        ("~~~python\nx = 1\n~~~", "x = 1"),
        ("~~~\nx\n```", None),
        ("x = 1", "x = 1"),
        ("```python\nx\n```\ntext\n```\ny\n```", None),
        ("Here it is:\n```python\nx\n```", None),
        ("text = '''\n```\nx\n```\n'''", None),
        ("```x = 1```", None),
        ("```", None),
    ],
)
def test_code_in_one_fence_is_the_code(code: str, plain: str | None) -> None:
    assert unfenced(code) == (code if plain is None else plain)


def test_code_with_a_fence_in_it_is_explained() -> None:
    [notice] = failed("Run this:\n```python\nx\n```", "SyntaxError")

    assert "without fences" in notice
    assert failed("~~~\nx\n~~~\ny", "SyntaxError") == [notice]
    assert failed("x = '```'\n1/0", "ZeroDivisionError") == []


@pytest.mark.parametrize(
    ("source", "ename", "words"),
    [
        ("git status", "SyntaxError", "`git status` is a shell command"),
        ("$ git status", "SyntaxError", "as in `!git status`"),
        ("x = 1\nnpm install left-pad", "SyntaxError", "`!npm install left-pad`"),
        ("git --version", "NameError", "`!git --version`"),
        ("python train.py --fast", "SyntaxError", "`%run train.py`"),
        ("python train.py --fast", "SyntaxError", "`!python train.py --fast`"),
        ("python -m pytest", "SyntaxError", "`!python -m pytest`"),
        ("pytest", "NameError", "`!pytest`"),
        ("nvidia-smi", "NameError", "`!nvidia-smi`"),
        ("jupyter lab --no-browser", "SyntaxError", "`!jupyter lab --no-browser`"),
        ("$ ls", "SyntaxError", "`!ls`"),
    ],
)
def test_a_shell_command_without_its_sign_is_explained(source: str, ename: str, words: str) -> None:
    [notice] = failed(source, ename, line=source.rpartition("\n")[2])

    assert words in notice


@pytest.mark.parametrize(
    ("source", "ename", "line"),
    [
        ("find = 3 +", "SyntaxError", "find = 3 +"),
        ("head (1", "SyntaxError", "head (1"),
        ("node is None", "NameError", "node is None"),
        ("x = 1 if head in y else 2\nsort for x", "SyntaxError", "sort for x"),
        ("git status\nx = (", "SyntaxError", "x = ("),
        ("git status", "TypeError", "git status"),
        ("df[0", "SyntaxError", "df[0"),
    ],
)
def test_python_that_is_wrong_is_not_taken_for_a_command(
    source: str, ename: str, line: str
) -> None:
    assert failed(source, ename, line=line) == []


@pytest.mark.parametrize(
    "evalue",
    [
        "asyncio.run() cannot be called from a running event loop",
        "This event loop is already running",
        "Already running asyncio in this thread",
    ],
)
def test_a_loop_within_the_kernels_is_explained(evalue: str) -> None:
    assert failed("asyncio.run(main())", "RuntimeError", evalue) == [AWAIT]
    assert failed("asyncio.run(main())", "RuntimeError", "something else") == []


def test_real_kernels_say_such_things(server: JupyterServer) -> None:
    client = McpClient(server, name="nearly")
    client.run("import asyncio\nasync def main(): pass")

    assert "42" in client.run("```python\n6 * 7\n```").text
    assert client.run("main_ = main(); asyncio.run(main_)").notices[:1] == [AWAIT]
    assert "`!git status`" in " ".join(client.run("git status").notices)
    assert "%run x.py" in " ".join(client.run("python x.py").notices)
