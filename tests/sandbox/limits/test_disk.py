"""How much disk a folder takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mcp_ext.sandbox.limits.bounds import Bounds
from jupyter_mcp_ext.sandbox.limits.disk import DiskUse, filled, open_up
from jupyter_mcp_ext.sandbox.limits.meter import Meter
from tests.disks import small_disk
from tests.sandbox.test_attacks import USER


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


def test_empty_files_take_room_too(tmp_path: Path) -> None:
    # A disk of its own, where one can be mounted: nothing else is removed from it meanwhile.
    with small_disk(tmp_path / "disk", kilobytes=1_024, file_bytes=1 << 20) as disk:
        before, filled_before = used(disk), filled(disk)
        for number in range(2_000):
            (disk / str(number)).touch()

        assert used(disk) - before >= 2_000 * 512
        assert filled(disk) - filled_before >= 2_000 * 512


HIDES = """
import os, sys
from pathlib import Path
from jupyter_mcp_ext.sandbox.limits.disk import DiskUse
top = Path(sys.argv[1])
for inner in (top / "closed", top / "closed/inner"):
    inner.mkdir()
    (inner / "file").write_bytes(bytes(1_000_000))
inner.chmod(0o200)
inner.parent.chmod(0)
print(DiskUse([top], 1 << 60).look(budget=60, most=60))
"""


def test_what_is_in_a_closed_folder_is_counted(tmp_path: Path) -> None:
    command = ["-c", HIDES, str(tmp_path)]
    if not os.geteuid():  # nothing is closed to root
        command = ["-m", "tests.sandbox.as_user", str(USER), str(tmp_path), *command]

    ran = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)

    assert int(ran.stdout) >= 2_000_000


def test_no_folder_elsewhere_is_opened_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/link").symlink_to(elsewhere)

    with pytest.raises(OSError, match="link"):
        open_up(str(tmp_path / "inner/link"), tmp_path / "inner")

    assert elsewhere.stat().st_mode & 0o777 == 0

    (tmp_path / "inner/link").unlink()
    (tmp_path / "inner/link").mkdir(mode=0)
    open_up(str(tmp_path / "inner/link"), tmp_path / "inner")
    assert (tmp_path / "inner/link").stat().st_mode & 0o777 == 0o500


HOLDS = """
import os, sys
os.chdir(sys.argv[1])
file = open("file", "wb", buffering=0)
again = os.dup(file.fileno())
os.unlink("file")
file.write(bytes(1_000_000))
named = open("named", "wb", buffering=0)
named.write(bytes(1_000_000))
print(flush=True)
input()
"""


def test_a_file_without_a_name_counts_while_it_is_open(tmp_path: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, **pipes) as started:  # type: ignore[call-overload]
        started.stdout.readline()
        meter = Meter(started.pid, Bounds(disk=1), group=None, folders=(tmp_path,))
        meter.look(0)
        started.kill()

    assert 2_000_000 <= meter.use.disk < 2_100_000


def test_what_is_written_during_a_walk_is_found_by_another(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for number in range(100):
            (tmp_path / name / str(number)).touch()
    disk = DiskUse([tmp_path], 1 << 60)
    disk.look(budget=0, most=0)
    for name in ("first", "second"):
        (tmp_path / name / "new").write_bytes(bytes(1_000_000))
    disk.touch()

    found = 0
    while not disk.is_complete:
        found = disk.look(budget=0, most=0)

    assert found >= 2_000_000


def test_what_an_execution_has_written_without_using_time_is_found(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as started:
        meter = Meter(started.pid, Bounds(disk=1), group=None, folders=(tmp_path,))
        for _ in range(2):
            meter.look(0)
        (tmp_path / "file").write_bytes(bytes(100_000))
        meter.begin()
        meter.end()
        meter.look(0)
        started.kill()

    assert meter.use.disk >= 100_000
