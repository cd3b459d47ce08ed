"""What an agent does shows in a person's open tab at once, and what the person types stays."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.agents import Agent
from tests.browser.page import Lab

Work = tuple[Lab, Agent]


def test_every_edit_shows_in_the_open_tab_and_is_saved(
    opened: Callable[..., Work],
) -> None:
    lab, agent = opened("a = 1", "b = 2")

    agent.call("insert_cells", cells=["c = 'é'", "d = 4"])
    lab.shows("a = 1", "b = 2", "c = 'é'", "d = 4")
    agent.call("edit_cell", cell=agent.handles[1], old_string="2", new_string="'😀'")
    lab.shows("a = 1", "b = '😀'", "c = 'é'", "d = 4")
    agent.call("move_cells", cells=[agent.handles[3]], after="start")
    lab.shows("d = 4", "a = 1", "b = '😀'", "c = 'é'")
    agent.call("delete_cells", cells=[agent.handles[1]])
    lab.shows("d = 4", "b = '😀'", "c = 'é'")
    agent.call("undo_edit", steps=2)
    lab.shows("a = 1", "b = '😀'", "c = 'é'", "d = 4")

    lab.save()
    lab.is_saved_with("a = 1", "b = '😀'", "c = 'é'", "d = 4")
