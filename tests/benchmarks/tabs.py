"""How soon a person sees what an agent edits, in JupyterLab in a real browser."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Browser

from tests.benchmarks.measures import Row, Samples
from tests.browser.agents import ITS, Agent
from tests.browser.kinds import ROOMS, Kind, running_lab
from tests.browser.page import MILLISECONDS, PANEL, Lab, running_browser

CELLS = 20
TIMES = 60
FIRST = 5
"""Edits before those that are measured."""
GOAL = "150 ms (p95 300)"
WATCH = """
([panel, wanted, milliseconds]) => {
    window.seen = new Promise((resolve, reject) => {
        const notebook = document.querySelector(`${panel} .jp-Notebook`);
        const observer = new MutationObserver(() => {
            const lines = [...notebook.querySelectorAll('.cm-line')];
            if (!lines.some(line => line.textContent === wanted)) return;
            observer.disconnect();
            resolve();
        });
        observer.observe(notebook, { subtree: true, childList: true, characterData: true });
        setTimeout(reject, milliseconds, new Error(`${wanted} is not seen`));
    });
}
"""
SEEN = "() => window.seen"


def tabs(base: Path) -> list[Row]:
    """Cells inserted and edited, with each package for shared documents."""
    with running_browser() as browser:
        return [row for kind in ROOMS for row in _seen(browser, kind, base / f"tab-{kind}")]


def _seen(browser: Browser, kind: Kind, folder: Path) -> list[Row]:
    folder.mkdir()
    with running_lab(kind, folder) as server:
        lab, agent = Lab(browser, server, kind), Agent(server, "seen.ipynb")
        agent.call("create_notebook", cells=[f"x{n} = {n}" for n in range(CELLS)])
        lab.open(agent.path)
        first = agent.handles[0].split("@")[0]
        inserted, edited = Samples(), Samples()
        for number in range(-FIRST, TIMES):
            kept = (inserted, edited) if number >= 0 else (Samples(), Samples())
            _insert_and_edit(lab, agent, first, f"seen_{number + FIRST}", kept)
    return [
        Row(
            name=f"`{tool}` until it is seen in JupyterLab, {kind}, {CELLS} cells",
            figures=str(samples),
            goal=GOAL,
        )
        for tool, samples in (("insert_cells", inserted), ("edit_cell", edited))
    ]


def _insert_and_edit(
    lab: Lab, agent: Agent, first: str, name: str, kept: tuple[Samples, Samples]
) -> None:
    """Insert a cell behind the first, so that it is on the screen, edit it, and delete it."""
    inserted, edited = kept
    cells = _until_seen(lab, agent, name, inserted, "insert_cells", cells=[name], after=first)
    edit = {"cell": cells[0]["handle"], "old_string": name, "new_string": f"{name}_again"}
    cells = _until_seen(lab, agent, f"{name}_again", edited, "edit_cell", **edit)
    agent.call("delete_cells", cells=[cells[0]["handle"]])


def _until_seen(
    lab: Lab, agent: Agent, line: str, samples: Samples, tool: str, **arguments: object
) -> list[dict[str, str]]:
    """Time from a call until the page shows a line; the cells of the answer, which may be later."""
    lab.page.evaluate(WATCH, [PANEL, line, MILLISECONDS])
    begun = time.perf_counter()
    with agent.calling(tool, **arguments) as answer:
        lab.page.evaluate(SEEN)
        samples.milliseconds.append((time.perf_counter() - begun) * 1_000)
    cells: list[dict[str, str]] = answer.result().meta[ITS]["cells"]
    return cells
