"""delete_session on a disk that is full, and of sessions that could not be saved."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.disks import small_disk
from tests.engine import ALICE, running

from .test_deletion import delete, made


def fill(folder: Path, free: int) -> None:
    """Take what was free on a disk; of that, sessions may have taken some: then it is full too."""
    with suppress(OSError):
        (folder / "filler").write_bytes(b"z" * free)


async def test_on_a_full_disk_a_session_can_be_deleted_and_makes_room(jp_serverapp: Any) -> None:
    folder = Path(jp_serverapp.root_dir, "mcp-sessions")
    with small_disk(folder, kilobytes=4_000, file_bytes=1_000_000):
        async with running(jp_serverapp) as engine:
            work = await made(engine, "work")
            (work / "large").write_bytes(b"z" * 500_000)
            usage = shutil.disk_usage(folder)
            if usage.total < 10_000_000:
                fill(folder, usage.free)

            done, words = await delete(engine, "work")

            assert done, words
            assert not work.exists()
            if usage.total < 10_000_000:
                assert shutil.disk_usage(folder).free > 400_000


async def test_a_session_that_was_made_on_a_full_disk_is_deleted(jp_serverapp: Any) -> None:
    folder = Path(jp_serverapp.root_dir, "mcp-sessions")
    with small_disk(folder, kilobytes=4_000, file_bytes=1_000_000):
        async with running(jp_serverapp) as engine:
            usage = shutil.disk_usage(folder)
            if usage.total < 10_000_000:
                fill(folder, usage.free)
            session = (await engine.services.sessions.create(ALICE, name="work")).session
            await engine.run("x = 1", session_id="work")

            done, words = await delete(engine, "work")

            assert done, words
            assert not Path(jp_serverapp.root_dir, session.folder).exists()
            assert jp_serverapp.kernel_manager.list_kernel_ids() == []
            assert "There is no session" in (await delete(engine, "work"))[1]


async def test_a_session_that_could_not_be_saved_is_deleted_with_what_there_is(
    jp_serverapp: Any,
) -> None:
    Path(jp_serverapp.root_dir, "mcp-sessions").write_text("no folder")
    async with running(jp_serverapp) as engine:
        await engine.services.sessions.create(ALICE, name="work")
        await engine.run("x = 1", session_id="work")

        done, words = await delete(engine, "work")

        assert done, words
        assert "its kernel" in words
        assert "folder" not in words
        assert jp_serverapp.kernel_manager.list_kernel_ids() == []
        assert "There is no session" in (await delete(engine, "work"))[1]
