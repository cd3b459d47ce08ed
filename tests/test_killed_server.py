"""Code whose first statement kills the server: what it changed is lost, and that is told."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Literal

import pytest

from tests.stories import serving, wait_for_snapshot

SAVE_SOON = "--McpSessions.snapshot_delay=0.05"


def has_begun(folder: Path) -> list[str]:
    """The code that the journal of a session says has begun."""
    lines = (folder / ".mcp" / "journal.jsonl").read_text().splitlines()
    return [line["code"] for line in map(json.loads, lines) if "begin" in line]


@pytest.mark.parametrize("where", ["code", "a cell"])
def test_code_that_kills_the_server_at_once_is_in_the_journal_and_told_of(
    tmp_path: Path, where: Literal["code", "a cell"]
) -> None:
    with serving(tmp_path, SAVE_SOON) as (server, client):
        client.call("create_session", name="other")
        kills = f"__import__('os').kill({server.process.pid}, 9); x = [2]"
        client.call("create_notebook", path="kills.ipynb", cells=[kills])
        made = client.call("create_session", path="kills.ipynb").meta["jupyter-mcp-ext/session"]
        session_id = made["session_id"]
        client.run("x = [1]", session_id=session_id)
        folder = server.root_dir / "mcp-sessions" / session_id
        wait_for_snapshot(client, folder)
        tool, arguments = {
            "code": ("execute_code", {"code": kills, "session_id": session_id}),
            "a cell": ("run_cells", {"path": "kills.ipynb"}),
        }[where]
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            client.call(tool, **arguments)
        server.process.wait()
    assert kills in has_begun(folder)
    with serving(tmp_path) as (_, client):
        result = client.run("x", session_id=session_id)

    assert "[1]" in result.text
    told = "what the last execution changed is lost, since it came after that save"
    assert any(told in notice for notice in result.notices), result.text


def test_an_execution_that_a_client_knows_is_known_after_the_server_was_killed_at_once(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as (server, client):
        client.run("pass")
        begun = client.run("import time; time.sleep(600)", wait=0)
        server.process.kill()
        server.process.wait()
    with serving(tmp_path) as (_, client):
        result = client.call("get_output", output_id=begun.id)

    assert result.status == "interrupted"
    assert "the server restarted" in result.text


def test_how_code_ended_is_known_after_the_server_was_killed_when_other_code_had_begun(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as (server, client):
        client.run("pass")
        client.run("half = 2\n1 / 0")
        client.run("import time; time.sleep(600)", wait=0)
        server.process.kill()
        server.process.wait()
    with serving(tmp_path) as (_, client):
        result = client.run("half")

    assert result.text.splitlines()[-1] == "2", result.text
