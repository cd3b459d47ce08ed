"""On a disk that becomes full, saved variables stop first, then the story; code still runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.governance.life import LifeEvent
from jupyter_mcp_ext.sessions.disk.room import SNAPSHOTS, STORY
from jupyter_mcp_ext.sessions.notices import notices
from tests.disks import small_disk
from tests.engine import ALICE, running


def leave(folder: Path, share: float) -> None:
    """Fill a small disk up to a share of it."""
    filler = folder / "filler"
    filler.unlink(missing_ok=True)
    usage = shutil.disk_usage(folder)
    if usage.total < 10_000_000:  # else only files are small here
        filler.write_bytes(b"z" * max(usage.free - int(usage.total * share), 0))


async def test_variables_are_left_first_then_the_story_and_both_come_back(
    jp_serverapp: Any,
) -> None:
    folder = Path(jp_serverapp.root_dir, "mcp-sessions")
    with small_disk(folder, kilobytes=4_000, file_bytes=1_000_000):
        is_small = shutil.disk_usage(folder).total < 10_000_000
        async with running(jp_serverapp) as engine:
            told: list[LifeEvent] = []
            engine.services.life.add(told.append)
            sessions = engine.services.sessions
            session = (await sessions.create(ALICE, name="work")).session

            async def status(code: str, *, ends: bool) -> str:
                execution = await engine.run(code, session_id="work")
                assert session.story is not None
                await session.story.flush()
                fault = session.story.fault
                if ends:
                    await sessions.shutdown(session, by="test", now=False)
                return f"{execution.status}, {fault}, {session.record.not_saved}"

            leave(folder, 0.05)
            nearly = await status("x = id(0)", ends=True)
            [said] = notices(session, "reader", ())[-1:]

            leave(folder, 0)
            full = await status("y = id(1)", ends=False)
            leave(folder, 1)
            again = await status("z = id(2)", ends=True)

            if is_small:
                assert nearly == "ok, , full"
                assert "not being saved: the disk is full" in said
                assert "snapshot_refused" in [event.kind for event in told]
                assert full == "ok, the disk is full, "
            assert again == "ok, , "
            hidden = Path(jp_serverapp.root_dir, session.folder, ".mcp")
            assert (hidden / "snapshot.json").exists()
            node = Path(jp_serverapp.root_dir, session.notebook).read_text()
            assert [name in node for name in ("x = id", "y = id", "z = id")] == [True] * 3


def test_snapshots_leave_more_room_than_the_story(tmp_path: Path) -> None:
    assert SNAPSHOTS.room(tmp_path) < STORY.room(tmp_path) < shutil.disk_usage(tmp_path).free


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", kilobytes=100, file_bytes=10_000) as folder:
        leave(folder, 0)
        if shutil.disk_usage(folder).total < 10_000_000:
            with pytest.raises(OSError, match="No space left"):
                STORY.check(folder)
