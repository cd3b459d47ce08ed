"""Orphaned processes that this one inherits, as process 1 of a container does."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from jupyter_mcp_ext.kernels import orphans
from tests.engine import running

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def inherits() -> Iterator[None]:
    """Make this process the reaper of orphans, as process 1 is."""
    prctl = ctypes.CDLL(None).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def child(code: str, *, new_session: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=new_session,
    )


@pytest.mark.usefixtures("inherits")
def test_a_process_that_was_inherited_is_forgotten_when_it_has_ended() -> None:
    code = "import os\nos.setsid()\npid = os.fork()\nif pid: print(pid, flush=True)"
    with child(code) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.read())
    assert psutil.Process(pid).ppid() == os.getpid()

    orphans.reap(pid)

    assert not psutil.pid_exists(pid)


@pytest.mark.usefixtures("inherits")
@pytest.mark.parametrize("new_session", [False, True])
def test_a_process_that_this_one_has_started_is_left_to_whom_it_belongs(new_session: bool) -> None:
    """A kernel may give any process id, also that of another kernel."""
    with child("raise SystemExit(7)", new_session=new_session) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

        orphans.reap(process.pid)

        assert process.wait() == 7


@pytest.mark.parametrize("pid", [0, -1, 1, 10**30])
def test_a_number_of_no_child_changes_nothing(pid: int) -> None:
    orphans.reap(pid)


@pytest.mark.usefixtures("inherits")
async def test_a_save_leaves_no_process_behind(jp_serverapp: object) -> None:
    before = {process.pid for process in psutil.Process().children()}
    async with running(jp_serverapp, snapshot_delay=0.01) as engine:
        await engine.run("x = [1]")
        session = await engine.session()
        story = session.story
        assert story is not None
        await engine.until(lambda: story.folder.read("snapshot.json", 1_000_000) is not None)

        left = {process.pid for process in psutil.Process().children()} - before

    assert [pid for pid in left if is_inherited(pid)] == []


def is_inherited(pid: int) -> bool:
    """Whether a child of this process was started by another: one started here has a session."""
    try:
        return os.getsid(pid) not in (pid, os.getsid(0))
    except ProcessLookupError:
        return False
