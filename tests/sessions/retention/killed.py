"""``python -m tests.sessions.retention.killed`` makes each state that a killed removal leaves.

The folder of a session is copied again and again, and a process that removes it is killed at its
first step, at its second one and so on; states that are like another one are removed.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path

from jupyter_mcp_ext.governance.keys import Keys
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebook
from jupyter_mcp_ext.sessions.disk.removal import Removal
from jupyter_mcp_ext.sessions.disk.store import Disk, SessionStore

STEPS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
"""Python's audit events before the calls that change a folder."""

OWNER = "alice"


def main() -> None:
    """Do to the session below a folder what is named; the states come below another one."""
    before, states, key_file, session_id, action = sys.argv[1:]
    seen = set()
    for step in count():
        state = Path(states, f"{step}")
        shutil.copytree(before, state / "mcp-sessions")
        child = os.fork()
        if not child:
            _remove(state, Path(key_file), session_id, action, step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL), status
        found = _content(state)
        if found in seen:
            shutil.rmtree(state)
        seen.add(found)
        if status == 0:
            break


def _remove(root: Path, key_file: Path, session_id: str, action: str, step: int) -> None:
    log = logging.getLogger(__name__)
    disk = Disk(root=root, key=Keys(key_file, log).derive, shared_subject=OWNER, live=_no_room)
    store = SessionStore(disk, "mcp-sessions", log)
    session = store.found_in(store.folder_of(session_id, OWNER))
    assert session is not None
    removal = Removal(store)
    _kill_at(step)
    match action:
        case "archive":
            removal.archive(session, now=1.0)
        case "drop_snapshots":
            removal.drop_snapshots(session)
        case _:
            removal.delete(session)


def _kill_at(step: int) -> None:
    """Kill this process before one of its steps, the first being 0."""
    left = iter(range(step, -1, -1))

    def happens(event: str, args: tuple[object, ...]) -> None:
        if event in STEPS and not _only_reads(event, args) and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(happens)


def _only_reads(event: str, args: tuple[object, ...]) -> bool:
    flags = args[2] if event == "open" else os.O_CREAT
    return not (isinstance(flags, int) and flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR))


def _content(folder: Path) -> frozenset[tuple[str, bytes]]:
    """All files and folders, without what only a lock says."""
    return frozenset(
        (str(path.relative_to(folder)), path.read_bytes() if _is_told(path) else b"")
        for path in folder.rglob("*")
        if path.suffix != ".deleted"
    )


def _is_told(path: Path) -> bool:
    return path.is_file() and path.name != "lock"


async def _no_room(_: str) -> LiveNotebook | None:
    return None


if __name__ == "__main__":
    main()
