"""A process that is killed at any step of a removal leaves a session that says what it lacks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import UnknownSession
from jupyter_mcp_ext.sessions.disk.folder import ARCHIVED
from jupyter_mcp_ext.sessions.retention.plan import Action
from tests.engine import ALICE, Engine, running, value

CODE = "x = len('saved and no definition')"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("action", "outcomes"),
    [
        ("drop_snapshots", ["whole", "lost", "expired"]),
        ("archive", ["whole", "archived"]),
        ("delete", ["whole", "deleted"]),
    ],
)
async def test_a_removal_that_is_killed_at_any_step_leaves_a_session_that_tells_what_is_so(
    jp_serverapp: Any, tmp_path: Path, action: Action, outcomes: list[str]
) -> None:
    async with running(jp_serverapp) as engine:
        session, *_ = await engine.services.sessions.create(ALICE, name="old")
        await engine.run(CODE, session_id="old")
        await engine.services.sessions.shutdown(session, by="test", now=False)
        key_file = engine.services.keys.path
    folders = Path(jp_serverapp.root_dir, "mcp-sessions")
    folders.rename(tmp_path / "before")
    found = []

    for state in states(tmp_path, key_file, session.id, action):
        shutil.copytree(state / "mcp-sessions", folders)
        async with running(jp_serverapp) as engine:
            found.append(await told(engine, session.id))
            await engine.services.retention.round()
        left = {path.name for path in folders.glob("*/.mcp/*")}
        if found[-1] == "archived":
            assert left == ARCHIVED, state
        elif found[-1] == "deleted":
            assert not list(folders.iterdir()), state
        shutil.rmtree(folders)

    assert list(dict.fromkeys(found)) == outcomes


def states(tmp_path: Path, key_file: Path, session_id: str, action: Action) -> list[Path]:
    """What a process leaves of the session that is killed at each step of a removal, in order."""
    made = tmp_path / "states"
    command = [sys.executable, "-m", "tests.sessions.retention.killed"]
    arguments = [str(tmp_path / "before"), str(made), str(key_file), session_id, action]
    subprocess.run([*command, *arguments], check=True)
    return sorted(made.iterdir(), key=lambda state: int(state.name))


async def told(engine: Engine, session_id: str) -> str:
    """What has become of the session, as its user is told."""
    try:
        session = await engine.services.sessions.resolve(ALICE, session_id)
    except UnknownSession as err:
        return "archived" if "was archived" in str(err) else "deleted"
    execution = await engine.run("globals().get('x', 0)", session_id=session_id)
    notices = engine.services.sessions.readers.notices(session, ALICE, since=None)
    words = " ".join(notices)
    if value(execution) == "23":
        assert "1 variable came back" in words
        assert "lost" not in words
        assert "not saved" not in words
        return "whole"
    assert value(execution) == "0"
    assert "variables are lost" in words
    assert "will be tried again" not in words
    return "expired" if "keeps no more bytes of snapshots" in words else "lost"
