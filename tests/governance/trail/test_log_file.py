"""The chain goes on over restarts, full files, files that are moved, and faults of the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mcp_ext.governance.trail.chain import Signer
from jupyter_mcp_ext.governance.trail.log_file import Bounds, Entry, LogFile
from jupyter_mcp_ext.governance.trail.place import AuditUnusable
from tests.disks import small_disk

from .files import KEY, Trail, add


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path / "log")


def test_the_chain_goes_on_after_a_restart(trail: Trail) -> None:
    trail.write("alice")
    trail.write("bob")

    assert trail.broken == ""
    assert [record.get("user") for record in trail.records] == [None, "alice", None, "bob"]


def test_the_chain_goes_on_after_a_server_that_was_killed(trail: Trail) -> None:
    trail.write("alice")
    with trail.path.open("a") as file:
        file.write('{"number":3,"at":"')

    trail.write("bob")

    assert trail.broken == ""
    assert trail.records[2]["torn"] == 18


def test_records_that_a_killed_server_did_not_put_into_the_head_count(trail: Trail) -> None:
    trail.write("alice")
    head = trail.head.read_bytes()
    trail.write("bob")
    trail.head.write_bytes(head)

    trail.write("carol")

    assert trail.broken == ""


def test_full_files_are_put_aside_and_the_latest_kept(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "log", Bounds(max_bytes=600, max_age=0.0, keep=2))

    trail.write(*"abcdefghij")

    names = sorted(path.name for path in trail.folder.iterdir())
    assert len([name for name in names if name.startswith("audit.jsonl.0")]) == 2
    assert trail.broken == ""
    assert trail.records[0]["number"] > 1

    oldest = next(path for path in sorted(trail.folder.glob("audit.jsonl.0*")))
    oldest.unlink()
    assert "missing" in trail.broken


def test_old_files_are_put_aside(trail: Trail) -> None:
    trail.write("alice")
    lines = trail.lines

    trail.bounds = Bounds(max_bytes=0, max_age=1e-9, keep=0)
    trail.write("bob")

    assert trail.lines[0] != lines[0]
    assert json.loads(trail.lines[0])["why"] == "age"
    assert trail.broken == ""


@pytest.mark.parametrize("is_there", [True, False])
def test_the_chain_goes_on_if_the_file_is_moved_or_removed(trail: Trail, is_there: bool) -> None:
    file = trail.open()
    add(file, "alice")
    aside = Path(f"{trail.path}.1")
    trail.path.rename(aside)
    if is_there:
        trail.path.touch()

    add(file, "bob")

    assert trail.broken == ""
    assert trail.records[2]["why"] == "the file before was moved or removed"
    aside.unlink()
    assert trail.broken.startswith("1 1 missing: 2 records")


def test_the_chain_goes_on_if_the_file_is_copied_and_cut(trail: Trail) -> None:
    file = trail.open()
    add(file, "alice")
    Path(f"{trail.path}.1").write_bytes(trail.path.read_bytes())
    os.truncate(trail.path, 0)

    add(file, "bob")

    assert trail.broken == ""
    assert trail.records[2]["why"] == "the file was cut from outside"


def test_the_chain_goes_on_if_the_file_is_moved_while_no_server_runs(trail: Trail) -> None:
    trail.write("alice")
    trail.path.rename(f"{trail.path}-20260101")

    trail.write("bob")

    assert trail.broken == ""
    assert len(trail.records) == 4


def test_a_cut_end_is_found_also_when_the_server_has_gone_on(trail: Trail) -> None:
    trail.write("alice", "bob")
    trail.replace(trail.lines[:2])

    trail.write("carol")

    assert trail.broken.startswith("3 3 missing: 1 record is not there before 4")
    assert trail.records[2]["missing"] == "3 to 3"


def test_another_process_that_has_the_file_is_named(trail: Trail) -> None:
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('has it', flush=True); sys.stdin.read()"
    )
    trail.path.touch()
    with subprocess.Popen(
        [sys.executable, "-c", code, f"{trail.path}.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()

        with pytest.raises(AuditUnusable, match=rf"process {other.pid} writes into it"):
            trail.open()
        other.communicate()


def test_a_lock_that_another_server_took_is_noticed(trail: Trail) -> None:
    file = trail.open()
    Path(f"{trail.path}.lock").unlink()
    trail.head.unlink()
    other = trail.open()

    with pytest.raises(AuditUnusable, match="writes into it"):
        add(file, "alice")
    other.close()
    add(file, "bob")
    assert trail.records[-1]["user"] == "bob"


def test_a_lock_that_was_removed_is_taken_again(trail: Trail) -> None:
    file = trail.open()
    Path(f"{trail.path}.lock").unlink()

    add(file, "alice")

    assert Path(f"{trail.path}.lock").exists()
    assert trail.broken == ""


def fill(file: LogFile) -> None:
    for number in range(1_000):
        add(file, str(number), text="x" * 900)


def test_a_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=64, file_bytes=64 << 10) as disk:
        trail = Trail(disk / "log")
        trail.head = tmp_path / "head"
        file = trail.open()
        with pytest.raises(OSError, match=r"No space|too large"):
            fill(file)
        written = file.last.number

        assert trail.check().broken is None
        assert trail.check().last.number == written
        assert trail.path.read_bytes().endswith(b"\n")


def test_a_folder_that_is_gone_and_comes_back_is_noticed(trail: Trail) -> None:
    file = trail.open()
    trail.folder.rename(trail.folder.with_name("away"))
    with pytest.raises(AuditUnusable, match="there is no folder"):
        add(file, "alice")

    trail.folder.with_name("away").rename(trail.folder)
    add(file, "bob")

    assert trail.broken == ""
    assert [record.get("user") for record in trail.records][-1] == "bob"


def test_a_clock_that_goes_back_is_said_and_changes_no_order(trail: Trail) -> None:
    file = trail.open()
    for at in (2e9, 1e9, 1e9 + 1):
        file.append([Entry(at=at, data={"kind": "call"})])

    assert [record.get("clock") for record in trail.records[1:]] == [
        None,
        "went back by 1000000000.000 s",
        None,
    ]
    assert [record["number"] for record in trail.records] == [1, 2, 3, 4]
    assert trail.broken == ""


def test_a_file_with_records_of_another_key_is_gone_on_with(
    trail: Trail, caplog: pytest.LogCaptureFixture
) -> None:
    trail.write("alice")
    trail.key = b"another key"

    trail.write("bob")

    assert "was not written with this server's key" in caplog.text
    assert len(trail.records) == 4
    found = trail.check().broken
    assert found is not None
    assert found.why.startswith("key differs")


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        'a"},"mac":"',
        "\u2028\u2029\x85",
        "\x1b[2K\x1b[1A",
        "\ud800",
        "nul\0",
        "x" * 10_000_000,
        "é" * 2_000,
    ],
)
def test_no_text_can_forge_a_line(trail: Trail, name: str) -> None:
    file = trail.open()
    add(file, name, files=[name] * 1_000)
    add(file, "bob")

    data = trail.path.read_bytes()
    assert data.isascii()
    assert len(data.splitlines()) == 3
    assert all(byte >= 0x20 for line in data.splitlines() for byte in line)
    assert len(data) < 1_000_000
    assert trail.broken == ""
    assert trail.records[1]["user"][:1_000] == name[:1_000]


def test_the_file_is_the_servers_alone(trail: Trail) -> None:
    trail.write("alice")

    assert trail.path.stat().st_mode & 0o777 == 0o600
    assert trail.head.stat().st_mode & 0o777 == 0o600
    assert KEY.hex() not in trail.path.read_text()
    assert Signer(KEY).name in trail.path.read_text()


def test_a_link_in_the_place_of_the_file_is_not_followed(trail: Trail) -> None:
    target = trail.folder / "target"
    target.touch()
    trail.path.symlink_to(target)

    with pytest.raises(OSError, match="symbolic links"):
        trail.open()
    assert target.read_bytes() == b""
