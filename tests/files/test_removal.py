"""Folders are measured and removed with what is in them, and nothing beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mcp_ext.files.beneath import opened
from jupyter_mcp_ext.files.removal import Extent, clear, extent, remove_tree


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "keep.txt").write_text("a person's")
    return folder


def test_all_that_is_in_a_folder_is_measured_and_removed(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (inner / "one").write_bytes(b"x" * 10)
    (tmp_path / "a" / "two").write_bytes(b"x" * 5)

    with opened(tmp_path, "a") as folder:
        assert extent(folder) == Extent(files=2, bytes=15)
        assert extent(folder, but=frozenset({"two"})) == Extent(files=1, bytes=10)
    with opened(tmp_path, "") as root:
        assert remove_tree(root, "a") == Extent(files=2, bytes=15)
        assert remove_tree(root, "a") == Extent()

    assert list(tmp_path.iterdir()) == []


def test_what_links_lead_to_stays(tmp_path: Path, outside: Path) -> None:
    made = tmp_path / "a"
    made.mkdir()
    (made / "folder").symlink_to(outside)
    (made / "file").symlink_to(outside / "keep.txt")
    os.link(outside / "keep.txt", made / "hard")

    with opened(tmp_path, "") as root:
        remove_tree(root, "a")

    assert not made.exists()
    assert (outside / "keep.txt").read_text() == "a person's"


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "a").symlink_to(outside)

    with opened(tmp_path, "") as root, pytest.raises(OSError, match="a"):
        remove_tree(root, "a")

    assert (outside / "keep.txt").exists()


def test_the_depth_of_a_folder_and_missing_rights_do_not_matter(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("deep", dir_fd=at)
        inner = os.open("deep", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.fchmod(at, 0o000)
    os.close(at)
    (tmp_path / "deep" / "deep").chmod(0o000)

    with opened(tmp_path, "") as root:
        remove_tree(root, "deep")

    assert list(tmp_path.iterdir()) == []


def test_some_names_can_stay(tmp_path: Path) -> None:
    for name in ("keep", "go"):
        (tmp_path / name).write_bytes(b"1")

    with opened(tmp_path, "") as root:
        assert clear(root, but=frozenset({"keep"})) == Extent(files=1, bytes=1)

    assert [path.name for path in tmp_path.iterdir()] == ["keep"]
