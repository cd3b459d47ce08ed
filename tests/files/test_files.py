"""Files below Jupyter's root, on a disk and through a ContentsManager only."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument, ToolError
from jupyter_mcp_ext.files import file_words
from jupyter_mcp_ext.files.beneath import Changed
from jupyter_mcp_ext.files.disk import Disk
from jupyter_mcp_ext.files.files import McpFiles
from jupyter_mcp_ext.files.listing import FolderPage
from jupyter_mcp_ext.files.results import Binary, Download, FileImage, FileText, WrittenFile
from jupyter_mcp_ext.files.sensitive import SENSITIVE, Sensitive
from jupyter_mcp_ext.outputs.numbered import MAX_LINE
from jupyter_mcp_ext.rendering.rendering import Rendering
from tests import disks
from tests.users import nothing

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ROOM = 9_500


class Files:
    """The service with the shortest ways to call it."""

    def __init__(self, service: McpFiles) -> None:
        self.service = service

    async def list(self, path: str = ".", glob: str | None = None, **more: Any) -> FolderPage:
        given = {"folder": "", "hides": nothing, "offset": 0, "limit": 100, **more}
        return await self.service.listed(path, glob, **given)

    async def read(self, path: str, **more: Any) -> FileText | FileImage | Binary:
        given = {"folder": "", "hides": nothing, "offset": 1, "limit": 500, "room": ROOM, **more}
        return await self.service.read(path, **given)

    async def text(self, path: str, **more: Any) -> FileText:
        found = await self.read(path, **more)
        assert isinstance(found, FileText)
        return found

    async def write(self, path: str, content: str, **more: Any) -> WrittenFile:
        given = {"folder": "", "hides": nothing, "encoding": "text", "append": False, **more}
        return await self.service.write(path, content, **given)

    async def edit(self, path: str, old: str, new: str, **more: Any) -> Any:
        given = {"folder": "", "hides": nothing, "replace_all": False, **more}
        return await self.service.edit(path, old, new, **given)

    async def download(self, path: str, **more: Any) -> Download:
        given = {"folder": "", "hides": nothing, "offset": 0, "limit": 0, **more}
        return await self.service.download(path, **given)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))  # the manager's notary
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_text("not yours")
    return root


def made(contents: LargeFileManager, root: Path | None, **traits: Any) -> Files:
    return Files(McpFiles(contents, root, "/", Rendering(logging.getLogger(__name__)), **traits))


@pytest.fixture(params=[AsyncLargeFileManager, LargeFileManager])
def contents(request: pytest.FixtureRequest, root: Path) -> Iterator[LargeFileManager]:
    contents = request.param(root_dir=str(root))
    yield contents
    contents.notary.store.close()


@pytest.fixture
def disk(contents: LargeFileManager, root: Path) -> Files:
    return made(contents, root)


@pytest.fixture(params=["disk", "managed"])
def files(request: pytest.FixtureRequest, contents: LargeFileManager, root: Path) -> Files:
    return made(contents, root if request.param == "disk" else None)


def names(listing: FolderPage) -> list[str]:
    return [entry.path + ("/" if entry.kind == "folder" else "") for entry in listing.entries]


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# -- both ways --------------------------------------------------------------------------------


async def test_what_is_written_is_read_with_numbers_from_one_on(files: Files) -> None:
    written = await files.write("new/folder/a.txt", "one\ntwo\nthree\n")

    found = await files.text("new/folder/a.txt", offset=2, limit=1)

    assert (written.did, written.size) == ("made", 14)
    assert found.lines.lines == ("two",)
    assert (found.lines.first, found.lines.total, found.lines.has_more) == (2, 3, True)
    words, following = file_words.lines(found, limit=1)
    assert "\n2\ttwo\n" in words
    assert following == 'read_file("new/folder/a.txt", offset=3, limit=1)'


async def test_a_file_is_replaced_or_added_to(files: Files, root: Path) -> None:
    await files.write("a.txt", "one\n")

    replaced = await files.write("a.txt", "two\n")
    appended = await files.write("a.txt", "three\n", append=True)

    assert (root / "a.txt").read_text() == "two\nthree\n"
    assert (replaced.did, appended.did, appended.size) == ("replaced", "appended", 10)


async def test_base64_is_written_as_its_bytes(files: Files, root: Path) -> None:
    await files.write("a.bin", base64.encodebytes(bytes(range(256))).decode(), encoding="base64")

    assert (root / "a.bin").read_bytes() == bytes(range(256))


async def test_invalid_base64_is_refused_and_changes_nothing(files: Files, root: Path) -> None:
    with pytest.raises(InvalidArgument, match="not base64"):
        await files.write("new/a.bin", "no base64!", encoding="base64")

    assert everything(root) == []


async def test_a_text_is_edited_where_it_is(files: Files, root: Path) -> None:
    (root / "a.py").write_text("x = 1\ny = 2\n")

    path, edit = await files.edit("a.py", "y = 2", "y = 3")

    assert (root / "a.py").read_text() == "x = 1\ny = 3\n"
    assert path == "a.py"
    assert "-y = 2\n+y = 3" in edit.diff


async def test_an_image_is_an_image(files: Files, root: Path) -> None:
    (root / "dot.png").write_bytes(PNG)

    found = await files.read("dot.png")

    assert isinstance(found, FileImage)
    assert found.image.data == PNG
    assert file_words.image(found).startswith("[image dot.png 1x1 png, ")


@pytest.mark.parametrize("data", [bytes(range(256)), PNG[:30], b"\x7fELF\1\0"])
async def test_a_file_that_is_not_text_is_named_with_the_call_that_fetches_it(
    files: Files, root: Path, data: bytes
) -> None:
    (root / "a.png").write_bytes(data)

    found = await files.read("a.png")

    assert isinstance(found, Binary)
    assert 'download_file("a.png")' in file_words.binary(found)


async def test_a_listing_has_folders_first_and_nothing_hidden_or_secret(
    files: Files, root: Path
) -> None:
    for name in ("b.txt", "a.txt", ".env", ".hidden", "token.json", "z/tokens.json"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x")

    listing = await files.list()

    assert names(listing) == ["z/", "a.txt", "b.txt"]
    assert names(await files.list("z")) == ["z/tokens.json"]


async def test_a_glob_finds_files_at_any_depth(files: Files, root: Path) -> None:
    for name in ("a.py", "src/b.py", "src/deep/c.py", "src/d.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")

    assert names(await files.list(glob="*.py")) == ["a.py"]
    assert names(await files.list(glob="**/*.py")) == ["a.py", "src/b.py", "src/deep/c.py"]
    assert names(await files.list("src", "*/c.*")) == ["src/deep/c.py"]
    assert names(await files.list(glob="src/**")) == [
        "src/deep/",
        "src/b.py",
        "src/d.txt",
        "src/deep/c.py",
    ]


async def test_a_download_has_the_address_the_size_and_the_digest(files: Files, root: Path) -> None:
    data = bytes(range(256)) * 10
    (root / "a b.bin").write_bytes(data)

    found = await files.download("a b.bin", offset=250, limit=10)

    assert found.url == "/files/a%20b.bin"
    assert (found.size, found.sha256) == (2_560, hashlib.sha256(data).hexdigest())
    assert found.data == data[250:260]
    assert (
        'download_file("a b.bin", offset=260, limit=10)' in file_words.download(found, found.url)[0]
    )


async def test_paths_are_taken_from_the_folder_of_a_session(files: Files, root: Path) -> None:
    (root / "work").mkdir()

    await files.write("in/a.txt", "x", folder="work")

    assert everything(root) == ["work", "work/in", "work/in/a.txt"]
    assert names(await files.list(".", folder="work")) == ["work/in/"]
    with pytest.raises(ContentsError, match="not followed"):
        await files.read("../secret", folder="work")


@pytest.mark.parametrize("path", ["n.ipynb", "folder/N.IPYNB"])
async def test_a_notebook_is_not_written_as_text(files: Files, root: Path, path: str) -> None:
    with pytest.raises(ContentsError, match="create_notebook"):
        await files.write(path, "{}")
    with pytest.raises(ContentsError, match="create_notebook"):
        await files.edit(path, "a", "b")

    assert everything(root) == []


async def test_a_folder_is_not_written_over(files: Files, root: Path) -> None:
    (root / "folder").mkdir()

    for path in ("folder", "folder/", "."):
        with pytest.raises(ToolError, match="folder"):
            await files.write(path, "x")
    with pytest.raises(ContentsError, match="is a folder"):
        await files.read("folder")
    await files.write("a.txt", "x")
    with pytest.raises(ContentsError, match="is a file, not a folder"):
        await files.list("a.txt")

    assert everything(root) == ["a.txt", "folder"]


async def test_what_is_not_there_is_said_with_the_call_that_shows_what_is(files: Files) -> None:
    with pytest.raises(ContentsError, match=r'list_files\("\."\)'):
        await files.read("nosuch.txt")
    with pytest.raises(ContentsError, match="There is no folder"):
        await files.list("nosuch")


async def test_lines_behind_the_end_are_refused_with_their_number(files: Files) -> None:
    await files.write("a.txt", "one\ntwo")

    with pytest.raises(InvalidArgument, match="has 2 lines"):
        await files.read("a.txt", offset=3)
    await files.write("empty.txt", "")
    assert file_words.lines(await files.text("empty.txt"), limit=1)[0] == "empty.txt is empty"


async def test_what_is_over_the_limit_is_not_held(contents: LargeFileManager, root: Path) -> None:
    (root / "large.txt").write_text("line\n" * 10)
    files = made(contents, root, max_bytes=20)

    with pytest.raises(ContentsError, match="over the 20 B"):
        await files.edit("large.txt", "line", "x", replace_all=True)
    with pytest.raises(ContentsError, match="over the 20 B"):
        await files.write("new.txt", "x" * 21)
    assert (await files.text("large.txt")).lines.total == 10
    assert everything(root) == ["large.txt"]


# -- what must not be reached -----------------------------------------------------------------


def make_forbidden(root: Path) -> None:
    outside = root.parent / "outside"
    (root / "file").symlink_to(outside / "a.txt")
    (root / "folder").symlink_to(outside)
    (root / "new").symlink_to(outside / "new.txt")
    (root / "inner").mkdir()
    (root / ".hidden").write_text("not yours")
    (root / "secrets.yaml").write_text("not yours")
    (root / "harmless.txt").symlink_to(root / "secrets.yaml")
    (root / "plain.txt").symlink_to(root / ".hidden")
    os.mkfifo(root / "pipe")
    (root / "null").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as sock:
        before = Path.cwd()
        os.chdir(root)  # the address of a socket has a short limit
        sock.bind("socket")
        os.chdir(before)


@pytest.mark.parametrize(
    "path",
    [
        *("", " ", "..", "../outside/a.txt", "inner/../../outside/a.txt", "~/a.txt", "a\0b"),
        *("/etc/passwd", "//etc/passwd", "inner\\a.txt", "a/" * 600, "n" * 300),
        *("file", "folder/a.txt", "new", "null", "pipe", "socket"),
        *(".hidden", ".ssh/id", "secrets.yaml", "SECRETS.YAML", "harmless.txt", "plain.txt"),
    ],
)
async def test_what_is_forbidden_is_neither_read_nor_written(
    disk: Files, root: Path, path: str
) -> None:
    make_forbidden(root)
    before = everything(root.parent)

    for attempt in (
        disk.read(path),
        disk.write(path, "x"),
        disk.write(path, "x", append=True),
        disk.edit(path, "not", "all"),
        disk.download(path, limit=10),
        disk.list(path),
    ):
        with pytest.raises(ToolError) as refusal:
            await asyncio.wait_for(attempt, 60)
        assert "not yours" not in str(refusal.value)
        assert str(root.parent) not in str(refusal.value)

    assert everything(root.parent) == before
    assert (root.parent / "outside" / "a.txt").read_text() == "not yours"
    assert (root / "secrets.yaml").read_text() == "not yours"


class Swapping(LargeFileManager):
    """Another process puts a link in the way between the check of a path and its opening."""

    swap: Any = None

    def is_hidden(self, path: str) -> bool:
        answer = bool(super().is_hidden(path))  # type: ignore[no-untyped-call]  # jupyter_server has no types
        if self.swap is not None:
            self.swap()
        return answer


@pytest.mark.parametrize("is_folder", [True, False])
async def test_a_link_that_is_put_in_the_way_in_between_leads_nowhere(
    root: Path, *, is_folder: bool
) -> None:
    (root / "work").mkdir()
    (root / "work" / "a.txt").write_text("yours")
    outside = root.parent / "outside"

    def swap() -> None:
        if is_folder and not (root / "work").is_symlink():
            shutil.rmtree(root / "work")
            (root / "work").symlink_to(outside)
        elif not is_folder and not (root / "work" / "a.txt").is_symlink():
            (root / "work" / "a.txt").unlink()
            (root / "work" / "a.txt").symlink_to(outside / "a.txt")

    contents = Swapping(root_dir=str(root))
    files = made(contents, root)
    contents.swap = swap

    for attempt in ("read", "write", "append", "edit", "download", "list"):
        if (root / "work").is_symlink():
            (root / "work").unlink()
            (root / "work").mkdir()
        (root / "work" / "a.txt").unlink(missing_ok=True)
        (root / "work" / "a.txt").write_text("yours")
        call = {
            "read": lambda: files.read("work/a.txt"),
            "write": lambda: files.write("work/a.txt", "x"),
            "append": lambda: files.write("work/a.txt", "x", append=True),
            "edit": lambda: files.edit("work/a.txt", "not", "all"),
            "download": lambda: files.download("work/a.txt", limit=10),
            "list": lambda: files.list("work/a.txt" if not is_folder else "work"),
        }[attempt]
        with pytest.raises(ToolError) as refusal:
            await call()  # type: ignore[no-untyped-call]  # jupyter_server has no types
        assert "not yours" not in str(refusal.value)
        assert str(root.parent) not in str(refusal.value)
    contents.notary.store.close()
    assert (outside / "a.txt").read_text() == "not yours"
    assert everything(outside) == ["a.txt"]


async def test_a_link_beneath_the_root_is_followed_and_stays(disk: Files, root: Path) -> None:
    (root / "data").mkdir()
    (root / "data" / "a.txt").write_text("one\n")
    (root / "short").symlink_to("data")
    (root / "direct.txt").symlink_to("data/a.txt")

    await disk.write("direct.txt", "two\n")
    await disk.edit("short/a.txt", "two", "three")

    assert (await disk.text("direct.txt")).lines.lines == ("three",)
    assert (root / "direct.txt").is_symlink()
    assert names(await disk.list("short")) == ["data/a.txt"]


def kept_at(place: str) -> Callable[[str], bool]:
    return lambda path: path == place


async def test_a_folder_that_is_apart_is_last(files: Files, root: Path) -> None:
    for folder in ("kept", "later"):
        (root / folder).mkdir()
    (root / "a.txt").touch()

    assert names(await files.list(is_apart=kept_at("kept"))) == ["later/", "a.txt", "kept/"]


@pytest.mark.parametrize("where", ["kept", "some/kept"])
async def test_a_glob_looks_into_a_folder_that_is_apart_when_it_names_it(
    files: Files, root: Path, where: str
) -> None:
    for folder in (f"{where}/abc", "work"):
        (root / folder).mkdir(parents=True)
        (root / folder / "a.ipynb").touch()

    without = await files.list(glob="**/*.ipynb", is_apart=kept_at(where))
    asked = await files.list(glob=f"{where}/**/*.ipynb", is_apart=kept_at(where))
    inside = await files.list(where, glob="**/*.ipynb", is_apart=kept_at(where))

    assert names(without) == ["work/a.ipynb"]
    assert without.passed == where
    for found in (asked, inside):
        assert names(found) == [f"{where}/abc/a.ipynb"]
        assert found.passed == ""
    words, _ = file_words.listing(without, glob="**/*.ipynb", limit=100, room=9_000)
    assert f'list_files("{where}", glob="**/*.ipynb")' in words
    assert (await files.list(glob="w*/*.ipynb", is_apart=kept_at(where))).passed == ""


async def test_a_listing_says_nothing_of_where_a_link_leads_outside(
    disk: Files, root: Path
) -> None:
    (root / "out").symlink_to(root.parent / "outside" / "a.txt")

    [entry] = (await disk.list()).entries

    assert (entry.kind, entry.size, entry.modified) == ("link", None, None)


@pytest.mark.parametrize(
    ("path", "is_secret"),
    [
        ("token.json", True),
        ("work/.env.local", True),
        ("home/.ssh/config", True),
        ("credentials.yml", True),
        ("ID_RSA", True),
        ("tokenizer/tokens.json", False),
        ("tokenizer/token_counts.json", False),
        ("secret/plan.md", False),
        ("my_token.json", False),
        ("environment.yml", False),
    ],
)
def test_secrets_are_known_by_whole_names(path: str, is_secret: bool) -> None:
    assert (path in Sensitive(SENSITIVE)) is is_secret


async def test_the_list_of_secrets_is_the_operators(contents: LargeFileManager, root: Path) -> None:
    (root / "token.json").write_text("a word")
    files = made(contents, root, sensitive=["private/"])

    assert (await files.text("token.json")).lines.lines == ("a word",)
    with pytest.raises(ContentsError, match="secrets"):
        await files.write("a/private/b.txt", "x")


# -- the disk ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o750, 0o6750], ids=["plain", "setuid"])
async def test_a_file_that_is_replaced_keeps_its_permissions_but_runs_as_no_other_account(
    disk: Files, root: Path, mode: int
) -> None:
    (root / "run.sh").write_text("true\n")
    (root / "run.sh").chmod(mode)

    await disk.write("run.sh", "false\n")
    await disk.edit("run.sh", "false", "true")

    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o750
    assert everything(root) == ["run.sh"]


async def test_a_file_that_was_written_since_it_was_read_is_not_replaced(root: Path) -> None:
    (root / "a.txt").write_text("one\n")
    storage = Disk(root)
    before = await storage.read("a.txt", 100)
    (root / "a.txt").write_text("a person's\n")

    with pytest.raises(Changed):
        await storage.write("a.txt", b"two\n", over=before)

    assert (root / "a.txt").read_text() == "a person's\n"
    assert everything(root) == ["a.txt"]


class Busy(LargeFileManager):
    """Another process writes a file right after it was read."""

    def get(self, path: str, *args: Any, **kwargs: Any) -> Any:
        model = super().get(path, *args, **kwargs)  # type: ignore[no-untyped-call]  # jupyter_server has no types
        if model["content"] is not None:
            (Path(self.root_dir) / path).write_text("a person's\n")
        return model


async def test_an_edit_of_a_file_that_another_program_changes_is_not_made(root: Path) -> None:
    (root / "a.txt").write_text("one\n")
    contents = Busy(root_dir=str(root))

    with pytest.raises(ContentsError, match="by another program"):
        await made(contents, None).edit("a.txt", "one", "two")

    contents.notary.store.close()
    assert (root / "a.txt").read_text() == "a person's\n"


async def test_edits_of_one_file_at_once_are_all_made(disk: Files, root: Path) -> None:
    (root / "a.txt").write_text("".join(f"<{n}>\n" for n in range(20)))

    await asyncio.gather(*(disk.edit("a.txt", f"<{n}>", f"[{n}]") for n in range(20)))

    assert (root / "a.txt").read_text() == "".join(f"[{n}]\n" for n in range(20))


async def test_text_in_another_encoding_is_shown_and_said_but_not_edited(
    disk: Files, root: Path
) -> None:
    (root / "a.txt").write_bytes("Größe\nWeiß\n".encode("latin-1"))

    words, _ = file_words.lines(await disk.text("a.txt"), limit=500)

    assert "not all of it is UTF-8" in words
    with pytest.raises(ContentsError, match="not UTF-8"):
        await disk.edit("a.txt", "e", "x")


async def test_long_lines_and_long_pages_are_cut_and_the_rest_is_counted(
    disk: Files, root: Path
) -> None:
    (root / "a.txt").write_text("é" * 5_000_000 + "\n" + ("x" * 100 + "\n") * 200)

    first = (await disk.text("a.txt", limit=1)).lines
    page = (await disk.text("a.txt", offset=2)).lines

    assert (first.lines[0], first.rests[0]) == ("é" * MAX_LINE, 5_000_000 - MAX_LINE)
    assert first.is_utf8
    assert len("\n".join(page.lines)) < ROOM
    assert page.has_more
    assert page.total == 201


@pytest.fixture
def small_disk(root: Path) -> Iterator[Path]:
    with disks.small_disk(root / "small", kilobytes=64, file_bytes=25_000) as folder:
        yield folder


async def test_a_full_disk_is_said_and_leaves_what_was(disk: Files, small_disk: Path) -> None:
    (small_disk / "a.txt").write_text("before\n")

    for path, append in (("a.txt", False), ("a.txt", True), ("new/deep/b.txt", False)):
        with pytest.raises(ContentsError, match=r"disk is full|larger than"):
            await disk.write(f"small/{path}", "x" * 100_000, append=append)
    with pytest.raises(ContentsError, match=r"disk is full|larger than"):
        await disk.edit("small/a.txt", "before", "x" * 100_000)

    assert everything(small_disk) == ["a.txt"]
    assert (small_disk / "a.txt").read_text() == "before\n"


async def test_a_page_deep_in_a_large_file_comes_soon_and_delays_no_other_call(
    disk: Files, root: Path
) -> None:
    with (root / "large.log").open("wb") as file:
        block = b"".join(b"%07d %s\n" % (n, b"x" * 92) for n in range(1_000))
        for _ in range(1_000):
            file.write(block)
    began = time.process_time()  # of all threads; others may have the processors for seconds

    found = await disk.text("large.log", offset=900_000, limit=101)

    assert len(found.lines.lines) < 101  # the budget of a result
    assert found.lines.lines[0].startswith("0000999 ")
    assert time.process_time() - began < 10


@pytest.mark.parametrize("end", ["", "\nlast\n"])
async def test_a_long_line_is_read_to_its_end_by_the_calls_that_are_named(
    files: Files, end: str
) -> None:
    line = "".join(f"{n}é," for n in range(6_000))
    await files.write("a.json", f"[\n{line}{end}")
    words, _ = file_words.lines(await files.text("a.json"), limit=500)
    [call] = re.findall(r"of this line left out: (.*)", words)
    seen = words.splitlines()[2].partition("\t")[2]
    assert f"… {len(line) - MAX_LINE:,} characters of this line left out: " in words

    while call:
        column = len(seen)
        assert call == f'read_file("a.json", offset=2, column={column})'
        words, _ = file_words.lines(await files.text("a.json", offset=2, column=column), limit=500)
        assert len(words) < ROOM + 200
        seen += words.splitlines()[1].partition("\t")[2]
        call = "".join(re.findall(r"of this line left out: (.*)", words))

    assert seen == line
    assert ("3\tlast" in words) == bool(end)


async def test_a_line_of_another_encoding_is_counted_as_it_is_shown(
    disk: Files, root: Path
) -> None:
    (root / "a.txt").write_bytes(b"\xe9" * 3_000 + b"\n")

    first = (await disk.text("a.txt")).lines
    rest = (await disk.text("a.txt", column=MAX_LINE)).lines

    assert (first.rests, first.is_utf8) == ((1_000,), False)
    assert rest.lines == ("\ufffd" * 1_000,)


async def test_invisible_characters_are_left_out_named_and_passed_over_by_edits(
    files: Files,
) -> None:
    await files.write("a.py", "\ufeffplain = 1\nad\u200bmin = \u202e2\U000e0041\nlast = 3\n")

    words, _ = file_words.lines(await files.text("a.py"), limit=500)
    path, edit = await files.edit("a.py", "admin = 2\nlast", "user = 2\nlast")
    after, _ = file_words.lines(await files.text("a.py"), limit=500)

    assert words.splitlines()[1:] == [
        "! invisible characters are left out in line 2: U+200B, U+202E, U+E0041; "
        "edit_file finds text that has them without them",
        "1\tplain = 1",
        "2\tadmin = 2",
        "3\tlast = 3",
    ]
    said = file_words.edited(path, edit)
    assert "! old_string did not fit exactly; invisible characters were passed over" in said
    assert "-ad\\u200bmin = \\u202e2\\udb40\\udc41\n" in said
    assert after.splitlines()[1:] == ["1\tplain = 1", "2\tuser = 2", "3\tlast = 3"]


async def test_an_edit_that_names_invisible_characters_exactly_is_made_exactly(
    files: Files,
) -> None:
    await files.write("a.txt", "a\u200bb ab\n")

    _, edit = await files.edit("a.txt", "a\u200bb", "c")

    assert (edit.text, edit.how) == ("c ab\n", "")


async def test_no_invisible_character_of_a_name_is_shown(disk: Files, root: Path) -> None:
    name = "a\u202eb\u3164\n[ok].txt"
    (root / name).write_text("x")
    spelled = r"a\u202eb\u3164\n[ok].txt"

    words, _ = file_words.listing(await disk.list(), glob=None, limit=9, room=9_000)

    assert spelled in words
    assert len(words.splitlines()) == 2
    with pytest.raises(ContentsError) as refusal:
        await disk.text("a\u202eb.txt")
    assert r"a\u202eb.txt" in str(refusal.value)
    assert "\u202e" not in str(refusal.value)


async def test_a_large_folder_is_paged_in_order(disk: Files, root: Path) -> None:
    for n in range(5_000):
        (root / f"{n:05}.txt").touch()

    page = await disk.list(offset=4_990, limit=100)

    assert names(page) == [f"{n:05}.txt" for n in range(4_990, 5_000)]
    assert page.total == 5_000
    words, shown = file_words.listing(await disk.list(limit=50), glob=None, limit=50, room=10_000)
    assert shown == 50
    assert words.endswith('more: list_files(".", offset=50, limit=50)')


async def test_a_file_that_is_not_there_offers_what_is_named_like_it(files: Files) -> None:
    await files.write("data/orders.csv", "a\n")
    await files.write("root.csv", "a\n")

    with pytest.raises(ContentsError, match=r"order.csv\". Did you mean 'orders.csv'"):
        await files.read("data/order.csv")
    with pytest.raises(ContentsError, match=r"no folder \"dat\". Did you mean 'data'"):
        await files.read("dat/orders.csv")
    with pytest.raises(ContentsError, match=r'but "root.csv" is in Jupyter\'s root'):
        await files.read("root.csv", folder="data")
    with pytest.raises(ContentsError, match='no file "data/zzz"'):
        await files.read("data/zzz")


async def test_what_is_hidden_is_not_offered(files: Files) -> None:
    await files.write("data/orders.csv", "a\n")

    with pytest.raises(ContentsError) as refused:
        await files.read("data/order.csv", hides=lambda path: path == "data/orders.csv")

    assert "Did you mean" not in str(refused.value)
