"""Files of the client's machine: the first seed's upload and download, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.bridge.allowed import Allowed, NotAllowed
from tests.mcp_client import ERAS, McpClient
from tests.servers import JupyterServer, running_server
from tests.snippets import block_of

from .bridges import Bridge, bridged

LARGE = os.urandom(5_000_001)
"""More than one call carries."""
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[JupyterServer]:
    with running_server(folder, base_url="/a%40b/") as server:
        yield server


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The folder of the client's machine that is allowed."""
    mine = tmp_path / "mine"
    mine.mkdir()
    return mine


@pytest.fixture(params=ERAS)
def bridge(
    request: pytest.FixtureRequest, server: JupyterServer, folder: Path, mine: Path
) -> Iterator[Bridge]:
    for left in server.root_dir.iterdir():
        if left.is_file():
            left.unlink()
    with bridged(folder, "--allow-folder", str(mine), version=request.param) as bridge:
        yield bridge


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", bytes(range(256)), LARGE])
def test_upload_copies_a_file_of_any_kind_to_the_server(
    bridge: Bridge, server: JupyterServer, mine: Path, content: bytes
) -> None:
    (mine / "my data.bin").write_bytes(content)

    done = bridge.call("upload_file", local_path=str(mine / "my data.bin"))

    assert not done.is_error, done.text
    assert (server.root_dir / "my data.bin").read_bytes() == content
    assert done.meta["jupyter-mcp-ext/file"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert [each.name for each in server.root_dir.iterdir() if each.suffix == ".part"] == []


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", bytes(range(256)), LARGE])
def test_download_saves_a_file_of_any_kind_on_the_clients_machine(
    bridge: Bridge, server: JupyterServer, mine: Path, content: bytes
) -> None:
    (server.root_dir / "plot.bin").write_bytes(content)

    done = bridge.call("download_file", path="plot.bin", local_path=str(mine / "new" / "plot.bin"))

    assert not done.is_error, done.text
    assert (mine / "new" / "plot.bin").read_bytes() == content
    assert os.listdir(mine / "new") == ["plot.bin"]  # noqa: PTH208  # hidden ones too


def test_a_file_is_not_overwritten_unless_that_is_asked_for(
    bridge: Bridge, server: JupyterServer, mine: Path
) -> None:
    (mine / "a.txt").write_text("mine")
    (server.root_dir / "a.txt").write_text("the server's")

    up = bridge.call("upload_file", local_path="a.txt")
    down = bridge.call("download_file", path="a.txt", local_path="a.txt")

    assert up.is_error
    assert down.is_error
    assert "exists already" in up.text
    assert "exists already" in down.text
    assert (server.root_dir / "a.txt").read_text() == "the server's"
    assert (mine / "a.txt").read_text() == "mine"
    again = bridge.call("download_file", path="a.txt", local_path="a.txt", overwrite=True)
    assert not again.is_error, again.text
    assert (mine / "a.txt").read_text() == "the server's"
    (mine / "a.txt").write_bytes(LARGE)
    large = bridge.call("upload_file", local_path="a.txt", overwrite=True)
    assert not large.is_error, large.text
    assert (server.root_dir / "a.txt").read_bytes() == LARGE


def test_a_notebook_is_copied_whole_and_never_over_another(
    bridge: Bridge, server: JupyterServer, mine: Path
) -> None:
    text = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    (mine / "a.ipynb").write_text(text)

    done = bridge.call("upload_file", local_path="a.ipynb")
    again = bridge.call("upload_file", local_path="a.ipynb", overwrite=True)

    assert not done.is_error, done.text
    assert (server.root_dir / "a.ipynb").read_text() == text
    assert "is a notebook, which is not replaced" in again.text


def test_progress_is_told_while_a_file_is_copied(bridge: Bridge, mine: Path) -> None:
    (mine / "large").write_bytes(LARGE)
    arguments = {"local_path": "large"}

    number = bridge.send(
        "tools/call", name="upload_file", arguments=arguments, _meta={"progressToken": "t"}
    )
    bridge.answer(number)

    told = [each["params"] for each in bridge.notifications if "progress" in each["method"]]
    assert len(told) > 2
    assert told[-1] == {"progressToken": "t", "progress": len(LARGE), "total": len(LARGE)}


def test_the_folders_of_the_pages_line_are_allowed(
    server: JupyterServer, folder: Path, tmp_path: Path
) -> None:
    line = block_of("bridge", "--allow-folder").text.replace("~", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "plots").mkdir()
    jupyter, mcp, command, *options = line.split()

    with bridged(folder, *options) as bridge:
        listed = bridge.answer(bridge.send("tools/list"))["result"]["tools"]

    assert (jupyter, mcp, command) == ("jupyter", "mcp", "bridge")
    [upload] = [tool for tool in listed if tool["name"] == "upload_file"]
    assert str(tmp_path / "data") in json.dumps(upload)


def test_without_an_allowed_folder_there_is_no_such_tool(
    server: JupyterServer, folder: Path
) -> None:
    with bridged(folder) as bridge:
        listed = bridge.ask("tools/list")["result"]
        assert listed == McpClient(server, bridge.version).request("tools/list")
        unknown = bridge.ask("tools/call", name="upload_file", arguments={"local_path": "a"})
        assert "no tool 'upload_file'" in unknown["error"]["message"]


def test_the_tools_are_listed_with_the_folders_and_the_servers_own_stay(
    bridge: Bridge, server: JupyterServer, mine: Path
) -> None:
    (server.root_dir / "a.txt").write_text("text")
    direct = McpClient(server, bridge.version).request("tools/list")["tools"]

    listed = bridge.ask("tools/list")["result"]["tools"]

    assert [tool["name"] for tool in listed] == [*(t["name"] for t in direct), "upload_file"]
    for tool in listed:
        if tool["name"] in ("upload_file", "download_file"):
            assert str(mine) in tool["description"]
            assert not tool["annotations"]["readOnlyHint"]
        else:
            assert tool in direct
    assert "URL" in bridge.call("download_file", path="a.txt").text


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with secrets, links and other folders in it and beside it."""
    home = tmp_path / "home"
    (home / "own" / ".ssh").mkdir(parents=True)
    for name in (
        "outside.txt",
        "own/.env",
        "own/id_rsa",
        "own/.ssh/config",
        "own/tls.key",
    ):
        (home / name).write_text("secret")
    (home / "own" / "link.txt").symlink_to(home / "outside.txt")
    (home / "own" / "up").symlink_to(home)
    (home / "own" / "plain.txt").symlink_to(home / "own" / ".env")
    os.mkfifo(home / "own" / "pipe")
    (home / "own2").mkdir()
    (home / "own2" / "a.txt").write_text("another folder whose name begins the same")
    return home


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "link.txt",
        "up/outside.txt",
        "up/own/.env",
        ".env",
        "plain.txt",
        "id_rsa",
        ".ssh/config",
        "tls.key",
        "../own2/a.txt",
        "/etc/passwd",
        "~/.bashrc",
        "~nobody-of-that-name/a",
        "a" * 5_000,
        "",
        ".",
        "pipe",
        "missing",
        "a\0b",
    ],
)
def test_what_is_outside_secret_or_no_plain_file_is_not_sent(home: Path, path: str) -> None:
    allowed = Allowed([str(home / "own")], MEBIBYTE)

    with pytest.raises(NotAllowed), allowed.reading(allowed.place(path)):
        pass


@pytest.mark.parametrize(
    "path", ["../new.txt", "link.txt", "up/new.txt", ".env", ".ssh/new", "x.pem"]
)
def test_what_is_outside_or_secret_is_not_written(home: Path, path: str) -> None:
    allowed = Allowed([str(home / "own")], MEBIBYTE)

    with (
        pytest.raises(NotAllowed),
        allowed.writing(allowed.place(path), overwrite=True) as draft,
    ):
        draft.write(b"x")

    assert (home / "outside.txt").read_text() == "secret"
    assert not (home / "new.txt").exists()


def test_a_link_that_is_put_there_after_the_check_leads_nowhere(home: Path) -> None:
    allowed = Allowed([str(home / "own")], MEBIBYTE)
    inner = home / "own" / "inner"
    inner.mkdir()
    (inner / "outside.txt").write_text("harmless")
    read, written = allowed.place("inner/outside.txt"), allowed.place("inner/new.txt")
    inner.rename(home / "own" / "former")
    inner.symlink_to(home)

    with pytest.raises(NotAllowed, match="a link leads elsewhere"), allowed.reading(read):
        pass
    with pytest.raises(NotAllowed), allowed.writing(written, overwrite=True):
        pass

    assert not (home / "new.txt").exists()


def test_a_race_of_links_never_gets_out(home: Path) -> None:
    allowed = Allowed([str(home / "own")], MEBIBYTE)
    name = home / "own" / "swapped.txt"
    harmless, link = home / "own" / "harmless", home / "own" / "a-link"
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            harmless.write_text("harmless")
            harmless.replace(name)
            link.symlink_to(home / "outside.txt")
            link.replace(name)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = set()
    for _ in range(2_000):
        with (
            suppress(NotAllowed),
            allowed.reading(allowed.place("swapped.txt")) as (descriptor, size),
        ):
            seen.add(os.read(descriptor, size))
    ended.set()
    swapping.join()

    assert b"secret" not in seen


def test_a_file_that_appears_at_the_last_moment_is_not_overwritten(home: Path) -> None:
    allowed = Allowed([str(home / "own")], MEBIBYTE)

    def write() -> None:
        with allowed.writing(allowed.place("new.txt"), overwrite=False) as draft:
            draft.write(b"the agent's")
            (home / "own" / "new.txt").write_text("the person's")

    with pytest.raises(NotAllowed, match="exists already"):
        write()

    assert (home / "own" / "new.txt").read_text() == "the person's"
    assert not [each for each in (home / "own").iterdir() if each.suffix == ".tmp"]


def test_a_file_that_is_too_large_is_refused_with_the_option(home: Path) -> None:
    allowed = Allowed([str(home / "own")], 5)
    (home / "own" / "six").write_text("123456")

    with pytest.raises(NotAllowed, match="--max-bytes"), allowed.reading(allowed.place("six")):
        pass


@pytest.mark.parametrize("folder", ["missing", "own/.ssh", "outside.txt"])
def test_a_folder_that_cannot_be_allowed_is_refused_at_the_start(home: Path, folder: str) -> None:
    with pytest.raises(NotAllowed):
        Allowed([str(home / folder)], MEBIBYTE)
