"""Notebooks changed in the rooms in which people have them open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.shared.collaborators import Collaborators
from jupyter_mcp_ext.notebooks.shared.home import RoomHomes
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebooks

from .server import NOT_YET, PATH, Kind, Shared, appended, rewritten


async def test_an_edit_shows_in_the_tab_and_is_saved_by_the_room(shared: Shared) -> None:
    async with shared.browser() as tab:
        changed = await shared.change(appended("c = 'é'"))
        await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c = 'é'"])
        await shared.until_saved(*tab.sources)

        assert (changed.value, changed.home, changed.saved) == ("inserted", "room", NOT_YET)


async def test_what_a_person_types_meanwhile_stays(shared: Shared) -> None:
    async with shared.browser() as tab:
        await shared.change(rewritten(0, "a = 10"))
        typed = tab.document.ycells[0]["source"]
        typed.insert(0, "# typed\n")
        await tab.until(lambda: tab.sources[0] == "# typed\na = 10")
        await tab.until_sent()

        await shared.change(appended("c"))
        await tab.until(lambda: len(tab.sources) == 3)

        found = await shared.change(lambda draft: draft.cell(0).source)
        assert found.value == "# typed\na = 10"


async def test_cells_with_one_id_are_read_with_the_ids_by_which_they_are_edited(
    shared: Shared,
) -> None:
    async with shared.browser() as tab:
        shared.never_save()  # a save gives the second cell another id
        tab.document.ycells[1]["id"] = "cell0"
        await tab.until_sent()
        read = await LiveNotebooks(shared.rooms, shared.serverapp.log).reader(PATH)
        assert read is not None
        content: Any = await asyncio.to_thread(read.read)
        ids = [cell["id"] for cell in content["cells"]]

        await shared.change(lambda draft: draft.set_source(draft.ids.index(ids[1]), "b = 'two'"))
        await tab.until(lambda: tab.sources == ["a = 1", "b = 'two'"])

        assert ids == ["cell0", "cell0-2"]


async def test_what_a_change_refuses_is_not_changed(shared: Shared) -> None:
    async with shared.browser() as tab:

        def refuse(draft: Draft) -> None:
            msg = f"no: {draft.ids[0]}"
            raise ContentsError(msg)

        with pytest.raises(ContentsError, match="no: cell0"):
            await shared.change(refuse)
        await tab.until_sent()
        assert tab.sources == ["a = 1", "b = 2"]


async def test_a_read_only_file_behind_a_room_is_an_error(shared: Shared) -> None:
    shared.make("a", path="read-only.ipynb")
    async with shared.browser("read-only.ipynb") as tab:
        with pytest.raises(ContentsError, match="is read-only, so its shared room would not"):
            await shared.change(appended("c"), "read-only.ipynb")
        await tab.until_sent()
        assert tab.sources == ["a"]


class TestYdoc:
    """What only rooms of jupyter_server_ydoc do."""

    @pytest.fixture
    def kind(self) -> Kind:
        return "jupyter_server_ydoc"

    async def test_an_edit_is_saved_once_the_room_says_so(self, shared: Shared) -> None:
        async with shared.browser():
            async with shared.heard("save"):
                await shared.change(appended("c"))

            read = await shared.change(lambda draft: draft.cell(2).source)
            assert (read.value, read.saved) == ("c", "saved")

    async def test_a_file_that_is_gone_behind_its_room_is_an_error(self, shared: Shared) -> None:
        async with shared.browser() as tab:
            shared.file().unlink()
            with pytest.raises(ContentsError, match="its file is gone, so the room can no longer"):
                await shared.change(appended("c"))
            assert tab.sources == ["a = 1", "b = 2"]

    async def test_a_file_that_is_gone_from_the_disk_of_jupyters_own_manager_is_an_error(
        self, shared: Shared
    ) -> None:
        async with shared.browser() as tab:
            own = AsyncLargeFileManager(root_dir=shared.contents.root_dir)
            shared.room_homes = RoomHomes(shared.rooms, shared.unsaved, own)
            await shared.change(appended("c"))
            await shared.until_saved("a = 1", "b = 2", "c")

            shared.file().unlink()
            with pytest.raises(ContentsError, match="its file is gone, so the room can no longer"):
                await shared.change(appended("d"))
            await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c"])

    async def test_with_autosave_off_the_answer_says_that_a_person_has_to_save(
        self, shared: Shared
    ) -> None:
        async with shared.browser() as tab:
            await tab.say(user={"name": "Bob"}, autosave=False)
            await shared.until_told("autosave")

            changed = await shared.change(appended("c"))

            assert changed.saved == (
                "not saved: autosave is off in JupyterLab, so a person has to save the notebook"
            )
            agents = Collaborators(shared.rooms)
            async with agents.shown(PATH, "Claude Code (for alice)"):
                assert (await shared.change(appended("d"))).saved == changed.saved
