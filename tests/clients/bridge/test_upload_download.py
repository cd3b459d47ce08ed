"""What the first seed's ``upload_file_path`` and ``download_file`` do, each by its name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mcp_client import NEW
from tests.servers import JupyterServer

from .bridges import Bridge, bridged


@pytest.fixture(scope="module")
def mine(folder: Path) -> Path:
    """The folder of the client's machine that is allowed."""
    mine = folder / "mine"
    mine.mkdir()
    (mine / "data.csv").write_text("a,b\n1,2\n")
    (mine / ".env").write_text("SECRET=1")
    return mine


@pytest.fixture(scope="module")
def bridge(server: JupyterServer, folder: Path, mine: Path) -> Iterator[Bridge]:
    with bridged(folder, "--allow-folder", str(mine), version=NEW) as bridge:
        yield bridge


def test_upload_by_an_absolute_path_says_where_the_file_is_and_its_size(
    bridge: Bridge, server: JupyterServer, mine: Path
) -> None:
    done = bridge.call("upload_file", local_path=str(mine / "data.csv"), path="said.csv")

    about = done.meta["jupyter-mcp-ext/file"]
    assert (about["path"], about["size"]) == ("said.csv", 8)
    assert "said.csv" in bridge.call("list_files").text


def test_upload_makes_the_folders_of_its_destination(bridge: Bridge, server: JupyterServer) -> None:
    done = bridge.call("upload_file", local_path="data.csv", path="new/deep/data.csv")

    assert not done.is_error, done.text
    assert (server.root_dir / "new/deep/data.csv").read_text() == "a,b\n1,2\n"


def test_upload_into_a_session_is_where_its_code_finds_it_and_download_brings_it_back(
    bridge: Bridge, mine: Path
) -> None:
    session = bridge.call("create_session").meta["jupyter-mcp-ext/session"]["session_id"]

    up = bridge.call("upload_file", local_path="data.csv", session_id=session)
    code = "text = open('data.csv').read(); open('out.csv', 'w').write(text * 2); text"
    ran = bridge.call("execute_code", code=code, session_id=session)
    down = bridge.call("download_file", path="out.csv", local_path="out.csv", session_id=session)

    assert not up.is_error, up.text
    assert "a,b" in ran.text
    assert not down.is_error, down.text
    assert (mine / "out.csv").read_text() == "a,b\n1,2\n" * 2


def test_upload_into_an_unknown_session_is_refused(bridge: Bridge) -> None:
    told = bridge.call("upload_file", local_path="data.csv", path="x", session_id="k7m2q9xw")

    assert told.is_error
    assert "k7m2q9xw" in told.text


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd", "new/../../x", "folder/"])
def test_upload_out_of_the_root_is_refused(
    bridge: Bridge, server: JupyterServer, path: str
) -> None:
    told = bridge.call("upload_file", local_path="data.csv", path=path, overwrite=True)

    assert told.is_error == (path != "folder/")  # there it keeps its name
    assert Path("/etc/passwd").read_text() != "a,b\n1,2\n"
    assert not (server.root_dir.parent / "x").exists()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing.csv", "There is no file"),
        (".", "is not in a folder that is allowed"),
        (".env", "has the name of a file with secrets"),
        ("/etc/hostname", "is not in a folder that is allowed"),
        ("../runtime", "is not in a folder that is allowed"),
    ],
)
def test_upload_of_what_is_missing_a_folder_sensitive_or_not_allowed_is_refused(
    bridge: Bridge, path: str, words: str
) -> None:
    told = bridge.call("upload_file", local_path=path, path="refused")

    assert told.is_error
    assert words in told.text


def test_upload_over_a_file_needs_overwrite(bridge: Bridge, server: JupyterServer) -> None:
    (server.root_dir / "there.csv").write_text("old")

    refused = bridge.call("upload_file", local_path="data.csv", path="there.csv")
    done = bridge.call("upload_file", local_path="data.csv", path="there.csv", overwrite=True)

    assert "exists already" in refused.text
    assert not done.is_error, done.text
    assert (server.root_dir / "there.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize("path", ["missing.csv", "../mine/data.csv", "/etc/passwd", "new"])
def test_download_of_what_is_missing_outside_or_a_folder_leaves_nothing(
    bridge: Bridge, mine: Path, path: str
) -> None:
    before = sorted(os.listdir(mine))  # noqa: PTH208

    told = bridge.call("download_file", path=path, local_path="refused.csv")

    assert told.is_error
    assert sorted(os.listdir(mine)) == before  # noqa: PTH208


READS = """
import sys
from jupyter_mcp_ext.clients.bridge.allowed import Allowed, NotAllowed
try:
    allowed = Allowed([sys.argv[1]], 100)
    with allowed.reading(allowed.place(sys.argv[2])):
        print("read")
except NotAllowed as err:
    print(err)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize(("allowed", "file"), [("", "locked.txt"), ("locked/inner", "a.txt")])
def test_upload_of_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, allowed: str, file: str
) -> None:
    (tmp_path / "locked.txt").touch(0)
    (tmp_path / "locked").mkdir(0)
    as_user = ("-m", "tests.sandbox.as_user", "65534", str(tmp_path)) if os.geteuid() == 0 else ()
    ran = subprocess.run(
        [sys.executable, *as_user, "-c", READS, str(tmp_path / allowed), file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "cannot be used: Permission denied" in ran.stdout, ran.stderr
