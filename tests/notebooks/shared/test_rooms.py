"""Rooms in which people have notebooks open: found, waited for, and never opened."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_mcp_ext.notebooks.draft import Gone
from jupyter_mcp_ext.notebooks.shared.loading import RoomLoading
from tests.notebooks.browsers import SECONDS

from .server import PATH, Shared, appended


async def test_a_notebook_that_is_not_open_has_no_room_and_asking_opens_none(
    shared: Shared,
) -> None:
    assert await shared.rooms.open(PATH) is None
    assert await shared.rooms.open("nowhere.ipynb") is None
    assert shared.file_ids.get_id(PATH) is None

    shared.file_ids.index(PATH)
    assert await shared.rooms.open(PATH) is None
    assert shared.open_rooms == []


async def test_a_room_that_has_closed_says_so_before_anything_is_changed(shared: Shared) -> None:
    async with shared.browser():
        home = await shared.room_homes.find(PATH, shared.homes._carry_over)
    await shared.closed()

    assert home is not None
    with pytest.raises(Gone):
        await home.change(appended("c"))
    assert shared.in_file() == ["a = 1", "b = 2"]
    assert await shared.rooms.open(PATH) is None


async def test_a_room_that_has_not_loaded_its_notebook_is_waited_for(shared: Shared) -> None:
    shared.contents.may_read.clear()
    async with shared.browser(is_loaded=False) as tab:
        await asyncio.wait_for(shared.contents.is_reading.wait(), SECONDS)
        with pytest.raises(RoomLoading, match="has not loaded it yet"):
            await shared.rooms.open(PATH, wait=0.01)
        waiting = asyncio.create_task(shared.change(appended("c")))
        await asyncio.sleep(0)
        shared.contents.may_read.set()

        await waiting
        await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c"])


async def test_a_document_that_is_open_is_found_by_the_folders_above_it(shared: Shared) -> None:
    assert not shared.rooms.has_below("folder")

    async with shared.browser():
        assert shared.rooms.has_below("folder")
        assert not shared.rooms.has_below("fold")
        assert not shared.rooms.has_below(PATH)
    await shared.closed()

    assert not shared.rooms.has_below("folder")
