"""Notebooks of many makers: read, edited in each way, taken back and saved, in files and rooms."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import nbformat
import nbformat.v4
import pytest
from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.utils import ensure_async
from jupyter_ydoc import YNotebook
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.files import McpFiles
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing.edits import Edited
from jupyter_mcp_ext.notebooks.editing.journal import EditJournal, Entry
from jupyter_mcp_ext.notebooks.editing.steps import as_json, from_json, take_back
from jupyter_mcp_ext.notebooks.editing.targets import handle_of
from jupyter_mcp_ext.notebooks.homes import Homes
from jupyter_mcp_ext.notebooks.reading.cells import stored_id
from jupyter_mcp_ext.notebooks.reading.document import parse
from jupyter_mcp_ext.notebooks.shared.cell_ids import CellIds
from jupyter_mcp_ext.notebooks.shared.draft import RoomDraft
from jupyter_mcp_ext.rendering.rendering import Rendering
from tests.notebooks.makers import SHELF, Made, as_jupyter

NAME = "a.ipynb"
PLACE = Place(path=NAME, real=NAME)

T = TypeVar("T")

Node: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[Draft], Edited]


@pytest.mark.parametrize("name", SHELF)
def test_a_notebook_is_read_as_a_person_sees_it(name: str) -> None:
    made = SHELF[name]

    read = parse(made.data, NAME)

    assert tuple((cell.cell_type, cell.source) for cell in read.cells) == made.cells


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The manager's notary keeps a database there.
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def contents(root: Path) -> Iterator[FileContentsManager]:
    made: FileContentsManager = AsyncLargeFileManager(root_dir=str(root))
    yield made
    made.notary.store.close()


@pytest.fixture
def homes(contents: Any, root: Path) -> Homes:
    files = McpFiles(contents, root, "/", Rendering(logging.getLogger(__name__)))
    return Homes(contents, files.storage, root)


@pytest.fixture
def journal(tmp_path: Path) -> EditJournal:
    return EditJournal(tmp_path, "test", lambda _: b"key")


EDITED_SOURCE = "edited\né = '🙂'"

EDITED = [name for name, made in SHELF.items() if not made.refuses]


async def jupyters_own(contents: Any, file: Path, made: Made) -> str:
    """The notebook as Jupyter saves it; as its writer writes it where Jupyter cannot open it."""
    data = made.data
    file.write_bytes(data)
    if made.mended is not None:
        return as_jupyter(made.mended).decode()
    try:
        model = await ensure_async(contents.get(NAME, content=True, type="notebook"))
        await ensure_async(contents.save({**model, "format": "json"}, NAME))
        return file.read_text()
    except (HTTPError, ValueError):
        node = nbformat.v4.to_notebook_json(json.loads(data.decode("utf-8-sig")))  # type: ignore[no-untyped-call]
        return written(node)
    finally:
        file.write_bytes(data)


def written(node: Node) -> str:
    """A notebook in the layout of Jupyter's writer."""
    text: str = nbformat.v4.writes_json(nbformat.from_dict(node), split_lines=True)  # type: ignore[no-untyped-call]
    return f"{text}\n".encode(errors="backslashreplace").decode()


def alike(text: str, kept: set[str]) -> str:
    """A notebook's text with the ids that its file had, of nbformat 4.5 at least.

    It needs code cells to have a count.
    """
    node = json.loads(text)
    node["nbformat_minor"] = max(node["nbformat_minor"], 5)
    for cell in node["cells"]:
        if cell.get("id") not in kept:
            cell.pop("id", None)
        if cell["cell_type"] == "code":
            cell.setdefault("execution_count", None)
    return json.dumps(node, indent=1, ensure_ascii=False, sort_keys=True)


def kept_ids(data: bytes) -> set[str]:
    """The ids that an edit has to leave as they are in the file."""
    node = json.loads(data.decode("utf-8-sig"))
    if node["nbformat"] < 4 or node["nbformat_minor"] < 5:
        return set()
    found = [stored_id(cell) for cell in node["cells"]]
    return {cell_id for cell_id in found if cell_id is not None and found.count(cell_id) == 1}


def rewritten(index: int, draft: Draft) -> Edited:
    return edits.rewrite(draft, handle_of(draft, index), source=EDITED_SOURCE)


def replaced(index: int, draft: Draft) -> Edited:
    source = draft.cell(index).source
    return edits.rewrite(draft, handle_of(draft, index), old=source, new=f"{source} # more")


def retyped(index: int, draft: Draft) -> Edited:
    cell_type = "markdown" if draft.cell(index).cell_type == "code" else "code"
    return edits.rewrite(draft, handle_of(draft, index), cell_type=cell_type)  # type: ignore[arg-type]


def inserted(after: int | str | None, draft: Draft) -> Edited:
    cells = [NewCell(source="new = 1"), NewCell(cell_type="markdown", source="# é\n\ntext")]
    return edits.insert(draft, cells, handle_of(draft, after) if isinstance(after, int) else after)


def deleted(indices: Sequence[int], draft: Draft) -> Edited:
    return edits.delete(draft, [handle_of(draft, index) for index in indices])


def moved(index: int, after: int | None, draft: Draft) -> Edited:
    goal = "start" if after is None else handle_of(draft, after)
    return edits.move(draft, [handle_of(draft, index)], goal)


def cleared(draft: Draft) -> Edited:
    return edits.clear(draft, None)


def every_edit(made: Made) -> Iterator[tuple[str, Edit]]:
    """Each kind of edit of each cell of a notebook."""
    yield "insert at the start", partial(inserted, "start")
    yield "insert at the end", partial(inserted, None)
    yield "clear", cleared
    last = len(made.cells) - 1
    for index, (_, source) in enumerate(made.cells):
        yield f"rewrite {index}", partial(rewritten, index)
        yield f"retype {index}", partial(retyped, index)
        yield f"delete {index}", partial(deleted, [index])
        yield f"insert after {index}", partial(inserted, index)
        if source:
            yield f"replace {index}", partial(replaced, index)
        if index < last:
            yield f"move {index} to the end", partial(moved, index, last)
        if index:
            yield f"move {index} to the start", partial(moved, index, None)
    if made.cells:
        yield "delete all", partial(deleted, range(len(made.cells)))


@pytest.mark.parametrize("name", EDITED)
async def test_each_edit_in_a_file_is_taken_back_to_what_jupyter_saves(
    contents: Any, homes: Homes, journal: EditJournal, root: Path, name: str
) -> None:
    made, file = SHELF[name], root / NAME
    kept = kept_ids(made.data)
    expected = alike(await jupyters_own(contents, file, made), kept)

    for what, edit in every_edit(made):
        changed = await homes.change(PLACE, edit)
        assert changed.saved == "saved"
        steps = changed.value.steps
        edited = file.read_text()
        assert edited == written(json.loads(edited)), f"{what}: the layout is Jupyter's"
        if not steps:  # there were no outputs to clear
            continue
        assert alike(edited, kept) != expected, what
        await journal.keep("a", NAME, Entry(client="c", tool="t", steps=steps))
        [entry] = await journal.entries("a", NAME)
        await homes.change(PLACE, partial(take_back, steps=entry.steps))
        await journal.remove("a", NAME, [entry])
        assert alike(file.read_text(), kept) == expected, what


@pytest.mark.parametrize("name", EDITED)
async def test_an_edited_source_is_all_that_differs_from_jupyters_own_save(
    contents: Any, homes: Homes, root: Path, name: str
) -> None:
    made, file = SHELF[name], root / NAME
    kept = kept_ids(made.data)
    expected = json.loads(await jupyters_own(contents, file, made))

    for index, cell in enumerate(expected["cells"]):
        await homes.change(PLACE, partial(rewritten, index))
        cell["source"] = EDITED_SOURCE
        if cell["cell_type"] == "heading":  # nbformat has none, and its level would be shown twice
            cell["cell_type"] = "markdown"
            del cell["level"]

    assert alike(file.read_text(), kept) == alike(written(expected), kept)
    ids = [cell["id"] for cell in json.loads(file.read_text())["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(stored_id({"id": cell_id}) for cell_id in ids)


@pytest.mark.parametrize("name", [name for name in SHELF if name not in EDITED])
async def test_a_notebook_that_jupyter_cannot_open_is_refused_in_a_sentence_and_left(
    homes: Homes, root: Path, name: str
) -> None:
    file = root / NAME
    file.write_bytes(SHELF[name].data)

    with pytest.raises(ContentsError, match=r"could not be read as a notebook: Jupyter cannot"):
        await homes.change(PLACE, partial(inserted, None))

    assert file.read_bytes() == SHELF[name].data


async def opened(contents: Any, file: Path, data: bytes) -> YNotebook:
    """A notebook's document, as a room opens it."""
    file.write_bytes(data)
    model = await ensure_async(contents.get(NAME, content=True, type="notebook"))
    document = YNotebook()
    document.set(model["content"])
    return document


def in_room(document: YNotebook, edit: Callable[[Draft], T]) -> T:
    with RoomDraft(document, CellIds(document.ycells)) as draft:
        return edit(draft)


@pytest.mark.parametrize("name", [name for name, made in SHELF.items() if made.opens])
async def test_each_edit_in_a_room_is_taken_back_to_what_the_room_saves(
    contents: Any, root: Path, name: str
) -> None:
    made = SHELF[name]
    kept = kept_ids(made.data)
    document = await opened(contents, root / NAME, made.data)
    expected = alike(written(document.get()), kept)

    for what, edit in every_edit(made):
        steps = in_room(document, edit).steps
        if steps:
            assert alike(written(document.get()), kept) != expected, what
            again = tuple(from_json(json.loads(json.dumps(as_json(step)))) for step in steps)
            in_room(document, partial(take_back, steps=again))
        assert alike(written(document.get()), kept) == expected, what


@pytest.mark.parametrize("name", [name for name, made in SHELF.items() if made.opens])
async def test_an_edited_source_is_all_that_differs_from_the_rooms_own_save(
    contents: Any, root: Path, name: str
) -> None:
    kept = kept_ids(SHELF[name].data)
    document = await opened(contents, root / NAME, SHELF[name].data)
    expected = document.get()

    for index, cell in enumerate(expected["cells"]):
        in_room(document, partial(rewritten, index))
        cell["source"] = EDITED_SOURCE
        if cell["cell_type"] == "heading":
            cell["cell_type"] = "markdown"
            del cell["level"]

    saved = document.get()
    assert alike(written(saved), kept) == alike(written(expected), kept)
    ids = [cell["id"] for cell in document.ycells]
    assert len(set(ids)) == len(ids)
    assert all(stored_id({"id": cell_id}) for cell_id in ids)
