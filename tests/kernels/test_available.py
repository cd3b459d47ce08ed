"""The memory that is left for further kernels."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from jupyter_mcp_ext.kernels.available import FILES, available, left_in


def group(folder: Path, version: int, limit: str, used: int, cached: int) -> None:
    """The files of a control group."""
    folder.mkdir(exist_ok=True)
    limits, usage, name = FILES[version]
    (folder / limits).write_text(f"{limit}\n")
    (folder / usage).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{name} {cached}\n")


@pytest.mark.parametrize("version", [1, 2])
def test_the_limits_of_a_container_and_of_those_around_it_count(
    tmp_path: Path, version: int
) -> None:
    group(tmp_path / "outer", version, "2000", used=1500, cached=100)
    group(tmp_path / "outer/inner", version, "1000", used=300, cached=50)

    assert list(left_in(version, tmp_path / "outer/inner")) == [750, 600]


def test_a_group_without_a_limit_does_not_count(tmp_path: Path) -> None:
    group(tmp_path, 2, "max", used=1500, cached=100)

    assert list(left_in(2, tmp_path)) == []


def test_no_more_is_left_than_the_machine_has() -> None:
    assert 0 < available() <= psutil.virtual_memory().total
