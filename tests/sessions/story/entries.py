"""Entries of journals."""

from __future__ import annotations

from typing import Any

from jupyter_mcp_ext.sessions.story.journal import Entry


def entry(number: int, code: str = "1 + 1", **more: Any) -> Entry:
    """An entry of a journal."""
    given: dict[str, Any] = {"status": "ok", "execution_count": number, "ended": 2.0, **more}
    return Entry(
        number=number,
        execution_id=f"k7m2q9xw-{number}",
        code=code,
        client="test",
        created=1.0,
        **given,
    )
