"""The journal of edits: what is kept, for whom, and what is not believed."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from jupyter_mcp_ext.notebooks.editing import journal as journal_module
from jupyter_mcp_ext.notebooks.editing.journal import MAX_FILE, MAX_LINE, EditJournal, Entry
from jupyter_mcp_ext.notebooks.editing.steps import Inserted


def journal(folder: Path, key: str = "key", root: str = "/root") -> EditJournal:
    return EditJournal(folder, root, lambda purpose: f"{key} {purpose}".encode())


def entry(source: str = "x", client: str = "test") -> Entry:
    step = Inserted(cell_id="a1", source=source)
    return Entry(client=client, tool="insert_cells", steps=(step,))


async def test_edits_are_there_after_a_restart_for_their_user_and_notebook(tmp_path: Path) -> None:
    first, second = entry("é"), entry("y")
    assert await journal(tmp_path).keep("alice", "a.ipynb", first)
    assert await journal(tmp_path).keep("alice", "a.ipynb", second)

    again = journal(tmp_path)

    assert await again.entries("alice", "a.ipynb") == [first, second]
    assert await again.entries("bob", "a.ipynb") == []
    assert await again.entries("alice", "b.ipynb") == []
    assert await journal(tmp_path, root="/other").entries("alice", "a.ipynb") == []
    await again.remove("alice", "a.ipynb", [second])
    assert await again.entries("alice", "a.ipynb") == [first]


async def test_what_another_has_written_is_not_believed(tmp_path: Path) -> None:
    await journal(tmp_path).keep("alice", "a.ipynb", entry())
    [file] = tmp_path.rglob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"x"', b'"y"') + b"{}\n[]\n\xff\n" + b"[" * 10**5)

    assert await journal(tmp_path).entries("alice", "a.ipynb") == []
    assert file.stat().st_mode & 0o777 == 0o600


async def test_the_file_stays_within_its_bounds(tmp_path: Path) -> None:
    kept = journal(tmp_path)
    for _ in range(8):
        assert await kept.keep("alice", "a.ipynb", entry("x" * (MAX_LINE - 1_000)))

    assert not await kept.keep("alice", "a.ipynb", entry("x" * MAX_LINE))
    [file] = tmp_path.rglob("*.jsonl")
    assert file.stat().st_size <= MAX_FILE + MAX_LINE
    assert len(await kept.entries("alice", "a.ipynb")) >= 2


@pytest.mark.parametrize("content", [b"", b"\n\n", b'{"version": 1}\n'])
async def test_a_broken_file_has_no_edits(tmp_path: Path, content: bytes) -> None:
    kept = journal(tmp_path)
    await kept.keep("alice", "a.ipynb", entry())
    [file] = tmp_path.rglob("*.jsonl")
    file.write_bytes(content)

    assert await kept.entries("alice", "a.ipynb") == []


async def test_what_was_edited_long_ago_is_removed(tmp_path: Path) -> None:
    await journal(tmp_path).keep("alice", "old.ipynb", entry())
    [old] = tmp_path.rglob("*.jsonl")
    os.utime(old, (0, 0))

    await journal(tmp_path).keep("alice", "new.ipynb", entry())

    assert not old.exists()
    assert len(list(tmp_path.rglob("*.jsonl"))) == 1


async def test_a_server_that_runs_for_long_looks_again_for_what_was_edited_long_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = journal(tmp_path)
    await kept.keep("alice", "old.ipynb", entry())
    [old] = tmp_path.rglob("*.jsonl")
    os.utime(old, (0, 0))
    await kept.keep("alice", "new.ipynb", entry())
    assert old.exists()

    monkeypatch.setattr(journal_module, "CLEAR", 0.0)  # a day has passed
    await kept.keep("alice", "new.ipynb", entry())

    assert not old.exists()


async def test_notebooks_are_known_by_their_paths_as_far_as_that_is_believed(
    tmp_path: Path,
) -> None:
    kept = journal(tmp_path)
    await kept.keep("alice", "a.ipynb", entry())
    await kept.keep("bob", "b.ipynb", entry())
    [folder] = {file.parent for file in tmp_path.rglob("*.jsonl")}
    for path in (5, "\ud800", "c.ipynb", ["d"]):
        forged = {"version": 1, "path": path, "client": "test", "tool": "", "at": 1.0, "steps": []}
        name = journal_module._name("alice", path)  # type: ignore[arg-type]  # as a kernel could
        (folder / name).write_text(json.dumps(forged))

    assert await kept.paths("alice") == ["a.ipynb"]
    assert await journal(tmp_path, key="other").paths("alice") == []


async def test_the_edits_of_one_client_go_to_another_path(tmp_path: Path) -> None:
    kept = journal(tmp_path)
    mine, others, later = entry("x"), entry("y", client="other"), entry("z")
    for path, one in (("a.ipynb", mine), ("a.ipynb", others), ("b.ipynb", later)):
        await kept.keep("alice", path, one)

    await kept.move("alice", "test", old="a.ipynb", new="b.ipynb")

    assert await kept.entries("alice", "b.ipynb") == [mine, later]
    assert await kept.entries("alice", "a.ipynb") == [others]
    await kept.move("alice", "other", old="a.ipynb", new="b.ipynb")
    assert await kept.paths("alice") == ["b.ipynb"]


async def test_edits_at_once_are_kept_in_their_order_and_one_that_is_too_large_alone_is_not(
    tmp_path: Path,
) -> None:
    kept = journal(tmp_path)
    made = [entry(f"x{n}") for n in range(30)]
    made[7] = entry("x" * MAX_LINE)

    waiting = [kept.keep("alice", "a.ipynb", one) for one in made]
    of_another = kept.keep("bob", "a.ipynb", made[0])

    assert await asyncio.gather(*waiting) == [n != 7 for n in range(30)]
    assert await of_another
    assert await kept.entries("alice", "a.ipynb") == [*made[:7], *made[8:]]
    assert await kept.entries("bob", "a.ipynb") == made[:1]


async def test_an_edit_whose_caller_no_longer_waits_is_kept(tmp_path: Path) -> None:
    kept = journal(tmp_path)
    waiting = asyncio.ensure_future(kept.keep("alice", "a.ipynb", made := entry()))
    await asyncio.sleep(0)
    waiting.cancel()

    await kept.close()

    assert await kept.entries("alice", "a.ipynb") == [made]
