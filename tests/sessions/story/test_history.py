"""What stays of the executions of a session that goes on for long."""

from __future__ import annotations

from jupyter_mcp_ext.sessions.story.history import History
from jupyter_mcp_ext.sessions.story.journal import MAX_ENTRIES, Entry


def test_of_very_many_executions_the_latest_stay() -> None:
    history = History()
    last = MAX_ENTRIES + 5
    for number in range(1, last + 1):
        entry = Entry(
            number=number,
            execution_id=f"abcdefgh-{number}",
            code="1",
            client="test",
            created=1.0,
            status="ok",
            ended=2.0,
        )
        history.begin(entry)
        history.end(entry)

    kept = history.shortened(part=1, after=0)

    assert [entry.number for entry in kept.entries] == list(range(6, last + 1))
    assert history.last_number == last
    assert len(history.entries) == MAX_ENTRIES
