"""Executions on a disk that becomes full, and has room again."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp_ext.executions.record import ExecutionRecord
from jupyter_mcp_ext.executions.storage import ExecutionStorage
from jupyter_mcp_ext.outputs.folding.fold import OutputFold
from tests.disks import small_disk

LINE = {"name": "stdout", "text": "y" * 200_000}
SHORT = {"name": "stdout", "text": "more\n"}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", kilobytes=2_000, file_bytes=150_000) as folder:
        yield folder


def record(execution_id: str, status: str = "running") -> ExecutionRecord:
    return ExecutionRecord(
        execution_id=execution_id,
        session_id="abcdefgh",
        kernel_id="k",
        kernel_name="python3",
        code="1",
        owner="alice",
        client="test",
        created=1.0,
        status=status,
    )


def fill(folder: Path) -> Path:
    """Leave no room; where only files are small, that is so already."""
    filler = folder / "filler"
    if shutil.disk_usage(folder).total < 10_000_000:
        filler.write_bytes(b"z" * shutil.disk_usage(folder).free)
    return filler


def put(storage: ExecutionStorage, execution_id: str, fold: OutputFold, content: object) -> None:
    fold.feed("stream", content)
    storage.message(execution_id, fold, ("stream", content))


async def test_what_could_not_be_written_is_kept_and_written_when_there_is_room(
    small: Path,
) -> None:
    storage, fold = ExecutionStorage(small, "/root", logging.getLogger()), OutputFold()
    storage.open()
    storage.begin(record("abcdefgh-1"))
    await storage.flush()
    filler = fill(small)

    put(storage, "abcdefgh-1", fold, LINE)
    await storage.flush()

    assert storage.fault
    assert not storage.has("abcdefgh-1")

    if not filler.exists():  # only files are small here: the output gets smaller
        fold.feed("clear_output", {"wait": False})
    filler.unlink(missing_ok=True)
    put(storage, "abcdefgh-1", fold, SHORT)
    await storage.flush()
    storage.end(record("abcdefgh-1", "ok"), fold)
    await storage.flush()

    assert storage.fault == ""
    assert storage.has("abcdefgh-1")
    assert storage.outputs("abcdefgh-1", 0).outputs == fold.outputs


async def test_an_execution_that_ends_on_a_full_disk_keeps_no_other_from_being_written(
    small: Path,
) -> None:
    storage, fold = ExecutionStorage(small, "/root", logging.getLogger()), OutputFold()
    storage.open()
    storage.begin(record("abcdefgh-1"))
    filler = fill(small)
    put(storage, "abcdefgh-1", fold, LINE)
    storage.end(record("abcdefgh-1", "ok"), fold)
    await storage.flush()
    assert not storage.has("abcdefgh-1")

    filler.unlink(missing_ok=True)
    other = OutputFold()
    storage.begin(record("abcdefgh-2"))
    put(storage, "abcdefgh-2", other, SHORT)
    storage.end(record("abcdefgh-2", "ok"), other)
    await storage.flush()

    assert storage.fault == ""
    assert storage.has("abcdefgh-2")
    assert not storage.has("abcdefgh-1")
    storage.forget("abcdefgh-1")
    assert storage.outputs("abcdefgh-2", 0).outputs == other.outputs
