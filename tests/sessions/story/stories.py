"""Stories on disk, what is written into them, and what is found there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from jupyter_mcp_ext.outputs.model import Output
from jupyter_mcp_ext.sessions.story.composition import Head
from jupyter_mcp_ext.sessions.story.journal import Entry
from jupyter_mcp_ext.sessions.story.story import Story

HEAD = Head(
    session_id="k7m2q9xw", kernel_name="python3", display_name="Python 3", language="python"
)
NOTEBOOK = "work.ipynb"
KEY = b"k" * 32


def entry(number: int, code: str = "1 + 1", **more: Any) -> Entry:
    """An entry of a journal."""
    given: dict[str, Any] = {"status": "ok", "execution_count": number, "ended": 2.0, **more}
    return Entry(
        number=number,
        execution_id=f"k7m2q9xw-{number}",
        code=code,
        client="test",
        created=1.0,
        **given,
    )


def begun(number: int, code: str = "1 + 1") -> Entry:
    """The entry of code that runs."""
    return entry(number, code, status="running", execution_count=None, ended=None)


def run(story: Story, number: int, code: str = "1 + 1", outputs: tuple[Output, ...] = ()) -> None:
    """Have code begin and end."""
    story.begin(begun(number, code))
    story.end(entry(number, code), outputs)


def file(story: Story) -> Path:
    """The notebook with which a story begins."""
    return story.folder.path.parent / NOTEBOOK


def sources(data: bytes) -> list[str]:
    """The cells of a notebook, which is valid."""
    node = nbformat.reads(data.decode(), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    return [cell.source for cell in node.cells]
