"""A session's folder, and the folder in it through which a kernel in a sandbox hands over files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mcp_ext.sandbox.confinement import HANDED
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder

NAME = "snapshot-0123456789abcdef.pickle"


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    made = SessionFolder(tmp_path, "session")
    made.make()
    (made.path / HANDED).mkdir()
    return made


ODD: dict[str, Callable[[Path], object]] = {
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a folder": lambda path: (path / "more").mkdir(parents=True),
    "a pipe": os.mkfifo,
    "a socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
}


def test_a_file_that_a_kernel_has_handed_over_is_taken(folder: SessionFolder) -> None:
    (folder.handed / NAME).write_bytes(b"variables")

    folder.take(NAME)

    assert folder.read(NAME, 100) == b"variables"
    assert list(folder.handed.iterdir()) == []


@pytest.mark.parametrize("kind", ODD)
def test_nothing_but_a_file_is_taken(folder: SessionFolder, kind: str) -> None:
    ODD[kind](folder.handed / NAME)

    with pytest.raises(OSError):  # noqa: PT011  # each has its own
        folder.take(NAME)

    assert [path.name for path in folder.path.iterdir()] == [HANDED]


def test_what_a_kernel_has_left_where_it_hands_over_is_listed_and_removed(
    folder: SessionFolder,
) -> None:
    (folder.handed / NAME).write_bytes(b"half of the variables")

    assert NAME in folder.names()
    folder.remove(NAME)

    assert list(folder.handed.iterdir()) == []
