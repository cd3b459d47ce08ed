"""The folders in which sessions are found again, and other things among them."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.sessions.disk import store
from jupyter_mcp_ext.sessions.disk.lock import LOCK, FolderLock
from jupyter_mcp_ext.sessions.disk.record import SessionRecord
from jupyter_mcp_ext.sessions.disk.record import parse as record_of
from jupyter_mcp_ext.sessions.disk.store import MAX_TOLD, Disk, SessionStore
from jupyter_mcp_ext.sessions.story.composition import Head

KEY = b"k" * 32
NAMES = [f"aaaa{a}{b}{c}a" for a in "abcdefg" for b in "abcdefgh" for c in "abcdefgh"]


async def no_room(path: str) -> None:
    """No notebook is open in a room."""


@pytest.fixture
def made(tmp_path: Path) -> SessionStore:
    disk = Disk(root=tmp_path, key=lambda _: KEY, shared_subject="jupyter", live=no_room)
    return SessionStore(disk, "mcp-sessions", logging.getLogger("test"))


def record(session_id: str) -> bytes:
    return SessionRecord(
        id=session_id,
        jupyter_id=f"{session_id}-0000",
        name="work",
        owner="jupyter",
        client="tests",
        kernel_name="python3",
        path="a.ipynb",
        cwd="",
        restore="snapshot",
        created=1.0,
        last_used=1.0,
    ).to_bytes(KEY)


@pytest.fixture
def place(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def placed(session_id: str, content: bytes) -> Path:
        hidden = tmp_path / "mcp-sessions" / session_id / ".mcp"
        hidden.mkdir(parents=True, exist_ok=True)
        (hidden / "session.json").write_bytes(content)
        return hidden / "session.json"

    return placed


async def test_folders_without_a_session_are_not_all_looked_at_again(
    made: SessionStore,
    place: Callable[[str, bytes], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    looked: list[bytes] = []

    def parse(data: bytes, key: bytes) -> tuple[SessionRecord, bool]:
        looked.append(data)
        return record_of(data, key)

    monkeypatch.setattr(store, "parse", parse)
    for name in NAMES:
        place(name, b"broken")

    with caplog.at_level(logging.WARNING):
        assert await made.all() == []
        looked.clear()
        assert await made.all() == []

    assert len(looked) == store.AGAIN
    assert len(caplog.records) == MAX_TOLD + 1


async def test_a_session_among_many_broken_ones_is_found_when_it_comes_or_is_repaired(
    made: SessionStore, place: Callable[[str, bytes], Path]
) -> None:
    for name in NAMES:
        place(name, b"broken")
    await made.all()

    place("new23456", record("new23456"))
    place(NAMES[77], record(NAMES[77]))
    found = [s.id for _ in range(len(NAMES) // store.AGAIN + 1) for s in await made.all()]

    assert found[0] == "new23456"
    assert NAMES[77] in found


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "file", "sparse", "huge"])
async def test_what_is_in_the_place_of_a_record_or_folder_stops_no_search(
    made: SessionStore, place: Callable[[str, bytes], Path], tmp_path: Path, kind: str
) -> None:
    path = place("aaaabbbb", b"1" * 2_000_000)
    place("good2345", record("good2345"))
    if kind != "huge":
        path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "file":
            path.parent.rmdir()
            path.parent.write_text("x")
        case "sparse":
            with path.open("wb") as file:
                file.truncate(1_900_000_000)

    assert [session.id for session in await made.all()] == ["good2345"]


async def test_a_folder_whose_session_is_given_up_while_it_is_taken_is_let_go(
    made: SessionStore,
    place: Callable[[str, bytes], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = place("new23456", record("new23456"))
    [session] = await made.all()
    head = Head(session_id=session.id, kernel_name="python3", display_name="P", language="python")
    is_taken, may_return, take = threading.Event(), threading.Event(), FolderLock.take

    def taken(*arguments: Any) -> FolderLock:
        lock = take(*arguments)
        is_taken.set()
        may_return.wait()
        return lock

    monkeypatch.setattr(FolderLock, "take", taken)
    holding = asyncio.create_task(made.hold(session, lambda: head, lambda _: False))
    await asyncio.to_thread(is_taken.wait)
    holding.cancel()
    asyncio.get_running_loop().call_soon(may_return.set)
    with pytest.raises(asyncio.CancelledError):
        await holding

    assert "pid" not in file.with_name(LOCK).read_text()
