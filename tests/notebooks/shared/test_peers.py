"""Faults that other servers have in notebooks that people have open, which must not happen here.

Those that are tested elsewhere:

- text of the tool saved as an output: `tests/test_peers.py`
- a cell that is moved while a person is in it: `test_draft.py`, `tests/browser/test_typing.py`
- outputs in the wrong cell, or mixed with a person's: `tests/operations/test_live_cells.py`
- edits of a room that closes, or cannot save: `test_unsaved.py`, `test_home.py`
- agents that are shown although they are gone: `test_collaborators.py`
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_mcp_ext.errors import InvalidArgument, ToolError
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.draft import Changed, Draft
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing.edits import Edited
from jupyter_mcp_ext.notebooks.editing.targets import StaleHandle, handle_of

from .server import Shared

EDITS: dict[str, Callable[[Draft], Edited]] = {
    "a part": lambda d: edits.rewrite(d, d.ids[0], old="1", new="é1"),
    "a whole source": lambda d: edits.rewrite(d, handle_of(d, 1), source="b = 'whole 😀'"),
    "another type": lambda d: edits.rewrite(d, handle_of(d, 1), cell_type="markdown"),
    "a cell at the top": lambda d: edits.insert(d, [NewCell(source="top")], "start"),
    "cells at the end": lambda d: edits.insert(d, [NewCell(source=s) for s in "xy"], None),
    "a move": lambda d: edits.move(d, [d.ids[0]], d.ids[2]),
    "a deletion": lambda d: edits.delete(d, [handle_of(d, 1)]),
    "no outputs": lambda d: edits.clear(d, None),
}


async def test_after_each_edit_of_an_agent_the_tab_and_the_room_stay_in_step(
    shared: Shared,
) -> None:
    async with shared.browser() as tab:
        document = await shared.document()
        for number, (name, edit) in enumerate(EDITS.items()):
            await shared.change(edit)
            shown = [str(cell["source"]) for cell in document.ycells]
            await tab.until(lambda shown=shown: tab.sources == shown)  # type: ignore[misc]  # bound now

            for cell in tab.document.ycells:
                cell["source"].insert(0, f"# {number}\n")
            await tab.until_sent()

            assert [str(cell["source"]) for cell in document.ycells] == tab.sources, name
        await shared.until_saved(*tab.sources)
        assert len(tab.sources) == len({cell["id"] for cell in tab.document.ycells}) == 4


async def test_an_edit_goes_to_the_cell_that_was_read_wherever_people_have_put_it(
    shared: Shared,
) -> None:
    read = (await _handles(shared)).value
    async with shared.browser() as tab:
        tab.document.ycells.insert(0, tab.document.create_ycell(_cell("a person's")))
        tab.document.ycells[2]["source"].insert(0, "# changed\n")
        await tab.until_sent()

        await shared.change(lambda d: edits.rewrite(d, read[0], source="a = 'agent'"))
        for refused, why in (
            (lambda d: edits.rewrite(d, read[1], source="b"), StaleHandle),
            (lambda d: edits.delete(d, [read[1]]), StaleHandle),
            (lambda d: edits.rewrite(d, 0, source="by index"), InvalidArgument),
            (lambda d: edits.rewrite(d, "0", source="by index"), InvalidArgument),
            (lambda d: edits.delete(d, ["0"]), InvalidArgument),
            (lambda d: edits.rewrite(d, read[1], old="not there", new="b"), ToolError),
        ):
            with pytest.raises(why):
                await shared.change(refused)

        await tab.until(lambda: tab.sources == ["a person's", "a = 'agent'", "# changed\nb = 2"])
        await shared.until_saved(*tab.sources)


async def test_no_character_that_a_person_types_into_an_edited_line_is_lost(
    shared: Shared,
) -> None:
    shared.make("é😀👩‍👧 = 0 # ", "b")
    typed = "ä😀z" * 10
    async with shared.browser() as tab:
        source = tab.document.ycells[0]["source"]
        for number, character in enumerate(typed):
            source += character
            await shared.change(
                lambda d, n=number: edits.rewrite(d, d.ids[0], old=f"= {n} #", new=f"= {n + 1} #")  # type: ignore[misc]  # bound now
            )
        await tab.until_sent()
        await tab.until(lambda: tab.sources[0] == f"é😀👩‍👧 = 30 # {typed}")
        await shared.until_saved(*tab.sources)


async def test_what_an_answer_calls_saved_is_in_the_file(shared: Shared) -> None:
    async with shared.browser():
        for number in range(2):
            made = f"made = {number}"
            await shared.change(
                lambda d, made=made: edits.insert(d, [NewCell(source=made)], None)  # type: ignore[misc]  # bound now
            )
            while (await _handles(shared)).saved != "saved":  # noqa: ASYNC110  # not all rooms tell
                await asyncio.sleep(0.01)
            assert made in shared.in_file()


async def test_a_notebook_that_is_opened_again_has_each_cell_once(shared: Shared) -> None:
    expected = ["a = 1", "b = 2"]
    for name in ("first", "second", "third"):
        async with shared.browser(is_loaded=False) as tab:  # the edit comes while it is opened
            await shared.change(
                lambda d, name=name: edits.insert(d, [NewCell(source=name)], None)  # type: ignore[misc]  # bound now
            )
            expected.append(name)
            await tab.until(lambda: tab.sources == expected)
        await shared.closed()
        await shared.until_saved(*expected)


async def _handles(shared: Shared) -> Changed[list[str]]:
    return await shared.change(lambda d: [handle_of(d, n) for n in range(len(d.ids))])


def _cell(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": "of-a-person",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
