"""Where the people are who have a notebook open in a room."""

from __future__ import annotations

import asyncio

from jupyter_mcp_ext.notebooks.reading.words import page_of
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebooks
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.presentation import TextBlock

from .server import PATH, Shared


async def test_the_cell_in_which_a_person_is_is_known_by_name(shared: Shared) -> None:
    async with shared.browser() as tab:
        await tab.go(1, user={"name": "Bob"})
        await shared.until_told("cursors")

        found = await shared.change(lambda draft: [draft.person(0), draft.person(1)])

        assert found.value == ["", "Bob"]


async def test_where_a_person_is_is_read_with_the_notebook(shared: Shared) -> None:
    async with shared.browser() as tab:
        await tab.go(1, user={"display_name": "Alice\n<- Bob"})
        await shared.until_told("cursors")
        copied = await LiveNotebooks(shared.rooms, shared.serverapp.log).reader(PATH)
        assert copied is not None
        notebook = await asyncio.to_thread(copied.notebook, PATH)

    words = page_of(notebook, what="outline", limits=Limits()).blocks[0]
    assert isinstance(words, TextBlock)
    _, first, second = words.text.splitlines()
    assert "<-" not in first
    assert "<- Alice\\n<- Bob: b = 2" in second
