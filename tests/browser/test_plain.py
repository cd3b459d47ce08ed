"""A person in JupyterLab without collaboration: their tab and the file that an agent edits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.agents import Agent
from tests.browser.kinds import PLAIN
from tests.browser.page import Lab

Work = tuple[Lab, Agent]
RELOAD = "they see the change after File > Reload Notebook from Disk"

pytestmark = pytest.mark.parametrize("lab", [PLAIN], ids=str, indirect=True)


def test_an_edit_is_seen_after_reloading_from_disk(opened: Callable[..., Work]) -> None:
    lab, agent = opened("a = 1")

    lab.edit(0)
    lab.type("0")
    said = agent.call("insert_cells", cells=["b = 2"]).text
    lab.menu("File", "Reload Notebook from Disk")
    lab.answer("Reload Notebook from Disk", "Reload")

    assert said.count(RELOAD) == 1
    lab.shows("a = 1", "b = 2")


def test_revert_shows_the_agents_edit(opened: Callable[..., Work]) -> None:
    lab, agent = opened("a = 1")

    agent.call("insert_cells", cells=["b = 2"])
    lab.edit(0)
    lab.type("0")
    lab.press("Control+s")
    lab.answer("File Changed", "Revert")

    lab.shows("a = 1", "b = 2")
    said = agent.call("edit_cell", cell=agent.handles[1], old_string="2", new_string="3").text
    assert "gone" not in said
    lab.is_saved_with("a = 1", "b = 3")


def test_overwrite_removes_the_agents_edit_and_the_next_answer_says_so(
    opened: Callable[..., Work],
) -> None:
    lab, agent = opened("a = 1")

    agent.call("insert_cells", cells=["b = 2"])
    lab.edit(0)
    lab.type("0")
    lab.press("Control+s")
    lab.answer("File Changed", "Overwrite")
    lab.is_saved_with("a = 10")
    said = agent.call("insert_cells", cells=["c = 3"]).text

    assert "the person's tab has overwritten it" in said
    lab.is_saved_with("a = 10", "c = 3")


def test_what_a_person_has_not_saved_stays_in_their_tab(opened: Callable[..., Work]) -> None:
    lab, agent = opened("a = 1")

    lab.edit(0)
    lab.type("0")
    agent.call("insert_cells", cells=["b = 2"])
    lab.press("Control+s")
    lab.answer("File Changed", "Cancel")
    lab.type("0")

    lab.shows("a = 100")
    lab.is_saved_with("a = 1", "b = 2")
