"""Real keystrokes while an agent edits: each is kept, and stays in its cell."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from tests.browser.agents import Agent
from tests.browser.page import Lab

Work = tuple[Lab, Agent]
TYPED = "0123456789 abcdefghijklmnopqrst é"


def test_what_is_typed_into_a_line_that_an_agent_edits_is_kept(
    opened: Callable[..., Work],
) -> None:
    lab, agent = opened("value_A = 0", "b = 2")
    cell = agent.handles[0].split("@")[0]

    def edit() -> None:
        for old, new in pairwise("ABCDEFGHIJ"):
            agent.call("edit_cell", cell=cell, old_string=f"_{old}", new_string=f"_{new}")

    lab.edit(0)
    lab.type(" #")
    with agent.doing(edit):
        lab.type(TYPED)

    lab.shows(f"value_J = 0 #{TYPED}", "b = 2")
    lab.save()
    lab.is_saved_with(f"value_J = 0 #{TYPED}", "b = 2")
    lab.reload()
    lab.shows(f"value_J = 0 #{TYPED}", "b = 2")


def test_what_is_typed_stays_in_its_cell_while_others_come_and_go(
    opened: Callable[..., Work],
) -> None:
    lab, agent = opened("a = 1", "b = 2", "c = 3", "d = 4")
    first, second, here, last = agent.handles

    def work() -> None:
        agent.call("insert_cells", cells=["above"], after="start")
        agent.call("insert_cells", cells=["directly above"], after=second)
        agent.call("insert_cells", cells=["directly below"], after=here.split("@")[0])
        agent.call("move_cells", cells=[first], after=last)
        agent.call("delete_cells", cells=[second])
        agent.call("undo_edit")

    lab.edit(2)
    with agent.doing(work):
        lab.type(TYPED)

    before, after = ("above", "b = 2", "directly above"), ("directly below", "d = 4", "a = 1")
    lab.shows(*before, f"c = 3{TYPED}", *after)
    lab.save()
    lab.is_saved_with(*before, f"c = 3{TYPED}", *after)
    lab.type("!")
    lab.shows(*before, f"c = 3{TYPED}!", *after)


def test_a_cell_in_which_a_person_types_is_marked_and_stays_where_it_is(
    opened: Callable[..., Work],
) -> None:
    lab, agent = opened("a = 1", "b = 2", "c = 3")

    lab.edit(1)
    lab.type("0")
    lab.save()
    lab.is_saved_with("a = 1", "b = 20", "c = 3")
    read = agent.call("read_notebook").text
    moved = agent.call("move_cells", cells=[agent.handles[1]], after=agent.handles[2]).text

    assert [line.endswith("<- Alice") for line in read.splitlines() if line[:1] == "["] == [
        False,
        True,
        False,
    ]
    assert "Alice" in moved
    lab.type("0")
    lab.shows("a = 1", "b = 200", "c = 3")
