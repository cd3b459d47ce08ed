"""Edits of an agent and a person around rooms of a real server that open and close, in any order.

The person types in the first cell, the agent edits the others, in the room or in the file. What the
person types in the last moment of a room of jupyter_server_ydoc is lost with the room.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Literal, TypeAlias

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing.targets import handle_of
from tests.notebooks.browsers import SECONDS, Browser
from tests.notebooks.expected import examples

from .server import Shared

Act: TypeAlias = Literal["type", "insert", "edit", "delete", "move"]

pytestmark = pytest.mark.timeout(600)

ACTS = st.lists(
    st.sampled_from(["type", "insert", "edit", "delete", "move"]), min_size=1, max_size=4
)
STORY = st.lists(st.tuples(st.booleans(), ACTS), min_size=2, max_size=4)
"""Whether a tab is open, and what is done then; the tab is closed behind it."""

numbers = count(1)


@examples(8, 1)
@given(story=STORY)
def test_what_an_agent_edits_is_in_the_file_once_its_rooms_have_closed(
    shared: Shared, jp_asyncio_loop: asyncio.AbstractEventLoop, story: Any
) -> None:
    told = Told(shared, f"folder/story{next(numbers)}.ipynb")
    jp_asyncio_loop.run_until_complete(told.all(story))


class Told:
    """One story of one notebook; ``wanted`` are the texts of its cells but the first."""

    def __init__(self, shared: Shared, path: str) -> None:
        self.shared = shared
        self.path = path
        self.wanted = ["<b>", "<c>"]
        self.typed: list[str] = []
        shared.make("<a>", *self.wanted, path=path)

    async def all(self, story: Any) -> None:
        for is_open, acts in story:
            if is_open:
                async with self.shared.browser(self.path) as tab:
                    for act in acts:
                        await self.do(act, tab)
                    await tab.until(lambda: tab.sources[1:] == self.wanted)
                await self.shared.closed(self.path)
            else:
                for act in acts:
                    await self.do(act, None)
            await asyncio.wait_for(self.until_in_file(), SECONDS)

    async def do(self, act: Act, tab: Browser | None) -> None:
        text = f"<{next(numbers)}é>"
        if act == "type":
            if tab is not None:
                self.typed.append(text)
                tab.document.ycells[0]["source"].insert(0, text)
                await tab.until_sent()
            return
        changed = await self.shared.change(partial(self.edit, act, text), self.path)
        assert changed.home == ("file" if tab is None else "room")
        assert changed.notes == ()
        if changed.home == "file":
            assert self.shared.in_file(self.path)[1:] == self.wanted

    def edit(self, act: Act, text: str, draft: Draft) -> None:
        wanted = [draft.cell(index).source for index in range(1, len(draft.ids))]
        assert wanted == self.wanted
        if act == "insert" or not wanted:
            edits.insert(draft, [NewCell(source=text)], handle_of(draft, 0))
            wanted = [text, *wanted]
        elif act == "edit":
            edits.rewrite(draft, handle_of(draft, 1), source=wanted[0] + text)
            wanted[0] += text
        elif act == "delete":
            edits.delete(draft, [handle_of(draft, 1)])
            del wanted[0]
        else:
            edits.move(draft, [draft.ids[-1]], draft.ids[0])
            wanted = [wanted[-1], *wanted[:-1]]
        self.wanted = wanted

    async def until_in_file(self) -> None:
        """Return when the file has what the agent has edited, and no more."""
        while self.others_in_file() != self.wanted:  # noqa: ASYNC110  # not all rooms tell
            await asyncio.sleep(0.01)
        node = json.loads(self.shared.file(self.path).read_text())
        nbformat.validate(node)
        first = self.shared.in_file(self.path)[0]
        assert first.count("<a>") == 1
        for text in self.typed:
            assert first.count(text) == 1 or (self.shared.is_ydoc and text not in first)

    def others_in_file(self) -> list[str] | None:
        with suppress(OSError, json.JSONDecodeError):  # it is being written
            return self.shared.in_file(self.path)[1:]
        return None
