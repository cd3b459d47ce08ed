"""The sessions that a filter matches."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.sessions.disk.record import SessionRecord
from jupyter_mcp_ext.sessions.filter import fits
from jupyter_mcp_ext.sessions.session import Session

SESSION = Session(
    record=SessionRecord(
        id="k7m2q9xw",
        jupyter_id="",
        name="Churn model",
        path="mcp-sessions/k7m2q9xw/Churn-model.ipynb",
        cwd="work",
        kernel_name="python3",
        owner="alice",
        client="claude-code",
        last_client="codex",
        restore="snapshot",
        created=1.0,
        last_used=1.0,
    )
)


@pytest.mark.parametrize(
    "wanted", ["k7m2", "churn", " CHURN ", "churn*", "work", "python?", "claude", "codex", "idle"]
)
def test_a_session_is_found_by_any_word_about_it(wanted: str) -> None:
    assert fits(SESSION, "idle", wanted)


@pytest.mark.parametrize("wanted", ["busy", "model*", "alice", "bash"])
def test_other_sessions_are_left_out(wanted: str) -> None:
    assert not fits(SESSION, "idle", wanted)
