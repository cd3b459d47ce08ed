"""Files that arrive in parts: whole or not at all, whatever is killed, and without litter."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.files.disk import Disk
from jupyter_mcp_ext.files.drafts import DiskDrafts, ManagedDrafts, draft_name
from jupyter_mcp_ext.files.gate import Gate
from jupyter_mcp_ext.files.managed import Managed
from jupyter_mcp_ext.files.storage import FileStorage
from jupyter_mcp_ext.files.uploads import InThreads, Part, Received, Uploads

ID, OTHER = "0123456789abcdef", "fedcba9876543210"


class Sending:
    """Sends parts to one storage."""

    def __init__(self, root: Path, *, is_managed: bool) -> None:
        self.root = root
        contents = AsyncLargeFileManager(root_dir=str(root))
        self.uploads = (
            self._managed(contents)
            if is_managed
            else Uploads(Gate(contents, root, ()), Disk(root), InThreads(DiskDrafts(root)))
        )

    def _managed(self, contents: AsyncLargeFileManager) -> Uploads:
        files = Managed(contents, 1_000)
        storage: FileStorage = files
        return Uploads(Gate(contents, None, ()), storage, ManagedDrafts(contents, files, 1_000))

    async def part(
        self,
        name: str,
        data: bytes,
        *,
        upload: str = ID,
        offset: int = 0,
        whole: bytes | None = None,
        overwrite: bool = False,
    ) -> Received:
        part = Part(
            upload=upload,
            content=b64encode(data).decode(),
            offset=offset,
            sha256="" if whole is None else hashlib.sha256(whole).hexdigest(),
            overwrite=overwrite,
        )
        return await self.uploads.receive(name, part, folder="", hides=lambda _: False)

    async def drop(self, name: str, upload: str = ID) -> None:
        await self.uploads.drop(name, upload, folder="", hides=lambda _: False)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.root))  # noqa: PTH208  # hidden ones too


@pytest.fixture(params=["disk", "managed"])
def sending(request: pytest.FixtureRequest, tmp_path: Path) -> Sending:
    return Sending(tmp_path, is_managed=request.param == "managed")


async def test_a_file_has_its_name_when_its_last_part_has_come(sending: Sending) -> None:
    await sending.part("a/b.bin", b"\xff\x00")
    assert not (sending.root / "a/b.bin").exists()
    done = await sending.part("a/b.bin", b"end", offset=2, whole=b"\xff\x00end")

    assert (sending.root / "a/b.bin").read_bytes() == b"\xff\x00end"
    assert (done.path, done.size, done.is_whole) == ("a/b.bin", 5, True)
    assert os.listdir(sending.root / "a") == ["b.bin"]  # noqa: PTH208


async def test_what_is_there_stays_until_the_new_file_is_whole(sending: Sending) -> None:
    file = sending.root / "a.txt"
    file.write_text("old")
    await sending.part("a.txt", b"ne", overwrite=True)
    assert file.read_text() == "old"

    await sending.part("a.txt", b"w", offset=2, whole=b"new", overwrite=True)

    assert file.read_text() == "new"
    assert sending.names() == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
async def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    sending = Sending(tmp_path, is_managed=False)
    (tmp_path / "run.sh").write_text("old")
    (tmp_path / "run.sh").chmod(0o750)

    await sending.part("run.sh", b"new", whole=b"new", overwrite=True)

    assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o750


async def test_what_arrives_otherwise_than_it_was_sent_is_not_saved(sending: Sending) -> None:
    (sending.root / "a.txt").write_text("old")

    with pytest.raises(ContentsError, match="did not arrive as it was sent"):
        await sending.part("a.txt", b"new", whole=b"other", overwrite=True)

    assert (sending.root / "a.txt").read_text() == "old"
    assert sending.names() == ["a.txt"]


async def test_a_name_that_is_taken_at_the_last_moment_is_not_overwritten(
    sending: Sending,
) -> None:
    await sending.part("a.txt", b"ne")
    (sending.root / "a.txt").write_text("a person's")

    with pytest.raises(ContentsError, match="exists already"):
        await sending.part("a.txt", b"w", offset=2, whole=b"new")

    assert (sending.root / "a.txt").read_text() == "a person's"
    await sending.drop("a.txt")
    assert sending.names() == ["a.txt"]


async def test_of_two_uploads_to_a_name_the_one_that_began_last_is_saved(tmp_path: Path) -> None:
    sending = Sending(tmp_path, is_managed=False)
    await sending.part("a.txt", b"fi")
    await sending.part("a.txt", b"sec", upload=OTHER)

    with pytest.raises(ContentsError, match="another one to it began"):
        await sending.part("a.txt", b"rst", offset=2, whole=b"first")
    await sending.part("a.txt", b"ond", upload=OTHER, offset=3, whole=b"second")

    assert (tmp_path / "a.txt").read_text() == "second"
    assert sending.names() == ["a.txt"]


async def test_a_part_that_comes_twice_or_in_another_order_is_refused(sending: Sending) -> None:
    await sending.part("a.txt", b"abc")

    for offset in (2, 4):
        with pytest.raises(ContentsError, match="not known any more"):
            await sending.part("a.txt", b"d", offset=offset, whole=b"abcd")
    with pytest.raises(ContentsError, match="not known any more"):
        await sending.part("b.txt", b"d", offset=3)
    await sending.part("a.txt", b"d", offset=3, whole=b"abcd")

    assert (sending.root / "a.txt").read_text() == "abcd"


async def test_an_upload_that_is_taken_back_leaves_nothing(sending: Sending) -> None:
    await sending.part("a.txt", b"abc")
    await sending.drop("a.txt")
    await sending.drop("none/at.all")

    assert sending.names() == []


async def test_drafts_that_were_left_behind_go_with_the_next_upload(tmp_path: Path) -> None:
    sending = Sending(tmp_path, is_managed=False)
    killed, old, other = (
        tmp_path / draft_name(name, upload)
        for name, upload in (("a.txt", OTHER), ("b.txt", ID), ("c.txt", ID))
    )
    for draft in (killed, old, other):
        draft.write_text("half")
    os.utime(old, (0, 0))

    await sending.part("a.txt", b"new", whole=b"new")

    assert sending.names() == sorted([other.name, "a.txt"])


@pytest.mark.parametrize(
    ("path", "upload"), [("a.txt", ""), ("a.txt", "../x"), ("a.txt", "G" * 16), ("a/", ID)]
)
async def test_what_is_no_upload_is_refused(sending: Sending, path: str, upload: str) -> None:
    with pytest.raises(InvalidArgument):
        await sending.part(path, b"x", upload=upload)
    with pytest.raises(InvalidArgument):
        await sending.uploads.receive(
            "a.txt", Part(upload=ID, content="no base64!"), folder="", hides=lambda _: False
        )

    assert sending.names() == []


@pytest.mark.parametrize("path", ["../a.txt", "/etc/a.txt", ".hidden", "link/a.txt"])
async def test_an_upload_out_of_the_root_is_refused(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    sending = Sending(root, is_managed=False)

    with pytest.raises(ContentsError):
        await sending.part(path, b"x", whole=b"x")

    assert sorted(os.listdir(tmp_path)) == ["root"]  # noqa: PTH208


KILLED = r"""
import hashlib, os, signal, sys
from pathlib import Path
from jupyter_mcp_ext.files.drafts import DiskDrafts

folder, overwrite = Path(sys.argv[1]), sys.argv[2] == "True"
new, old = b"new" * 1000, b"old"
STEPS = ("open", "os.rename", "os.link", "os.remove", "os.chmod", "os.mkdir")

def upload(number):
    drafts = DiskDrafts(folder)
    name = f"{number:016x}"
    drafts.add("a.txt", name, new[:1500], 0)
    drafts.add("a.txt", name, new[1500:], 1500)
    drafts.publish("a.txt", name, hashlib.sha256(new).hexdigest(), overwrite=overwrite)

def killed(at):
    steps = 0
    def step(event, arguments):
        nonlocal steps
        if event in STEPS:
            steps += 1
            if steps == at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(step)
    upload(at)
    os._exit(0)

at, left = 0, set()
while True:
    at += 1
    file = folder / "a.txt"
    file.unlink(missing_ok=True)
    if overwrite:
        file.write_bytes(old)
    pid = os.fork() or killed(at)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0:
        break
    found = file.read_bytes() if file.exists() else None
    assert found in (old if overwrite else None, new), (at, found)
    left.add(found)
    file.unlink(missing_ok=True)
    upload(10_000 + at)
    assert file.read_bytes() == new
    assert os.listdir(folder) == ["a.txt"], (at, os.listdir(folder))
print(at, len(left))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("overwrite", [True, False])
def test_kill_9_at_any_step_leaves_the_old_file_or_the_new_one_and_litter_goes_with_the_next(
    tmp_path: Path, overwrite: bool
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(overwrite)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    steps, states = map(int, ran.stdout.split())
    assert steps > 5
    assert states == 1 + (not overwrite)  # renaming is one step, linking has another after it
