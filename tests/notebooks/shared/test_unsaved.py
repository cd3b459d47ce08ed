"""Edits that a room has not saved yet: saved, carried over to the file, or reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from jupyter_mcp_ext.notebooks.draft import Change, Draft
from jupyter_mcp_ext.notebooks.shared import live, unsaved
from jupyter_mcp_ext.notebooks.shared.cells import is_busy
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebooks
from tests.notebooks.browsers import SECONDS

from .server import NOT_YET, PATH, Kind, Shared, appended, rewritten


async def test_an_edit_in_the_last_moment_of_a_room_is_in_the_file(shared: Shared) -> None:
    async with shared.browser() as tab:
        await tab.until(lambda: len(tab.sources) == 2)
        await shared.change(appended("c = 3"))
        await shared.change(rewritten(0, "a = 'edited'"))
        await shared.change(lambda draft: draft.remove(1))
    await shared.closed()

    await shared.until_saved("a = 'edited'", "c = 3")
    assert await shared.rooms.open(PATH) is None


async def test_edits_in_an_open_room_are_in_the_file_when_the_server_stops(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The edit is not forgotten before, and the last save may take long.
    monkeypatch.setattr(unsaved, "MARGIN", float(SECONDS))
    monkeypatch.setattr(unsaved, "LAST", 3.0 * SECONDS)
    async with shared.browser() as tab:
        rooms = shared.ydoc.ywebsocket_server.rooms.values() if shared.is_ydoc else ()
        for room in rooms:  # a save that begins before the person types has the edit alone
            room._save_delay = SECONDS
        await shared.change(appended("c = 3"))
        await tab.until(lambda: len(tab.sources) == 3)
        for room in rooms:
            room._save_delay = shared.ydoc.document_save_delay
        tab.document.ycells[0]["source"].insert(0, "# typed\n")
        await tab.until_sent()

        await shared.unsaved.close()

        assert shared.in_file() == ["# typed\na = 1", "b = 2", "c = 3"]
        assert await shared.rooms.open(PATH) is None


class TestYdoc:
    """What only rooms of jupyter_server_ydoc do."""

    @pytest.fixture
    def kind(self) -> Kind:
        return "jupyter_server_ydoc"

    async def test_an_edit_that_a_closing_room_did_not_save_is_carried_over_to_the_file(
        self, shared: Shared
    ) -> None:
        async with shared.browser() as tab:
            await tab.until(lambda: len(tab.sources) == 2)
            shared.never_save()
            await shared.change(appended("c = 3"))
            await shared.change(rewritten(0, "a = 'edited'"))
            await shared.change(lambda draft: draft.remove(1))
        await asyncio.wait_for(shared.is_carried.wait(), SECONDS)

        assert shared.in_file() == ["a = 'edited'", "c = 3"]
        assert shared.lost == [PATH]
        assert await shared.rooms.open(PATH) is None

    async def test_edits_that_no_open_room_saves_are_carried_over_when_the_server_stops(
        self, shared: Shared
    ) -> None:
        async with shared.browser() as tab:
            await tab.say(user={"name": "Bob"}, autosave=False)
            await shared.until_told("autosave")
            await shared.change(appended("c = 3"))

            await shared.unsaved.close()

            assert shared.in_file() == ["a = 1", "b = 2", "c = 3"]

    async def test_an_edit_that_is_in_the_way_of_another_is_reported(self, shared: Shared) -> None:
        async with shared.browser():
            shared.never_save()
            await shared.change(rewritten(0, "a = 'agent'"))
            shared.make("a = 'person'", "b = 2")
        await asyncio.wait_for(shared.is_carried.wait(), SECONDS)

        assert shared.in_file() == ["a = 'person'", "b = 2"]
        [note] = (await shared.change(lambda draft: len(draft.ids))).notes
        assert note == "the last edit of cell0 was lost when the notebook's room closed"
        assert (await shared.change(lambda draft: len(draft.ids))).notes == ()

    async def test_who_has_made_the_edit_that_was_lost_is_told_and_no_other(
        self, shared: Shared
    ) -> None:
        async with shared.browser():
            shared.never_save()
            await shared.change(rewritten(0, "a = 'agent'"), by="first")
            await shared.change(appended("c = 3"), by="second")
            shared.make("a = 'person'", "b = 2")
        await asyncio.wait_for(shared.is_carried.wait(), SECONDS)

        assert shared.in_file() == ["a = 'person'", "b = 2", "c = 3"]
        second = await shared.change(lambda draft: len(draft.ids), by="second")
        first = await shared.change(lambda draft: len(draft.ids), by="first")
        assert second.notes == ()
        assert first.notes == ("the last edit of cell0 was lost when the notebook's room closed",)

    async def test_an_edit_that_cannot_be_carried_over_for_any_reason_is_reported(
        self, shared: Shared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(draft: Draft) -> Sequence[str]:
            return [draft.ids[99]]

        async with shared.browser():
            shared.never_save()
            await shared.change(appended("c = 3"))
            monkeypatch.setattr(unsaved, "carried_over", lambda *_: fails)

            await shared.unsaved.close()

        [note] = (await shared.change(lambda draft: len(draft.ids))).notes
        assert note == (
            "the last edit was lost when the notebook's room closed: the server's log has the "
            "details"
        )

    async def test_a_cell_that_a_person_has_moved_too_is_there_once_when_the_room_is_free(
        self, shared: Shared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unsaved, "MOVED", 0.0)
        shared.make("a = 1", "b = 2", "c = 3")
        async with shared.browser() as tab:
            document = await shared.document()
            await shared.change(lambda draft: draft.move(0, 2))
            # As if the person's move had come at the same time.
            with document.ydoc.transaction():
                document.ycells.append(document.create_ycell(document.get_cell(2)))
            reading = document.ydoc.transaction()
            reading.__enter__()  # as the room does while it reads its file again
            is_looked_at = asyncio.Event()
            asyncio.get_running_loop().call_later(0.01, is_looked_at.set)  # behind our look
            await is_looked_at.wait()
            reading.__exit__(None, None, None)

            await tab.until(lambda: tab.sources == ["b = 2", "c = 3", "a = 1"])

    async def test_an_edit_that_the_file_of_another_program_replaces_is_reported(
        self, shared: Shared
    ) -> None:
        async with shared.browser() as tab:
            async with shared.heard("overwrite"):
                await shared.change(rewritten(0, "a = 'agent'"))
                shared.make("a = 'program'", "b = 2")
            await tab.until(lambda: tab.sources == ["a = 'program'", "b = 2"])

            [note] = (await shared.change(lambda draft: len(draft.ids))).notes
            assert note == "another program saved the file, and its content replaced your edit"

    async def test_an_edit_waits_until_the_room_has_read_its_file_again(
        self, shared: Shared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "LOADING", float(SECONDS))
        many = [f"x{n}" for n in range(300)]
        shared.make(*many)
        async with shared.browser() as tab:
            document = await shared.document()
            shared.make(*(f"new {source}" for source in many))
            reading = asyncio.create_task(shared.read_again())
            while not is_busy(document):  # noqa: ASYNC110  # gives the room its turn
                await asyncio.sleep(0)
            copied = await LiveNotebooks(shared.rooms, shared.serverapp.log).reader(PATH)
            changed = await shared.change(rewritten(0, "edited"))

            assert changed.saved == NOT_YET
            assert copied is not None
            content: Any = copied.read()
            assert {cell["source"][:4] for cell in content["cells"]} == {"new "}
            await reading
            await tab.until(lambda: tab.sources[:2] == ["edited", "new x1"])
            await shared.until_saved("edited", *(f"new {source}" for source in many[1:]))


class TestDocuments:
    """What only rooms of jupyter_server_documents do."""

    @pytest.fixture
    def kind(self) -> Kind:
        return "jupyter_server_documents"

    async def test_an_edit_of_a_room_that_is_saving_for_the_last_time_waits_for_it(
        self, shared: Shared
    ) -> None:
        async with shared.browser():
            await shared.change(appended("c = 3"))
        room_id = f"json:notebook:{shared.file_ids.get_id(PATH)}"
        shared.documents.get_room(room_id).stop()

        changed = await shared.change(appended("d = 4"))

        assert (changed.home, changed.saved) == ("file", "saved")
        assert shared.in_file() == ["a = 1", "b = 2", "c = 3", "d = 4"]

    async def test_a_room_that_does_not_stop_does_not_keep_the_server_from_it(
        self, shared: Shared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(_: str) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(unsaved, "MARGIN", float(SECONDS))  # it is not forgotten before
        monkeypatch.setattr(unsaved, "LAST", 0.01)
        async with shared.browser():
            shared.never_save()  # at the same time as the edit is carried over
            await shared.change(appended("c = 3"))
            monkeypatch.setattr(unsaved, "MARGIN", -1.0)
            with monkeypatch.context() as patch:
                patch.setattr(shared.documents, "delete_room", never)

                await asyncio.wait_for(shared.unsaved.close(), SECONDS)

            assert shared.in_file() == ["a = 1", "b = 2", "c = 3"]
            [room] = shared.documents.list_document_rooms()
            await shared.documents.delete_room(room.room_id)

    async def test_a_room_that_takes_long_to_save_as_the_server_stops_is_not_kept_from_it(
        self, shared: Shared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unsaved, "MARGIN", float(SECONDS))  # it is not forgotten before
        monkeypatch.setattr(unsaved, "LAST", 0.01)
        is_over, close = asyncio.Event(), shared.rooms.close

        def closed() -> None:
            is_over.set()
            close()

        monkeypatch.setattr(shared.rooms, "close", closed)
        async with shared.browser() as tab:
            shared.contents.may_save.clear()
            await shared.change(appended("c = 3"))
            await tab.until(lambda: len(tab.sources) == 3)
            await asyncio.wait_for(shared.contents.is_saving.wait(), SECONDS)
            tab.document.ycells[0]["source"].insert(0, "# typed\n")
            await tab.until_sent()
            monkeypatch.setattr(unsaved, "MARGIN", -1.0)
            closing = asyncio.create_task(shared.unsaved.close())
            await asyncio.wait_for(is_over.wait(), SECONDS)  # it has been waited for

            shared.contents.may_save.set()

            await asyncio.wait_for(closing, SECONDS)
            assert shared.in_file() == ["# typed\na = 1", "b = 2", "c = 3"]
            await shared.documents.stop()

    async def test_an_edit_that_the_room_replaces_as_it_reads_its_file_again_is_reported(
        self, shared: Shared
    ) -> None:
        async with shared.browser() as tab:
            shared.contents.may_read.clear()
            shared.contents.is_reading.clear()
            shared.make("a = 'program'", "b = 2")
            await asyncio.wait_for(shared.contents.is_reading.wait(), SECONDS)
            await shared.change(rewritten(0, "a = 'agent'"))
            shared.contents.may_read.set()
            await tab.until(lambda: tab.sources == ["a = 'program'", "b = 2"])

            [note] = (await shared.change(lambda draft: len(draft.ids))).notes
            assert note == "another program saved the file, and its content replaced your edit"

    @pytest.mark.parametrize(
        "edit",
        [
            lambda draft: draft.move(0, 1),
            lambda draft: draft.set_outputs(0, [], start=0),
            lambda draft: draft.set_count(0, None),
            lambda draft: draft.set_type(1, "markdown"),
        ],
    )
    async def test_a_move_or_a_cell_cleared_that_the_room_replaces_is_reported(
        self, shared: Shared, edit: Change[None]
    ) -> None:
        node = json.loads(shared.file().read_text())
        output = {"output_type": "stream", "name": "stdout", "text": "1"}
        node["cells"][0] |= {"execution_count": 7, "outputs": [output]}
        text = json.dumps(node)
        shared.file().write_text(text)
        async with shared.browser() as tab:
            shared.contents.may_read.clear()
            shared.contents.is_reading.clear()
            shared.file().write_text(text.replace("b = 2", "b = 'program'"))
            await asyncio.wait_for(shared.contents.is_reading.wait(), SECONDS)
            await shared.change(edit, by="editor")
            shared.contents.may_read.set()
            await tab.until(lambda: tab.sources == ["a = 1", "b = 'program'"])

            found = await shared.change(lambda draft: len(draft.ids), by="editor")
            assert found.notes == (
                "another program saved the file, and its content replaced your edit",
            )

    async def test_that_an_edit_was_replaced_is_found_once_the_document_is_free(
        self, shared: Shared
    ) -> None:
        async with shared.browser() as tab:
            document, loop = await shared.document(), asyncio.get_running_loop()
            held = document.ydoc.transaction()
            is_held = asyncio.Event()

            def hold(_: Any) -> None:
                if not is_held.is_set() and reloading():
                    is_held.set()
                    loop.call_soon(held.__enter__)  # before it is looked what was replaced

            [room] = shared.documents.list_document_rooms()

            def reloading() -> bool:
                return bool(room.file_api.reloading_content)

            subscription = document.ydoc.observe(hold)
            shared.contents.may_read.clear()
            shared.contents.is_reading.clear()
            shared.make("a = 'program'", "b = 2")
            await asyncio.wait_for(shared.contents.is_reading.wait(), SECONDS)
            await shared.change(rewritten(0, "a = 'agent'"))
            shared.contents.may_read.set()
            await tab.until(lambda: tab.sources == ["a = 'program'", "b = 2"])
            await asyncio.wait_for(is_held.wait(), SECONDS)
            held.__exit__(None, None, None)
            document.ydoc.unobserve(subscription)
            await asyncio.wait_for(shared.unsaved._tasks.ended(), SECONDS)

            [note] = (await shared.change(lambda draft: len(draft.ids))).notes
            assert note == "another program saved the file, and its content replaced your edit"

    async def test_an_edit_that_is_there_after_the_room_has_read_its_file_again_is_not_reported(
        self, shared: Shared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unsaved, "MARGIN", float(SECONDS))  # it is not forgotten before
        async with shared.browser() as tab:
            await shared.change(rewritten(0, "a = 'agent'"))
            await shared.until_saved("a = 'agent'", "b = 2")
            [room] = shared.documents.list_document_rooms()
            async with room.file_api._content_lock:  # it has saved, and knows when
                shared.make("a = 'agent'", "b = 'program'")
            await tab.until(lambda: tab.sources == ["a = 'agent'", "b = 'program'"])
            await asyncio.wait_for(shared.unsaved._tasks.ended(), SECONDS)  # it was looked for

            assert room.room_id in shared.unsaved
            assert (await shared.change(lambda draft: len(draft.ids))).notes == ()
