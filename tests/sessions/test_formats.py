"""What an earlier version has written is read: a session's folder, its executions and the key.

``formats`` was made by the last version before a session had a record: four executions, the last of
which raised, and a shutdown that saved the variables.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.executions.storage import ExecutionStorage
from tests.engine import ALICE, running, value

FORMATS = Path(__file__).parent / "formats"
ID = "4ctomn4w"
SINCE = {"archived": 0.0}
"""What records have got since, with what it is in one of that version."""


@pytest.fixture
def moved(jp_root_dir: Path, jp_data_dir: Path) -> Path:
    """The session in the root of a server with its key."""
    shutil.copytree(FORMATS / "mcp-sessions", jp_root_dir / "mcp-sessions")
    key = jp_data_dir / "jupyter_mcp_ext.key"
    shutil.copy(FORMATS / "key", key)
    key.chmod(0o600)
    return jp_root_dir / "mcp-sessions" / ID


async def test_a_session_of_an_earlier_version_comes_back(moved: Path, jp_serverapp: Any) -> None:
    before = json.loads((moved / ".mcp" / "session.json").read_text())

    async with running(jp_serverapp) as engine:
        [session] = await engine.services.sessions.listed(ALICE)
        known = session.record
        execution = await engine.run("limit, half(8), math.pi > 3, later", session_id="churn model")

    assert value(execution) == "([1, 2], 4.0, True, 1)"
    assert session.is_signed
    assert asdict(known).items() >= SINCE.items()
    before |= SINCE
    assert before == {**before, **asdict(known)}
    after = json.loads((moved / ".mcp" / "session.json").read_text())
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"digest", "kernel", "last_line", "last_used"}
    notebook = json.loads((moved / "churn-model.ipynb").read_text())
    assert [cell["id"] for cell in notebook["cells"]] == [f"{ID}-{n}" for n in range(1, 6)]
    lines = (moved / ".mcp" / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line).get("end") for line in lines if '"end"' in line] == [1, 2, 3, 4, 5]


def test_executions_of_an_earlier_version_are_taken_over(tmp_path: Path) -> None:
    shutil.copytree(FORMATS / "executions", tmp_path / "jupyter_mcp_ext")
    storage = ExecutionStorage(tmp_path, "formats", logging.getLogger("test"))

    [(found, _)] = storage.open().parts()

    assert [(one.execution_id, one.status) for one in found] == [
        (f"{ID}-1", "ok"),
        (f"{ID}-2", "ok"),
        (f"{ID}-3", "ok"),
        (f"{ID}-4", "error"),
    ]
    assert {one.session_id for one in found} == {ID}
