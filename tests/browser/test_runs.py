"""An agent runs cells of a notebook that a person has open, and the person steps in."""

from __future__ import annotations

import os
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.agents import Agent
from tests.browser.gates import Gate
from tests.browser.page import Lab

Work = tuple[Lab, Agent]
PICTURE = os.environ.get("PICTURE", "")
"""Where the picture for the documentation is written, if it is."""


def test_runs_and_what_clears_them_show_in_the_open_tab(opened: Callable[..., Work]) -> None:
    lab, agent = opened("print('one')")

    agent.call("insert_cells", cells=["6 * 7"], run=True)
    expect(lab.output(1)).to_have_text("42")
    expect(lab.prompt(1)).to_have_text("[1]:")
    agent.call("run_cells")
    expect(lab.output(0)).to_have_text("one")
    expect(lab.prompt(1)).to_have_text("[3]:")
    agent.call("clear_outputs")
    expect(lab.output(0)).to_have_count(0)
    expect(lab.prompt(1)).to_have_text("[ ]:")


def press_run(lab: Lab, source: str) -> None:
    """Run the second cell, which has this source, and return when the server knows.

    What is typed afterwards and is in the file has come over the same websocket.
    """
    lab.edit(1)
    lab.press("Control+Enter")
    lab.edit(0)
    lab.type("#")
    lab.save()
    lab.is_saved_with("n = 0#", source)


def test_run_pressed_on_the_cell_that_runs_after_its_first_output(
    opened: Callable[..., Work], gate: Gate
) -> None:
    source = f"n += 1\nprint('begin', n)\n{gate.code}\nprint('end', n)"
    lab, agent = opened("n = 0", source)
    agent.call("run_cells", cells=[agent.handles[0]])

    with agent.calling("run_cells", cells=[agent.handles[1]]) as answer:
        expect(lab.output(1)).to_have_text("begin 1")
        press_run(lab, source)
        gate.let_through()
    expect(lab.output(1)).to_have_text("begin 2")
    gate.let_through()

    assert "end 1" in answer.result().text
    expect(lab.output(1)).to_have_text("begin 2\nend 2")
    expect(lab.prompt(1)).to_have_text("[3]:")


def test_run_pressed_on_the_cell_that_runs_before_its_first_output(
    opened: Callable[..., Work], gate: Gate
) -> None:
    source = f"n += 1\n{gate.code}\nprint('from', n)"
    lab, agent = opened("n = 0", source)
    agent.call("run_cells", cells=[agent.handles[0]])

    with agent.calling("run_cells", cells=[agent.handles[1]]) as answer:
        expect(lab.prompt(1)).to_have_text("[*]:")
        press_run(lab, source)
        gate.let_through()
    gate.let_through()

    assert "from 1" in answer.result().text
    expect(lab.output(1)).to_have_text("from 2")
    expect(lab.prompt(1)).to_have_text("[3]:")
    lab.save()
    lab.is_saved_with_prints("", "from 2\n")
    execution = answer.result().meta["jupyter-mcp-ext/execution"]["execution_id"]
    assert "from 1" in agent.read(execution)


def test_outputs_that_a_person_clears_in_the_middle_do_not_come_back(
    opened: Callable[..., Work], gate: Gate
) -> None:
    lab, agent = opened(f"print('begin')\n{gate.code}\nprint('end')")

    with agent.calling("run_cells") as answer:
        expect(lab.output(0)).to_have_text("begin")
        lab.edit(0)
        lab.menu("Edit", "Clear Cell Output")
        expect(lab.output(0)).to_have_count(0)
        gate.let_through()

    assert "begin\nend" in answer.result().text
    agent.call("insert_cells", cells=["'later'"], run=True)
    expect(lab.output(1)).to_have_text("'later'")
    expect(lab.output(0)).to_have_count(0)


def test_a_tab_closed_in_the_middle_leaves_all_outputs_in_the_file(
    opened: Callable[..., Work], gate: Gate
) -> None:
    lab, agent = opened(f"print('begin')\n{gate.code}\nprint('end')\n{gate.code}\nprint('more')")

    with agent.calling("run_cells") as answer:
        expect(lab.output(0)).to_have_text("begin")
        lab.leave()
        gate.let_through()
        lab.until_room_is_gone()
        gate.let_through()

    assert "more" in answer.result().text
    lab.is_saved_with_prints("begin\nend\nmore\n")
    lab.open(agent.path)
    expect(lab.output(0)).to_have_text("begin\nend\nmore")


def test_an_agent_is_shown_beside_the_person_while_it_runs_cells(
    opened: Callable[..., Work], gate: Gate
) -> None:
    lab, agent = opened("from shop import prices, show_highest", "sum(prices) / len(prices)")
    (lab.server.root_dir / "shop.py").write_text(
        "prices = [3, 4, 5]\n\n\ndef show_highest(of):\n"
        f"    print(max(of), 'is the highest price')\n    {gate.code}\n"
    )

    lab.show_collaborators()
    agent.call("run_cells")
    agent.call("insert_cells", cells=["show_highest(prices)"])
    with agent.calling("run_cells", cells=[agent.handles[2]]):
        expect(lab.collaborators).to_have_text(["Claude Code (for alice)"])
        expect(lab.output(2)).to_have_text("5 is the highest price")
        lab.edit(0)
        if PICTURE:
            lab.page.screenshot(path=PICTURE, clip={"x": 0, "y": 0, "width": 1000, "height": 340})
        gate.let_through()

    expect(lab.collaborators).to_have_count(0)
