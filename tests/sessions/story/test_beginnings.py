"""Code is in the journal before it is sent, whatever else of the story is being written."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Literal

import psutil
import pytest

from jupyter_mcp_ext.outputs.model import Stream
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder
from jupyter_mcp_ext.sessions.story import journal_file
from jupyter_mcp_ext.sessions.story.story import Story

from .stories import HEAD, begun, entry


def numbers(folder: SessionFolder, what: Literal["begin", "end"] = "begin") -> list[int]:
    """The executions that have begun, or ended, as the journal has them."""
    lines = (folder.path / "journal.jsonl").read_text().splitlines()
    return [line[what] for line in map(json.loads, lines) if what in line]


def shown(folder: SessionFolder) -> list[str]:
    """The ids of the cells of its notebook."""
    notebook = json.loads((folder.path.parent / "work.ipynb").read_text())
    return [cell["id"] for cell in notebook["cells"]]


class Slow:
    """A story of which a notebook that people have open answers only when it may."""

    def __init__(self, root: Path) -> None:
        self.folder = SessionFolder(root, "sessions/k7m2q9xw")
        self.folder.make()
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        log = logging.getLogger("test")
        self.story = Story(
            self.folder, "work.ipynb", lambda: HEAD, log, key=lambda: b"k", live=self._live
        )

    async def _live(self, path: str) -> None:
        self.asked.set()
        await self.may_answer.wait()


async def test_code_begins_in_the_journal_while_the_notebook_is_being_written(
    tmp_path: Path,
) -> None:
    slow = Slow(tmp_path)
    await slow.story.begin(begun(1))
    slow.story.end(entry(1), ())
    await slow.asked.wait()

    await slow.story.begin(begun(2))

    assert numbers(slow.folder) == [1, 2]
    slow.may_answer.set()
    await slow.story.flush()


async def test_what_has_ended_is_in_the_journal_before_other_code_begins(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    await slow.story.begin(begun(1))
    slow.story.end(entry(1), ())
    await slow.asked.wait()  # the notebook is being written

    await slow.story.begin(begun(2))
    slow.story.end(entry(2), ())
    await slow.story.begin(begun(3))

    assert numbers(slow.folder, "end") == [1, 2]
    slow.may_answer.set()
    slow.story.end(entry(3), ())
    await slow.story.flush()
    assert shown(slow.folder) == ["k7m2q9xw-1", "k7m2q9xw-2", "k7m2q9xw-3"]


async def test_code_that_begins_while_the_journal_is_shortened_stays_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_file, "SHORT", 1_000)
    slow = Slow(tmp_path)
    slow.may_answer.set()
    for number in range(1, 60):
        done = slow.story.begin(begun(number))
        slow.story.end(entry(number), (Stream(name="stdout", text="x" * 1_000),))
        flushed = asyncio.create_task(slow.story.flush())
        await done
        await slow.story.begin(begun(1_000 + number))
        assert 1_000 + number in numbers(slow.folder)
        await flushed

    assert len((slow.folder.path / "journal.jsonl").read_bytes()) < 59 * 1_000
    assert set(numbers(slow.folder)) >= {1_000 + number for number in range(1, 60)}


async def test_nothing_is_written_of_code_that_begins_when_another_server_has_the_folder(
    tmp_path: Path,
) -> None:
    slow = Slow(tmp_path)
    await slow.story.begin(begun(1))
    slow.story.abandon()

    await slow.story.begin(begun(2))

    assert numbers(slow.folder) == [1]


async def test_code_begins_although_the_journal_cannot_be_written_and_that_is_told(
    tmp_path: Path,
) -> None:
    slow = Slow(tmp_path)
    await slow.story.begin(begun(1))
    slow.folder.path.rename(tmp_path / "away")

    await slow.story.begin(begun(2))

    assert slow.story.fault == "its folder is gone"


async def test_a_story_that_is_written_holds_no_file_open(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    slow.may_answer.set()
    await slow.story.begin(begun(1))
    slow.story.end(entry(1), ())

    await slow.story.flush()

    held = {Path(file.path) for file in psutil.Process().open_files()}
    assert slow.folder.path / "journal.jsonl" not in held
    await slow.story.begin(begun(2))
    assert numbers(slow.folder) == [1, 2]
