"""How much disk a folder takes."""

from __future__ import annotations

from pathlib import Path

from jupyter_mcp_ext.sandbox.limits.disk import DiskUse


def used(folder: Path) -> int:
    """The bytes of a folder."""
    return DiskUse([folder], 1 << 60).look(budget=60, most=60)


def test_a_file_with_several_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = used(tmp_path)
    (tmp_path / "a/one").write_bytes(b"x" * 1_000_000)
    once = used(tmp_path)
    for name in ("a/two", "b/three"):
        (tmp_path / name).hardlink_to(tmp_path / "a/one")

    assert once - before >= 1_000_000
    assert once - 3 * 512 <= used(tmp_path) <= once
