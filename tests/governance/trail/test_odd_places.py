"""What is no audit file is left as it is, and named at the start."""

from __future__ import annotations

import gzip
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from jupyter_mcp_ext.governance.trail import head as heads
from jupyter_mcp_ext.governance.trail.chain import Signer
from jupyter_mcp_ext.governance.trail.check import check
from jupyter_mcp_ext.governance.trail.head import Head
from jupyter_mcp_ext.governance.trail.log_file import Bounds
from jupyter_mcp_ext.governance.trail.place import AuditUnusable
from jupyter_mcp_ext.governance.trail.reading import all_lines
from jupyter_mcp_ext.governance.trail.trail import McpAudit

from .files import KEY, Trail, add


def made(folder: Path, **settings: Any) -> McpAudit:
    given = {"path": str(folder / "audit.jsonl"), "head_path": str(folder / "head"), **settings}
    return McpAudit(key=lambda purpose: purpose.encode(), config=Config(McpAudit=given))


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)
        made.bind(path.name)


def link(path: Path) -> None:
    path.with_name("target").touch()
    path.symlink_to("target")


def linked_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [fifo, listening, Path.mkdir, link, linked_to_nothing, device])
@pytest.mark.parametrize("trait", ["path", "head_path"])
def test_what_is_no_file_is_named_with_its_trait_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, trait: str
) -> None:
    monkeypatch.chdir(tmp_path)
    odd = tmp_path / "odd"
    make(odd)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(AuditUnusable, match=rf"McpAudit\.{trait} '{odd}'") as raised:
        made(tmp_path, **{trait: str(odd)}).open((), is_confined=True)

    assert "name another" in str(raised.value)
    left = {path.name for path in tmp_path.iterdir()} - {path.name for path in before}
    assert left == set()


@pytest.mark.parametrize("text", ["a secret without an end", "one\ntwo", "{}\n", "\n", '{"a":1}'])
def test_a_file_that_is_no_audit_is_not_written_into(tmp_path: Path, text: str) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text(text)

    with pytest.raises(AuditUnusable, match=r"McpAudit\.path .* has something else in it"):
        made(tmp_path).open((), is_confined=True)

    assert file.read_text() == text


def test_a_head_is_not_the_audit_file_itself(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").touch()
    (tmp_path / "same").hardlink_to(tmp_path / "audit.jsonl")
    for head in ("audit.jsonl", "../" + tmp_path.name + "/audit.jsonl", "same", "audit.jsonl.lock"):
        with pytest.raises(AuditUnusable, match=r"McpAudit\.head_path"):
            made(tmp_path, head_path=f"{tmp_path}/{head}").open((), is_confined=True)


def test_two_servers_do_not_share_a_head(tmp_path: Path) -> None:
    first = made(tmp_path)
    first.open((), is_confined=True)

    with pytest.raises(AuditUnusable, match=rf"process {os.getpid()} writes into its head .*head"):
        made(tmp_path, path=str(tmp_path / "other.jsonl")).open((), is_confined=True)


def test_a_head_that_is_missing_or_forged_is_said_in_the_audit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trail = Trail(tmp_path / "log")
    trail.write("alice")
    trail.head.unlink()
    trail.write("bob")
    trail.head.write_text("forged")
    trail.write("carol")

    heads_said = [record.get("head") for record in trail.records if record["kind"] == "opened"]
    assert heads_said == [None, "was missing", "was forged"]
    assert "is missing" in caplog.text
    assert trail.broken == ""


def test_a_large_head_is_read_in_part_only(tmp_path: Path) -> None:
    path = tmp_path / "head"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(heads.ForgedHead):
        heads.read(path, Signer(KEY))


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_compressed_file_that_is_damaged_is_named(tmp_path: Path, damage: str) -> None:
    trail = Trail(tmp_path / "log")
    trail.write(*[str(number) for number in range(500)])
    data = gzip.compress(trail.path.read_bytes())
    half = len(data) // 2
    damaged = data[:half] if damage == "cut" else data[:half] + b"\0\xff" * 9 + data[half + 18 :]
    Path(f"{trail.path}.1.gz").write_bytes(damaged)
    trail.path.unlink()

    with pytest.raises(OSError, match=r"audit\.jsonl\.1\.gz"):
        list(all_lines(trail.path))


def test_a_check_during_which_old_files_are_removed_finds_nothing_wrong(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "log", Bounds(max_bytes=600, max_age=0.0, keep=2))
    file = trail.open()
    add(file, "alice")

    def head() -> Head | None:
        read = heads.read(trail.head, Signer(KEY))
        if file.last.number < 100:
            for number in range(50):
                add(file, str(number))
        return read

    found = check(trail.path, Signer(KEY), head)

    assert found.broken is None
    assert found.last.number > 50
    assert found.records < 20


def test_a_check_still_finds_a_file_that_another_has_removed(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "log", Bounds(max_bytes=600, max_age=0.0, keep=0))
    trail.write(*"abcdefgh")
    min(trail.folder.glob("audit.jsonl.0*")).unlink()

    found = check(trail.path, Signer(KEY), lambda: heads.read(trail.head, Signer(KEY)))

    assert found.broken is not None
    assert found.broken.why.startswith("missing")


def test_nothing_is_made_beside_a_head(tmp_path: Path) -> None:
    folder = tmp_path / "heads"
    folder.mkdir()
    (folder / "head").touch(mode=0o600)

    made(tmp_path, head_path=str(folder / "head")).open((), is_confined=True)

    assert [path.name for path in folder.iterdir()] == ["head"]
    assert '"head":1' in (folder / "head").read_text()
