"""Copies that are interrupted, that meet each other, and that are large: whole or not at all."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from jupyter_mcp_ext.clients.bridge.allowed import Allowed, Draft, Place
from jupyter_mcp_ext.clients.bridge.connection import Connection
from jupyter_mcp_ext.clients.bridge.transfers import CHUNK, Failed, Transfers
from jupyter_mcp_ext.clients.servers import named_server
from tests import disks
from tests.mcp_client import NEW
from tests.servers import FRESH, JupyterServer, running_server

from .bridges import Bridge, bridged
from .programs import Program, served

NEWER, OLDER = os.urandom(2 * CHUNK + 1), os.urandom(CHUNK)
"""What takes three parts, and two."""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The folder of the client's machine that is allowed."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.bin").write_bytes(NEWER)
    return mine


def begin(bridge: Bridge, tool: str, **arguments: Any) -> int:
    """Begin to copy a file, with progress."""
    return bridge.send("tools/call", name=tool, arguments=arguments, _meta={"progressToken": "t"})


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden files too."""
    return sorted(os.listdir(folder))  # noqa: PTH208


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_a_bridge_that_is_killed_leaves_the_old_file_and_the_next_upload_its_own_only(
    server: JupyterServer, folder: Path, mine: Path, parts: int
) -> None:
    there = server.root_dir / "killed"
    there.mkdir(exist_ok=True)
    (there / "a.bin").write_bytes(OLDER)
    options = ("--allow-folder", str(mine))
    copied = {"local_path": "a.bin", "path": "killed/", "overwrite": True}
    with bridged(folder, *options, version=NEW) as bridge:
        assert not bridge.call("list_sessions").is_error
        begin(bridge, "upload_file", **copied)
        for _ in range(parts):
            bridge.notified("notifications/progress")
        bridge.process.kill()
        bridge.process.wait(20)
    assert (there / "a.bin").read_bytes() in (OLDER, NEWER)

    with bridged(folder, *options, version=NEW) as bridge:
        done = bridge.call("upload_file", **copied)

    assert not done.is_error, done.text
    assert (there / "a.bin").read_bytes() == NEWER
    assert names(there) == ["a.bin"]


def test_a_server_that_is_killed_keeps_the_old_file_and_the_next_upload_leaves_no_litter(
    tmp_path: Path, mine: Path
) -> None:
    copied = {"local_path": "a.bin", "overwrite": True}
    with bridged(tmp_path, "--allow-folder", str(mine), version=NEW) as bridge:
        with running_server(tmp_path) as server:
            (server.root_dir / "a.bin").write_bytes(OLDER)
            begun = begin(bridge, "upload_file", **copied)
            bridge.notified("notifications/progress")
            server.process.kill()
            server.process.wait(20)
            told = str(bridge.answer(begun))
        with running_server(tmp_path) as again:
            found = (again.root_dir / "a.bin").read_bytes()
            done = bridge.call("upload_file", **copied)
            left = names(again.root_dir)

    assert found in (OLDER, NEWER)
    assert "Error: " in told or found == NEWER
    assert not done.is_error, done.text
    assert left == ["a.bin"]
    assert (again.root_dir / "a.bin").read_bytes() == NEWER


def test_a_download_of_a_bridge_that_was_killed_is_cleared_and_one_that_goes_on_is_not(
    mine: Path,
) -> None:
    allowed = Allowed([str(mine)], 10**9)
    left = mine / ".jupyter-download-000000000000.part"
    left.write_bytes(b"half")
    with allowed.writing(allowed.place("one.txt"), overwrite=False) as one:
        with allowed.writing(allowed.place("two.txt"), overwrite=False) as two:
            two.write(b"2")
        one.write(b"1")

    assert names(mine) == ["a.bin", "one.txt", "two.txt"]


HOLDS = """
import sys
from jupyter_mcp_ext.clients.bridge.allowed import Allowed
allowed = Allowed([sys.argv[1]], 10**9)
with allowed.writing(allowed.place("other.txt"), overwrite=False) as draft:
    draft.write(b"half")
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_a_download_of_another_bridge_goes_on_beside_this_one_until_it_is_killed(
    mine: Path,
) -> None:
    allowed = Allowed([str(mine)], 10**9)
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(mine)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"holds\n"
        with allowed.writing(allowed.place("one.txt"), overwrite=False) as draft:
            draft.write(b"1")
        beside = names(mine)
        other.kill()
    with allowed.writing(allowed.place("one.txt"), overwrite=True) as draft:
        draft.write(b"2")

    assert len(beside) == 3
    assert names(mine) == ["a.bin", "one.txt"]


class Receiver:
    """Takes the parts of an upload, as a server does."""

    def __init__(self) -> None:
        self.parts: list[Mapping[str, Any]] = []

    async def ask(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        assert tool == "receive_file"
        self.parts.append(arguments)
        return {"_meta": {"jupyter-mcp-ext/file": {"path": arguments["path"]}}}

    async def progress(self, done: int, total: int) -> None:
        return

    def transfers(self, mine: Path) -> Transfers:
        allowed = Allowed([str(mine)], 10**9)
        return Transfers(allowed, self.ask, cast(Connection, None), self.progress)


@pytest.mark.parametrize("change", ["written", "shorter", "longer"])
async def test_a_file_that_changes_while_it_is_sent_is_not_saved(mine: Path, change: str) -> None:
    file = mine / "a.bin"

    class Changing(Receiver):
        async def progress(self, done: int, total: int) -> None:
            with file.open("r+b") as opened:
                opened.seek({"written": 0, "shorter": CHUNK + 1, "longer": len(NEWER)}[change])
                opened.write(b"changed")
                if change == "shorter":
                    opened.truncate()

    receiver = Changing()

    with pytest.raises(Failed, match="changed while it was copied, and was not saved"):
        await receiver.transfers(mine).upload({"local_path": "a.bin"})

    assert not any(part.get("sha256") for part in receiver.parts)
    assert receiver.parts[-1]["drop"]


async def test_a_file_that_is_replaced_while_it_is_sent_is_saved_as_it_was(mine: Path) -> None:
    class Replacing(Receiver):
        async def progress(self, done: int, total: int) -> None:
            (mine / "new").write_bytes(b"new")
            (mine / "new").replace(mine / "a.bin")

    receiver = Replacing()

    done = await receiver.transfers(mine).upload({"local_path": "a.bin"})

    sent = b"".join(base64.b64decode(part["content"]) for part in receiver.parts)
    assert sent == NEWER
    assert done.sha256 == hashlib.sha256(NEWER).hexdigest() == receiver.parts[-1]["sha256"]


class Slow(Allowed):
    """Its drafts are written when it is told to."""

    def __init__(self, mine: Path) -> None:
        super().__init__([str(mine)], 10**9)
        self.events: list[str] = []
        self.begun = asyncio.Event()
        self.go_on = threading.Event()
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def writing(self, place: Place, *, overwrite: bool) -> Iterator[Draft]:
        try:
            yield cast(Draft, self)
        finally:
            self.events.append("closed")

    def write(self, data: bytes) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.go_on.wait(30)
        self.events.append("written")

    def sync(self) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.events.append("synced")


async def give(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the server answers for a small file."""
    blob = {"resource": {"blob": base64.b64encode(b"b").decode()}}
    about = {"path": arguments["path"], "size": 1}
    return {"content": [blob], "_meta": {"jupyter-mcp-ext/file": about}}


async def test_a_download_is_brought_to_the_disk_beside_the_other_calls(mine: Path) -> None:
    slow = Slow(mine)
    slow.go_on.set()
    transfers = Transfers(slow, give, cast(Connection, None), Receiver().progress)

    await transfers.download({"path": "b.bin", "local_path": "b.bin"})

    assert slow.events == ["written", "synced", "closed"]


async def test_a_download_that_is_cancelled_closes_its_file_once_it_is_not_written_any_more(
    mine: Path,
) -> None:
    slow = Slow(mine)
    transfers = Transfers(slow, give, cast(Connection, None), Receiver().progress)
    task = asyncio.create_task(transfers.download({"path": "b.bin", "local_path": "b.bin"}))
    await slow.begun.wait()

    task.cancel()
    asyncio.get_running_loop().call_soon(slow.go_on.set)  # when the task has been cancelled
    with pytest.raises(asyncio.CancelledError):
        await task

    assert slow.events == ["written", "closed"]


async def test_a_download_of_a_file_that_was_removed_meanwhile_says_so(mine: Path) -> None:
    class Server(Program):
        def do_GET(self) -> None:
            self.say(404, "text/html", b"no such file")

    async def ask(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        about = {"path": arguments["path"], "size": CHUNK, "next": CHUNK}
        return {"content": [], "_meta": {"jupyter-mcp-ext/file": about}}

    allowed = Allowed([str(mine)], 10**9)
    with served(Server) as url:
        connection = Connection(named_server(url), path="/mcp", cafile="", scope="")
        transfers = Transfers(allowed, ask, connection, Receiver().progress)
        with pytest.raises(Failed, match=re.escape("'b.bin' is not there any more. List ")):
            await transfers.download({"path": "b.bin", "local_path": "b.bin"})
        await connection.close()

    assert names(mine) == ["a.bin"]


def test_of_uploads_to_one_name_at_once_one_is_saved_whole_and_each_is_told(
    server: JupyterServer, folder: Path, mine: Path
) -> None:
    there = server.root_dir / "at-once"
    there.mkdir()
    contents = {f"{number}.bin": os.urandom(CHUNK + number) for number in range(4)}
    for name, content in contents.items():
        (mine / name).write_bytes(content)
    with bridged(folder, "--allow-folder", str(mine), version=NEW) as bridge:
        begun = [
            begin(bridge, "upload_file", local_path=name, path="at-once/x", overwrite=True)
            for name in contents
        ]
        told = [bridge.answer(number)["result"] for number in begun]

    saved = [not result["isError"] for result in told]
    assert (there / "x").read_bytes() in contents.values()
    assert names(there) == ["x"]
    assert any(saved)
    for result in told:
        text = result["content"][0]["text"]
        assert "was copied to at-once/x" in text or "another one to it began" in text


def test_a_disk_that_fills_up_is_told_and_gets_its_room_back(tmp_path: Path, mine: Path) -> None:
    small = tmp_path / "root" / "small"
    copied = {"local_path": "a.bin", "path": "small/", "overwrite": True}
    with (
        disks.small_disk(small, kilobytes=3_000, file_bytes=3_000_000),
        running_server(tmp_path, command=FRESH),
        bridged(tmp_path, "--allow-folder", str(mine), version=NEW) as bridge,
    ):
        (small / "a.bin").write_bytes(b"old")

        told = bridge.call("upload_file", **copied)

        assert told.is_error
        assert "the disk is full" in told.text or "larger than this server" in told.text
        assert (small / "a.bin").read_bytes() == b"old"
        assert names(small) == ["a.bin"]


def test_a_full_disk_of_the_client_is_told_and_leaves_nothing(
    server: JupyterServer, folder: Path, tmp_path: Path
) -> None:
    (server.root_dir / "large.bin").write_bytes(NEWER)
    small = tmp_path / "small"
    with (
        disks.small_disk(small, kilobytes=3_000, file_bytes=3_000_000),
        bridged(folder, "--allow-folder", str(small), version=NEW) as bridge,
    ):
        told = bridge.call("download_file", path="large.bin", local_path="large.bin")

        assert told.is_error
        assert "cannot be used: " in told.text
        assert names(small) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_a_large_file_takes_little_memory_of_the_bridge_both_ways(
    server: JupyterServer, folder: Path, mine: Path
) -> None:
    size = 80_000_000
    with (mine / "large").open("wb") as file:
        file.truncate(size)
    with bridged(folder, "--allow-folder", str(mine), version=NEW) as bridge:
        assert not bridge.call("upload_file", local_path="a.bin", path="first").is_error
        before = peak(bridge)

        up = bridge.call("upload_file", local_path="large")
        down = bridge.call("download_file", path="large", local_path="back")

        assert not up.is_error, up.text
        assert not down.is_error, down.text
        assert peak(bridge) - before < size / 4
    assert (mine / "back").stat().st_size == (server.root_dir / "large").stat().st_size == size


def peak(bridge: Bridge) -> int:
    """The most bytes of memory that a bridge has had."""
    lines = Path(f"/proc/{bridge.process.pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(
    "option", ["--McpPolicy.read_only=True", "--McpPolicy.disabled_tools=write_file"]
)
def test_who_may_not_write_files_may_not_upload_any(
    tmp_path: Path, mine: Path, option: str
) -> None:
    with (
        running_server(tmp_path, option) as server,
        bridged(tmp_path, "--allow-folder", str(mine), version=NEW) as bridge,
    ):
        listed = [tool["name"] for tool in bridge.ask("tools/list")["result"]["tools"]]
        told = bridge.call("upload_file", local_path="a.bin")

        assert "upload_file" not in listed
        assert told.is_error
        assert names(server.root_dir) == []
