"""The file that stays open to be appended to is the one of its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mcp_ext.sessions.disk.appended import AppendedFile
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    folder = SessionFolder(tmp_path, "sessions/k7m2q9xw")
    folder.make()
    return folder


@pytest.fixture
def path(folder: SessionFolder) -> Path:
    return folder.path / "lines"


@pytest.fixture
def file(folder: SessionFolder) -> AppendedFile:
    file = AppendedFile(folder, "lines")
    file.append(b"one\n")
    return file


def test_what_is_appended_is_at_the_end(file: AppendedFile, path: Path) -> None:
    file.append(b"two\n")
    file.close()
    file.append(b"three\n")

    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_nothing_is_written_to_a_file_that_was_replaced(file: AppendedFile, path: Path) -> None:
    path.rename(path.with_name("old"))
    path.write_bytes(b"new\n")

    file.append(b"two\n")

    assert path.read_bytes() == b"new\ntwo\n"
    assert path.with_name("old").read_bytes() == b"one\n"


def test_a_file_that_was_removed_is_made_again(file: AppendedFile, path: Path) -> None:
    path.unlink()

    file.append(b"two\n")

    assert path.read_bytes() == b"two\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_beside_a_folder_that_was_moved(
    file: AppendedFile, path: Path, tmp_path: Path
) -> None:
    path.parent.rename(tmp_path / "away")

    with pytest.raises(FileNotFoundError):
        file.append(b"two\n")

    assert (tmp_path / "away" / "lines").read_bytes() == b"one\n"


def test_nothing_is_written_through_a_link_in_its_place(
    file: AppendedFile, path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    path.rename(other)
    path.symlink_to(other)

    with pytest.raises(OSError):  # noqa: PT011  # its number differs between systems
        file.append(b"two\n")

    assert other.read_bytes() == b"one\n"


@pytest.mark.parametrize("is_open", [True, False])
def test_a_line_that_was_cut_off_gets_an_end(
    folder: SessionFolder, path: Path, *, is_open: bool
) -> None:
    file = AppendedFile(folder, "lines")
    if is_open:
        file.append(b"one\n")
    path.unlink(missing_ok=True)
    path.write_bytes(b"one\ncut o")

    file.append(b"two\n")

    assert path.read_bytes() == b"one\ncut o\ntwo\n"
