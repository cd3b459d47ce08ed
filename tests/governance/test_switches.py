"""What people switch off is refused to the agents that it is for, and to no others."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.errors import Forbidden
from jupyter_mcp_ext.governance.switches import EVERYONE, Switch, Switches


@pytest.fixture
def switches() -> Switches:
    return Switches()


def test_paused_agents_are_told_by_whom_and_what_to_do(switches: Switches) -> None:
    switches.switch_off("paused", "alice", by="Alice")

    with pytest.raises(Forbidden, match=r"^Alice paused .* just now\. Stop here, "):
        switches.check_running("alice")
    switches.check_running("bob")


def test_a_pause_for_all_is_for_each(switches: Switches) -> None:
    switches.switch_off("paused", EVERYONE, by="Root")

    for subject in ("alice", "bob"):
        with pytest.raises(Forbidden, match=r"^Root paused"):
            switches.check_running(subject)


def test_ones_own_resume_does_not_end_the_pause_for_all(switches: Switches) -> None:
    switches.switch_off("paused", EVERYONE, by="Root")
    switches.switch_off("paused", "alice", by="Alice")

    switches.switch_on("paused", "alice")
    with pytest.raises(Forbidden, match=r"^Root paused"):
        switches.check_running("alice")

    switches.switch_on("paused", EVERYONE)
    switches.check_running("alice")


def test_the_first_who_paused_is_named(switches: Switches) -> None:
    switches.switch_off("paused", "alice", by="Alice")
    switches.switch_off("paused", "alice", by="Bob")

    with pytest.raises(Forbidden, match=r"^Alice paused"):
        switches.check_running("alice")


def test_read_only_lets_agents_read_and_nothing_else(switches: Switches) -> None:
    switches.switch_off("read_only", "alice", by="Alice")

    for tool in ("get_output", "get_variables"):
        switches.check_tool("alice", tool)
    switches.check_tool("bob", "execute_code")
    for tool in ("execute_code", "edit_cell", "no_tool"):
        with pytest.raises(Forbidden, match=r"^Alice switched this server to read-only"):
            switches.check_tool("alice", tool)
    switches.switch_on("read_only", "alice")
    switches.check_tool("alice", "execute_code")


@pytest.mark.parametrize("switch", ["paused", "read_only"])
def test_changes_are_told(switches: Switches, switch: Switch) -> None:
    told: list[str] = []
    switches.changed.add(told.append)

    switches.switch_off(switch, "alice", by="Alice")
    switches.switch_on(switch, "alice")
    switches.switch_on(switch, EVERYONE)

    assert told == ["alice", "alice", EVERYONE]
