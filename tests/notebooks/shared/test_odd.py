"""Rooms in states that are rare, and documents that are odd or large."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pycrdt import Map, Text

from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.editing.targets import handle_of, target

from .server import PATH, Kind, Shared, appended, config, rewritten

NEW_PATH = "b.ipynb"


async def test_a_notebook_that_is_renamed_under_its_room_is_edited_by_its_new_path(
    shared: Shared,
) -> None:
    async with shared.browser() as tab:
        await shared.fetch(
            "api", "contents", PATH, method="PATCH", body=json.dumps({"path": NEW_PATH})
        )

        await shared.change(appended("c"), NEW_PATH)
        await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c"])
        await shared.until_saved("a = 1", "b = 2", "c", path=NEW_PATH)

        assert not shared.file().exists()


async def test_a_cell_that_is_deleted_and_restored_has_its_handle_and_is_edited(
    shared: Shared,
) -> None:
    async with shared.browser() as tab:
        handle = (await shared.change(lambda draft: handle_of(draft, 1))).value
        removed = tab.document.ycells.pop(1)
        await tab.until_sent()
        gone = await shared.change(lambda draft: tuple(draft.ids))
        kept: dict[str, Any] = {**removed, "source": Text("b = 2"), "outputs": []}
        tab.document.ycells.append(Map({"metadata": Map(), **kept}))
        await tab.until_sent()

        def edit(draft: Draft) -> None:
            draft.set_source(target(draft, handle, needs_hash=True), "b = 3")

        await shared.change(edit)
        await tab.until(lambda: tab.sources == ["a = 1", "b = 3"])

        assert gone.value == ("cell0",)


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧 = 1", "e\u0301 = 1", "x = '\U0001f600' * 2", "ﷺ\n\t\u200b"]
)
async def test_a_text_beyond_ascii_is_spliced_around_what_a_person_types(
    shared: Shared, text: str
) -> None:
    async with shared.browser() as tab:
        await shared.change(rewritten(0, f"{text} # one"))
        await tab.until(lambda: tab.sources[0] == f"{text} # one")
        tab.document.ycells[0]["source"].insert(0, "é")
        await tab.until_sent()

        await shared.change(rewritten(0, f"é{text} # two"))
        await tab.until(lambda: tab.sources[0] == f"é{text} # two")


async def test_a_notebook_of_2000_cells_and_a_source_of_5_mb_are_edited_in_a_room(
    shared: Shared,
) -> None:
    shared.make(*(f"x{n} = {n}" for n in range(2_000)), path=NEW_PATH)
    long = "# é\n" * 1_000_000
    async with shared.browser(NEW_PATH) as tab:
        await shared.change(rewritten(1_999, long), NEW_PATH)
        await tab.until(lambda: tab.sources[1_999] == long)
        await shared.change(rewritten(1_000, "y"), NEW_PATH)
        await tab.until(lambda: tab.sources[1_000] == "y")

        assert len(tab.sources) == 2_000


class TestBothPackages:
    """A server on which both packages are enabled: the rooms of the one that serves them count."""

    @pytest.fixture
    def kind(self) -> Kind:
        return "jupyter_server_documents"

    @pytest.fixture
    def jp_server_config(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        monkeypatch.chdir(tmp_path)
        return config("jupyter_server_ydoc", "jupyter_server_documents")

    async def test_an_edit_shows_in_the_tab(self, shared: Shared) -> None:
        async with shared.browser() as tab:
            await shared.change(appended("c"))
            await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c"])

    async def test_asking_for_a_notebook_that_is_not_open_opens_no_room(
        self, shared: Shared
    ) -> None:
        shared.make("alone", path=NEW_PATH)

        await shared.change(appended("c"), NEW_PATH)

        assert shared.in_file(NEW_PATH) == ["alone", "c"]
        assert shared.open_rooms == []
