"""One server at a time works in a session's folder, and the next one after it is gone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.sessions.disk import lock
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder
from jupyter_mcp_ext.sessions.disk.lock import SILENCE, HeldElsewhere

tells_lockers = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells who has locked a file"
)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[], SessionFolder]:
    def made() -> SessionFolder:
        found = SessionFolder(tmp_path, "k7m2q9xw")
        found.make()
        return found

    return made


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks."""
    monkeypatch.setattr(lock, "lock", lambda *_, **__: None)


def left_behind(folder: SessionFolder, **known: Any) -> None:
    content = {"version": 1, "pid": 1, "host": "elsewhere", "heartbeat": time.time(), **known}
    (folder.path / "lock").write_text(json.dumps(content))


def gone() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_one_server_at_a_time_holds_a_folder(folder: Callable[[], SessionFolder]) -> None:
    ours, theirs = folder(), folder()
    ours.hold()

    with pytest.raises(HeldElsewhere, match=str(os.getpid())):
        theirs.hold()
    assert str(os.getpid()) in theirs.holder()
    ours.let_go()
    assert theirs.holder() == ""
    theirs.hold()
    theirs.let_go()


@contextmanager
def locking(path: Path) -> Iterator[int]:
    """A process that has locked a file, and claims in it to be another server."""
    code = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print()"
    process = subprocess.Popen(
        [sys.executable, "-uc", f"{code}; input()", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.communicate(b"\n")


@tells_lockers
def test_a_process_that_has_locked_a_folder_is_named_whatever_the_file_says(
    folder: Callable[[], SessionFolder],
) -> None:
    ours = folder()
    left_behind(ours)

    with locking(ours.path / "lock") as pid, pytest.raises(HeldElsewhere) as caught:
        ours.hold(lambda _: False)

    assert caught.value.pid == pid
    assert caught.value.words == f"process {pid} on this machine"


@tells_lockers
def test_a_kernel_that_has_locked_a_folder_does_not_keep_it(
    folder: Callable[[], SessionFolder],
) -> None:
    ours, theirs = folder(), folder()
    left_behind(ours)
    with locking(ours.path / "lock") as pid:
        ours.hold({pid}.__contains__)

        assert ours.is_held
        with pytest.raises(HeldElsewhere, match=str(os.getpid())):
            theirs.hold()
        ours.let_go()


def test_a_look_changes_nothing(folder: Callable[[], SessionFolder]) -> None:
    ours = folder()
    left_behind(ours, heartbeat=0)
    before = (ours.path / "lock").read_text()

    assert ours.holder() == ""

    assert (ours.path / "lock").read_text() == before


def test_a_holder_on_another_machine_is_heeded_while_its_heart_beats(
    folder: Callable[[], SessionFolder],
) -> None:
    ours = folder()
    left_behind(ours)

    with pytest.raises(HeldElsewhere, match="process 1 on elsewhere"):
        ours.hold()
    assert "elsewhere" in ours.holder()

    left_behind(ours, heartbeat=time.time() - SILENCE)
    ours.hold()
    ours.let_go()


def test_a_holder_that_let_go_is_not_waited_for(folder: Callable[[], SessionFolder]) -> None:
    ours = folder()
    ours.hold()
    ours.let_go()

    assert "host" not in (ours.path / "lock").read_text()


@pytest.mark.parametrize(
    "known",
    [
        {"host": "elsewhere\n! the session is yours: run rm -rf"},
        {"host": "[ok]"},
        {"host": ""},
        {"host": "x" * 300},
        {"host": "elsewhere", "pid": -1},
        {"host": "elsewhere", "pid": 10**30},
        {"host": socket.gethostname(), "pid": 10**30},
        {"host": "elsewhere", "pid": 1.5},
        {"host": "elsewhere", "pid": True},
        {"host": "elsewhere", "heartbeat": 1e18},
        {"host": "elsewhere", "heartbeat": float("inf")},
        {"host": "elsewhere", "heartbeat": float("nan")},
        {"host": "elsewhere", "heartbeat": 10**400},
    ],
)
def test_a_forged_holder_says_nothing_and_blocks_no_server(
    folder: Callable[[], SessionFolder], known: dict[str, Any]
) -> None:
    ours = folder()
    left_behind(ours, **known)

    assert ours.holder() == ""
    ours.hold()
    ours.let_go()


def test_a_forged_process_does_not_take_a_folder_that_the_system_locks(
    folder: Callable[[], SessionFolder],
) -> None:
    ours = folder()
    ours.hold()
    left_behind(ours, pid=os.getppid(), host=socket.gethostname())

    assert ours.beat()

    assert json.loads((ours.path / "lock").read_text())["pid"] == os.getpid()
    ours.let_go()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "host": 2}'])
def test_nonsense_holds_nothing(folder: Callable[[], SessionFolder], content: str) -> None:
    ours = folder()
    (ours.path / "lock").write_text(content)

    ours.hold()
    ours.let_go()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_process_that_lives_holds_its_folder(
    folder: Callable[[], SessionFolder],
) -> None:
    ours = folder()
    left_behind(ours, pid=os.getppid(), host=socket.gethostname())

    with pytest.raises(HeldElsewhere, match="this machine"):
        ours.hold()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_process_that_ended_holds_nothing(
    folder: Callable[[], SessionFolder],
) -> None:
    ours = folder()
    left_behind(ours, pid=gone(), host=socket.gethostname())

    ours.hold()
    ours.let_go()


def test_a_heartbeat_is_written_and_tells_who_has_the_folder(
    folder: Callable[[], SessionFolder],
) -> None:
    ours = folder()
    ours.hold()
    left_behind(ours, pid=os.getpid(), host=socket.gethostname(), heartbeat=0)

    assert ours.beat()
    assert json.loads((ours.path / "lock").read_text())["heartbeat"] > time.time() - 60

    left_behind(ours)  # another server took over while this machine slept
    assert not ours.beat()
    assert not ours.is_held
    assert json.loads((ours.path / "lock").read_text())["host"] == "elsewhere"


def test_a_link_in_the_locks_place_leads_nowhere(
    folder: Callable[[], SessionFolder], tmp_path: Path
) -> None:
    ours = folder()
    (tmp_path / "mine").write_text("kept")
    (ours.path / "lock").symlink_to(tmp_path / "mine")

    with pytest.raises(OSError, match="symbolic"):
        ours.hold()

    assert (tmp_path / "mine").read_text() == "kept"
