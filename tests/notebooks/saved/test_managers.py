"""Notebooks of ContentsManagers that keep them elsewhere: edited there, or left as they are."""

from __future__ import annotations

import copy
import json
import logging
from functools import partial
from typing import Any

import pytest
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.files import McpFiles
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.homes import Homes
from jupyter_mcp_ext.notebooks.running.recording import Recording
from jupyter_mcp_ext.rendering.rendering import Rendering
from tests.notebooks.test_draft import code, notebook
from tests.shelf import Shelf

NAME = "a.ipynb"
PLACE = Place(path=NAME, real=NAME)


class Timeless(Shelf):
    """Knows no time and no size of a file."""

    def get(self, path: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**super().get(path, *args, **kwargs), "last_modified": None, "size": None}


class Remote(Shelf):
    """Answers later, as one that asks another computer."""

    async def get(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        return super().get(*args, **kwargs)

    async def save(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        model = args[0] if args else kwargs["model"]
        path = args[1] if len(args) > 1 else kwargs["path"]
        self._models[path] = {"type": "notebook", "format": "json", "content": model["content"]}
        return super().get(path, content=False)


class Full(Shelf):
    """Fails whenever something is saved over, with an error of its own."""

    error: Exception = HTTPError(507, "/secret/path is full")

    def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        if path in self._models:
            raise self.error
        return super().save(model, path)


class Broken(Full):
    error = RuntimeError("the bucket at /secret/path is gone")


def made(kind: type[Shelf]) -> tuple[Any, Homes]:
    contents = kind()
    node = notebook(code("a1", "x = 1"), code("b2", "y"))
    contents._models[NAME] = {"type": "notebook", "format": "json", "content": node}
    files = McpFiles(contents, None, "/", Rendering(logging.getLogger(__name__)))
    return contents, Homes(contents, files.storage, None)


def kept(contents: Any) -> Any:
    return contents._models[NAME]["content"]


def first_is(source: str, draft: Draft) -> None:
    draft.set_source(0, source)


@pytest.mark.parametrize("kind", [Shelf, Timeless, Remote])
async def test_a_notebook_without_a_disk_is_edited(kind: type[Shelf]) -> None:
    contents, homes = made(kind)
    before = copy.deepcopy(kept(contents))

    changed = await homes.change(PLACE, partial(first_is, "edited"))

    before["cells"][0]["source"] = "edited"
    assert changed.saved == "saved"
    assert kept(contents) == before


@pytest.mark.parametrize("kind", [Shelf, Timeless, Remote])
async def test_a_notebook_that_another_has_saved_in_between_is_edited_as_it_is_then(
    kind: type[Shelf],
) -> None:
    contents, homes = made(kind)
    tries = 0

    def edit(draft: Draft) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            theirs = copy.deepcopy(kept(contents))
            theirs["cells"][1]["source"] = "a person's"
            contents._models[NAME]["content"] = theirs
        first_is("edited", draft)

    await homes.change(PLACE, edit)

    assert [cell["source"] for cell in kept(contents)["cells"]] == ["edited", "a person's"]


@pytest.mark.parametrize("kind", [Shelf, Timeless, Remote])
async def test_a_cell_is_seen_as_another_has_saved_it_when_its_turn_comes(
    kind: type[Shelf],
) -> None:
    contents, homes = made(kind)
    seen: list[str] = []
    recording = Recording(
        partial(homes.change, PLACE),
        see=lambda draft: seen.append(draft.cell(1).source),
        stamp=partial(homes.stamp, PLACE),
        on_let_go=lambda _: None,
        on_failure=lambda _: None,
    )
    await recording.step(partial(first_is, "edited"))
    theirs = copy.deepcopy(kept(contents))
    theirs["cells"][1]["source"] = "b"  # no longer than it was
    contents._models[NAME]["content"] = theirs

    await recording.look(lambda _: None)

    assert seen == ["y", "b"]


@pytest.mark.parametrize("kind", [Full, Broken])
async def test_a_save_that_fails_is_told_in_a_sentence_and_leaves_the_notebook(
    kind: type[Shelf],
) -> None:
    contents, homes = made(kind)
    before = json.dumps(kept(contents))

    with pytest.raises(ContentsError, match="could not be saved, and was not changed") as refused:
        await homes.change(PLACE, partial(first_is, "edited"))

    assert "secret" not in str(refused.value)
    assert json.dumps(kept(contents)) == before


async def test_an_edit_that_is_refused_leaves_what_a_manager_keeps_in_memory() -> None:
    contents, homes = made(Shelf)
    before = json.dumps(kept(contents))

    def refused(draft: Draft) -> None:
        draft.set_source(0, "edited")
        msg = "no"
        raise ContentsError(msg)

    with pytest.raises(ContentsError, match="no"):
        await homes.change(PLACE, refused)

    assert json.dumps(kept(contents)) == before
