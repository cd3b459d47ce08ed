"""Which sessions expire, by what is known of them."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.sessions.retention.plan import Bounds, Kept, archived_at, plan

DAY = 86_400.0
NOW = 1_000 * DAY


def kept(name: str, *, days: float, **more: object) -> Kept:
    """A session that was last used so many days ago."""
    return Kept(id=name, owner=name[0], last_used=NOW - days * DAY, **more)  # type: ignore[arg-type]  # each test gives what fits


def planned(*sessions: Kept, now: float = NOW, **bounds: object) -> list[tuple[str, str]]:
    return [
        (step.action, step.id)
        for step in plan(sessions, Bounds(**bounds), now=now)  # type: ignore[arg-type]  # likewise
    ]


def test_without_limits_everything_is_kept() -> None:
    assert Bounds().is_none
    assert planned(kept("a1", days=900, bytes=10**12, snapshots=10**12)) == []


def test_what_was_not_used_for_long_is_archived() -> None:
    found = planned(kept("a1", days=31), kept("a2", days=29), max_age=30 * DAY)

    assert found == [("archive", "a1")]


def test_the_sessions_used_longest_ago_go_when_a_user_has_too_many() -> None:
    sessions = [kept(f"a{n}", days=n) for n in range(1, 5)] + [kept("b1", days=90)]

    assert planned(*sessions, max_sessions_per_user=2) == [("archive", "a4"), ("archive", "a3")]
    assert planned(*sessions, max_sessions=4) == [("archive", "b1")]


def test_what_is_in_use_counts_and_stays() -> None:
    sessions = [kept("a1", days=3), kept("a2", days=9, is_used=True), kept("a3", days=40)]

    assert planned(*sessions, max_sessions_per_user=1, max_age=8 * DAY) == [
        ("archive", "a3"),
        ("archive", "a1"),
    ]


def test_bytes_are_counted_for_each_user_and_in_all() -> None:
    sessions = [
        kept("a1", days=2, bytes=60),
        kept("a2", days=1, bytes=60),
        kept("b1", days=9, bytes=5),
    ]

    assert planned(*sessions, max_bytes_per_user=100) == [("archive", "a1")]
    assert planned(*sessions, max_bytes=120) == [("archive", "b1")]


def test_archived_sessions_do_not_count_where_none_is_deleted() -> None:
    sessions = [kept("a1", days=9, archived=NOW - DAY, bytes=500), kept("a2", days=1, bytes=60)]

    assert planned(*sessions, max_bytes=100, max_sessions=1) == []


def test_archived_sessions_are_deleted_first_where_that_is_allowed() -> None:
    sessions = [kept("a1", days=9, archived=NOW - DAY, bytes=60), kept("a2", days=10, bytes=60)]

    assert planned(*sessions, max_bytes=100, deletes=True, archive_age=30 * DAY) == [
        ("delete", "a1")
    ]


def test_an_archived_session_is_deleted_after_its_time_and_only_if_that_is_allowed() -> None:
    session = kept("a1", days=90, archived=NOW - 31 * DAY)

    assert planned(session, max_age=DAY, archive_age=30 * DAY) == []
    assert planned(session, deletes=True, archive_age=40 * DAY) == []
    assert planned(session, deletes=True, archive_age=30 * DAY) == [("delete", "a1")]


def test_the_time_of_an_archived_session_counts_from_when_its_files_were_changed() -> None:
    assert archived_at(NOW - 9 * DAY, NOW - DAY, now=NOW) == NOW - DAY
    assert archived_at(NOW - DAY, NOW - 9 * DAY, now=NOW) == NOW - DAY
    assert archived_at(NOW - DAY, NOW + 9 * DAY, now=NOW) == NOW - DAY  # a file of the future
    assert archived_at(0.0, NOW - DAY, now=NOW) == 0.0


def test_the_oldest_snapshots_go_first() -> None:
    sessions = [
        kept("a1", days=3, snapshots=50),
        kept("b1", days=2, snapshots=50),
        kept("a2", days=9, snapshots=0),
        kept("a3", days=1, snapshots=50),
    ]

    assert planned(*sessions, max_snapshot_bytes=100) == [("drop_snapshots", "a1")]


@pytest.mark.parametrize("back", [DAY, 365 * DAY])
def test_a_clock_that_was_set_back_lets_nothing_expire(back: float) -> None:
    sessions = [kept("a1", days=1), kept("a2", days=0), kept("a3", days=9, archived=NOW)]

    assert planned(*sessions, now=NOW - back, max_age=2 * DAY, deletes=True, archive_age=DAY) == []


def test_of_sessions_that_were_used_in_the_future_the_ones_of_the_past_go_first() -> None:
    sessions = [kept("a1", days=-9), kept("a2", days=1)]

    assert planned(*sessions, max_sessions=1) == [("archive", "a2")]


def test_ages_are_counted_until_the_time_that_is_believed_and_the_order_is_that_of_the_clock() -> (
    None
):
    sessions = [kept("a1", days=3), kept("a2", days=9), kept("a3", days=1)]
    steps = plan(sessions, Bounds(max_age=2 * DAY, max_sessions=1), now=NOW, until=NOW - 6 * DAY)

    assert [(step.id, step.why.partition(" ")[0]) for step in steps] == [
        ("a2", "it"),
        ("a1", "all"),
    ]


def test_each_step_says_why() -> None:
    [step] = plan([kept("a1", days=31)], Bounds(max_age=30 * DAY), now=NOW)

    assert step.why == "it was last used 31 d ago"
