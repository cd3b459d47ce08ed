"""What an installation has changed, in words."""

from __future__ import annotations

from jupyter_mcp_ext.packages.outcome import Outcome, VersionChange, changes


def test_changes_are_told_by_what_became_of_the_version() -> None:
    before = {"up": "1.9", "down": "2.0", "same": "1", "odd": "2020-special"}
    after = {"up": "1.10", "down": "1.0", "same": "1", "odd": "1", "new": "3"}

    assert Outcome(changes=changes(before, after)).lines() == [
        "installed: new 3",
        "upgraded: up 1.9 -> 1.10",
        "downgraded: down 2.0 -> 1.0, odd 2020-special -> 1",
    ]


def test_what_is_gone_is_a_change() -> None:
    assert changes({"six": "1"}, {}) == (VersionChange(name="six", old="1", new=""),)


def test_notices_tell_who_has_loaded_what_changed() -> None:
    outcome = Outcome(changes=(), loaded=("numpy", "pandas"), in_server=("tornado",))

    loaded, in_server = outcome.notices("k7m2q9xw")

    assert 'the old numpy, pandas: restart_kernel(session_id="k7m2q9xw")' in loaded
    assert "tornado" in in_server
    assert Outcome(changes=()).notices("k7m2q9xw") == []
