"""Notebooks that are changed in their files: saved as Jupyter does, and over no other change."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.files.files import McpFiles
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing.targets import handle_of
from jupyter_mcp_ext.notebooks.homes import Homes
from jupyter_mcp_ext.notebooks.running.recording import Recording
from jupyter_mcp_ext.notebooks.saved.notebook_file import AFTERWARDS, JUPYTERS
from jupyter_mcp_ext.rendering.rendering import Rendering
from tests.notebooks.test_draft import RESULT, STREAM, code, notebook

NAME = "a.ipynb"
PLACE = Place(path=NAME, real=NAME)


class Derived(AsyncLargeFileManager):
    """A manager of another package, of which nothing is known."""


class Unreachable(AsyncCheckpoints):
    """Checkpoints of another package, with errors of their own."""

    async def list_checkpoints(self, path: str) -> Any:
        raise RuntimeError(path)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The manager's notary keeps a database there.
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture(params=[AsyncLargeFileManager, LargeFileManager, Derived])
def contents(request: pytest.FixtureRequest, root: Path) -> Iterator[FileContentsManager]:
    made: FileContentsManager = request.param(root_dir=str(root))
    yield made
    made.notary.store.close()


@pytest.fixture
def homes(contents: Any, root: Path) -> Homes:
    files = McpFiles(contents, root, "/", Rendering(logging.getLogger(__name__)))
    return Homes(contents, files.storage, root)


def put(root: Path, node: dict[str, Any]) -> Path:
    file = root / NAME
    file.write_text(json.dumps(node))
    return file


def read(file: Path) -> Any:
    return nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]


def first_is(source: str, draft: Draft) -> None:
    draft.set_source(0, source)


@pytest.mark.parametrize("is_saved_by_another", [True, False])
async def test_a_cell_is_read_again_when_its_turn_comes_if_another_has_saved_right_behind_us(
    homes: Homes, contents: Any, root: Path, is_saved_by_another: bool
) -> None:
    file = put(root, notebook(code("a1", "a"), code("b2", "b")))
    seen: list[str] = []
    failures: list[Exception] = []
    recording = Recording(
        partial(homes.change, PLACE),
        see=lambda draft: seen.append(draft.cell(1).source),
        stamp=partial(homes.stamp, PLACE),
        on_let_go=lambda _: None,
        on_failure=failures.append,
    )

    def save(**_: Any) -> None:
        if is_saved_by_another:
            file.write_text(file.read_text().replace('"b"', '"program"'))

    contents.register_post_save_hook(save)
    await recording.step(partial(first_is, "edited"))

    await recording.look(lambda _: None)

    assert seen == (["b", "program"] if is_saved_by_another else ["b"])
    assert failures == []


async def saved_by_jupyter(contents: Any, node: dict[str, Any], root: Path) -> str:
    """A notebook as Jupyter's own save of it."""
    file = put(root, node)
    model = await ensure_async(contents.get(NAME, content=True, type="notebook"))
    await ensure_async(contents.save({**model, "format": "json"}, NAME))
    return file.read_text()


ODD: dict[str, dict[str, Any]] = {
    "plain": notebook(code("a1", "the source"), code("b2", "b", outputs=[STREAM, RESULT])),
    "lists": notebook(code("a1", "the source", outputs=[{**STREAM, "text": ["a\n", "b"]}])),
    "metadata": notebook(
        code("a1", "the source", metadata={"trusted": True, "z": 1, "a": {"b": [None, 1.5]}}),
        {
            "id": "m",
            "cell_type": "markdown",
            "metadata": {},
            "source": ["a\n", "b"],
            "attachments": {"é.png": {"image/png": "aGk="}},
        },
        {"id": "r", "cell_type": "raw", "metadata": {"format": "x"}, "source": ""},
    )
    | {"metadata": {"orig_nbformat": 4, "kernelspec": {"name": "k", "display_name": "K"}}},
    "characters": notebook(code("a1", "the source", metadata={"é": "🙂\u2028\x7f"})),
    "json outputs": notebook(
        code(
            "a1",
            "the source",
            outputs=[
                {
                    "output_type": "display_data",
                    "metadata": {"a": {"b": 1}},
                    "data": {"application/json": {"z": 1, "a": [1]}, "text/html": "a\nb\n"},
                }
            ],
        )
    ),
    "error": notebook(
        code(
            "a1",
            "the source",
            outputs=[{"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["a\nb"]}],
        )
    ),
    "later minor": notebook(code("a1", "the source"), minor=9),
    "unknown keys": {**notebook(code("a1", "the source", extra={"y": [1]})), "more": {"b": 1}},
}


@pytest.mark.parametrize("name", ODD)
async def test_a_saved_file_differs_from_jupyters_own_save_in_the_edit_only(
    contents: Any, homes: Homes, root: Path, name: str
) -> None:
    expected = await saved_by_jupyter(contents, ODD[name], root)
    file = put(root, ODD[name])

    await homes.change(PLACE, partial(first_is, "edited"))

    assert file.read_text() == expected.replace('"the source"', '"edited"')


async def test_twenty_agents_lose_no_edit(homes: Homes, root: Path) -> None:
    file = put(root, notebook(code("a1", "x")))

    def insert(number: int, draft: Draft) -> None:
        edits.insert(draft, [NewCell(source=f"agent {number}")], "start")

    await asyncio.gather(*(homes.change(PLACE, partial(insert, n)) for n in range(20)))

    sources = {"".join(cell["source"]) for cell in json.loads(file.read_text())["cells"]}
    assert sources == {"x", *(f"agent {n}" for n in range(20))}


async def test_changes_that_wait_for_a_save_are_saved_together(
    contents: Any, homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x")))
    saves: list[str] = []
    contents.register_post_save_hook(lambda os_path, **_: saves.append(os_path))

    def append(number: int, draft: Draft) -> int:
        draft.set_source(0, f"{draft.cell(0).source} {number}")
        return number

    changed = await asyncio.gather(*(homes.change(PLACE, partial(append, n)) for n in range(5)))

    assert [one.value for one in changed] == [0, 1, 2, 3, 4]
    assert read(file).cells[0].source == "x 0 1 2 3 4"
    assert len(saves) <= 2, "the first one, and those that waited for it"


async def test_a_change_that_is_refused_or_fails_takes_no_other_with_it(
    homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x")))

    def append(number: int, draft: Draft) -> None:
        source = draft.cell(0).source
        draft.set_source(0, f"{source} {number}")
        if number == 2:
            msg = f"refused at {source}"
            raise ContentsError(msg)
        if number == 4:
            raise ZeroDivisionError

    made = (homes.change(PLACE, partial(append, n)) for n in range(6))
    changed = await asyncio.gather(*made, return_exceptions=True)

    assert read(file).cells[0].source == "x 0 1 3 5"
    assert [str(one) for one in changed if isinstance(one, ContentsError)] == ["refused at x 0 1"]
    assert [n for n, one in enumerate(changed) if isinstance(one, ZeroDivisionError)] == [4]


async def test_a_change_whose_caller_has_stopped_waiting_is_not_made(
    homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x")))
    made: list[asyncio.Future[Any]] = []

    def first(draft: Draft) -> None:
        draft.set_source(0, "first")
        made[-1].cancel()

    changes = (first, partial(first_is, "second"), partial(first_is, "third"))
    made += [asyncio.ensure_future(homes.change(PLACE, change)) for change in changes]
    await asyncio.wait(made)

    assert made[-1].cancelled()
    assert read(file).cells[0].source == "second"


async def test_a_file_that_was_saved_in_between_is_changed_as_it_is_then(
    homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x"), code("b2", "b")))
    handle: list[str] = []

    def edit(draft: Draft) -> None:
        if not handle:  # a person saves while the first attempt is made
            handle.append(handle_of(draft, 0))
            put(root, notebook(code("b2", "b, by a person"), code("a1", "x")))
        edits.rewrite(draft, handle[0], source="edited")

    await homes.change(PLACE, edit)

    cells = json.loads(file.read_text())["cells"]
    assert ["".join(cell["source"]) for cell in cells] == ["b, by a person", "edited"]


async def test_a_file_that_is_always_saved_in_between_is_left_alone(
    homes: Homes, root: Path
) -> None:
    count = 0

    def edit(draft: Draft) -> None:
        nonlocal count
        count += 1
        put(root, notebook(code("a1", f"person {count} {'x' * count}")))
        first_is("edited", draft)

    put(root, notebook(code("a1", "x")))

    with pytest.raises(ContentsError, match="3 times during this edit, which was not made"):
        await homes.change(PLACE, edit)

    assert "person 3" in (root / NAME).read_text()


@pytest.mark.parametrize("contents", [AsyncLargeFileManager, LargeFileManager], indirect=True)
async def test_a_notebook_with_more_in_it_than_is_read_is_not_changed_and_says_so(
    homes: Homes, root: Path
) -> None:
    outputs: list[Any] = [
        {"output_type": "display_data", "data": {}, "metadata": {"n": [0] * 800_000}}
    ]
    file = put(root, notebook(code("a1", "x", outputs=outputs * 2)))
    before = file.read_bytes()

    with pytest.raises(ContentsError, match="too deeply or too large to be read"):
        await homes.change(PLACE, partial(first_is, "edited"))

    assert file.read_bytes() == before


async def test_a_notebook_that_was_trusted_stays_trusted(
    contents: Any, homes: Homes, root: Path
) -> None:
    html: dict[str, Any] = {
        "output_type": "display_data",
        "data": {"text/html": "<b>"},
        "metadata": {},
    }
    file = put(root, notebook(code("a1", "x"), code("b2", "b", outputs=[html])))
    await ensure_async(contents.trust_notebook(NAME))

    await homes.change(PLACE, partial(first_is, "edited"))
    edited = read(file)
    await homes.change(PLACE, lambda draft: draft.set_outputs(0, [html], start=0))
    run = read(file)

    assert contents.notary.check_signature(edited)
    assert not contents.notary.check_signature(run), "a person has not seen this output"


async def test_the_managers_hooks_checkpoints_and_events_are_as_for_its_own_save(
    contents: Any, homes: Homes, root: Path
) -> None:
    put(root, notebook(code("a1", "x", outputs=[STREAM])))
    seen: list[tuple[str, str]] = []

    def before(model: Any, path: str, **_: object) -> None:
        model["content"]["cells"][0]["outputs"] = []
        seen.append(("before", path))

    def after(os_path: str, **_: object) -> None:
        seen.append(("after", os_path))

    contents.register_pre_save_hook(before)
    contents.register_post_save_hook(after)

    await homes.change(PLACE, partial(first_is, "edited"))

    assert seen == [("before", NAME), ("after", str(root / NAME))]
    assert json.loads((root / NAME).read_text())["cells"][0]["outputs"] == []
    assert len(await ensure_async(contents.list_checkpoints(NAME))) == 1


def failing(**_: object) -> None:
    raise HTTPError(500, "a hook of the operator failed")


async def test_a_failure_before_the_file_is_written_changes_nothing(
    contents: Any, homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x")))
    before = file.read_text()
    contents.register_pre_save_hook(failing)

    with pytest.raises(ContentsError, match="could not be saved, and was not changed"):
        await homes.change(PLACE, partial(first_is, "edited"))

    assert file.read_text() == before


async def test_a_failure_after_the_file_was_written_is_not_called_unchanged(
    contents: Any, homes: Homes, root: Path
) -> None:
    put(root, notebook(code("a1", "x")))
    contents.register_post_save_hook(failing)

    if type(contents) in JUPYTERS:
        changed = await homes.change(PLACE, partial(first_is, "edited"))
        assert changed.notes == (AFTERWARDS,)
    else:
        with pytest.raises(ContentsError, match="may have written this edit"):
            await homes.change(PLACE, partial(first_is, "edited"))

    assert read(root / NAME).cells[0].source == "edited"


async def test_changes_are_made_once_when_jupyter_fails_after_it_has_written_them(
    contents: Any, homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x")))
    contents.register_post_save_hook(failing)

    def append(number: int, draft: Draft) -> None:
        draft.set_source(0, f"{draft.cell(0).source} {number}")

    made = (homes.change(PLACE, partial(append, n)) for n in range(5))
    await asyncio.gather(*made, return_exceptions=True)

    assert read(file).cells[0].source == "x 0 1 2 3 4"


async def test_checkpoints_that_fail_with_any_error_leave_an_edit_saved(
    contents: Any, homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x")))
    contents.checkpoints = Unreachable(parent=contents)

    if type(contents) in JUPYTERS:
        changed = await homes.change(PLACE, partial(first_is, "edited"))
        assert changed.notes == (AFTERWARDS,)
    else:
        with pytest.raises(ContentsError, match="may have written this edit"):
            await homes.change(PLACE, partial(first_is, "edited"))

    assert read(file).cells[0].source == "edited"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "could not be read as a notebook"),
        ("{", "could not be read as a notebook"),
        ("[]", "could not be read as a notebook"),
        ('{"cells": [], "nbformat": 5, "nbformat_minor": 0, "metadata": {}}', "could not be read"),
        ('{"cells": 1, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', ""),
        ('{"cells": ["x"], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', ""),
    ],
)
async def test_what_is_no_notebook_is_left_as_it_is(
    homes: Homes, root: Path, content: str, words: str
) -> None:
    (root / NAME).write_text(content)

    with pytest.raises(ContentsError) as refused:
        await homes.change(PLACE, partial(first_is, "edited"))

    assert words in str(refused.value)
    assert str(root) not in str(refused.value)
    assert (root / NAME).read_text() == content


async def test_a_notebook_of_nbformat_3_is_upgraded_when_it_is_changed(
    homes: Homes, root: Path
) -> None:
    cell = {
        "cell_type": "code",
        "input": ["x = 1"],
        "language": "python",
        "outputs": [],
        "metadata": {},
    }
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [cell], "metadata": {}}],
    }
    file = put(root, old)

    changed = await homes.change(PLACE, partial(first_is, "edited"))

    assert changed.notes == ("the file was nbformat 3.0 and is 4.5 now: its cells have ids",)
    node = read(file)
    nbformat.validate(node)
    assert node.cells[0].source == "edited"


async def test_an_output_that_jupyter_itself_cannot_save_is_kept_where_the_file_is_on_this_disk(
    contents: Any, homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x", outputs=[{"text": "no type"}])))
    before = file.read_text()

    if type(contents) in JUPYTERS:
        await homes.change(PLACE, partial(first_is, "edited"))
        [cell] = json.loads(file.read_text())["cells"]
        assert (cell["source"], cell["outputs"]) == (["edited"], [{"text": "no type"}])
    else:
        with pytest.raises(ContentsError, match="could not be saved, and was not changed"):
            await homes.change(PLACE, partial(first_is, "edited"))
        assert file.read_text() == before


async def test_the_handle_that_a_refusal_names_can_be_used_where_the_file_has_no_ids(
    homes: Homes, root: Path
) -> None:
    nodes = [code("", "x"), code("", "x")]
    for node in nodes:
        del node["id"]
    file = put(root, notebook(*nodes, minor=4))
    with pytest.raises(InvalidArgument) as refused:
        await homes.change(PLACE, lambda draft: edits.rewrite(draft, "1", source="edited"))
    [handle] = re.findall(r"Cell 1 is (\S+) now", str(refused.value))

    await homes.change(PLACE, lambda draft: edits.rewrite(draft, handle, source="edited"))

    assert [cell.source for cell in read(file).cells] == ["x", "edited"]


async def test_a_change_that_changes_nothing_writes_nothing(homes: Homes, root: Path) -> None:
    file = put(root, notebook(code("", "x"), minor=2))
    before = file.stat().st_mtime_ns, file.read_text()

    await homes.change(PLACE, lambda draft: draft.cell(0))

    assert (file.stat().st_mtime_ns, file.read_text()) == before


async def test_a_link_stays_a_link_to_the_notebook_that_is_edited(
    contents: Any, homes: Homes, root: Path
) -> None:
    file = put(root, notebook(code("a1", "x")))
    (root / "link.ipynb").symlink_to(NAME)

    await homes.change(Place(path="link.ipynb", real=NAME), partial(first_is, "edited"))

    assert (root / "link.ipynb").is_symlink()
    assert not file.is_symlink()
    assert read(file).cells[0].source == "edited"


async def test_a_notebook_whose_name_differs_in_case_is_not_taken_for_another(
    homes: Homes, root: Path
) -> None:
    put(root, notebook(code("a1", "x")))
    if (root / NAME.upper()).exists():  # this file system makes no difference
        return

    with pytest.raises(ContentsError, match=r'"A.IPYNB" could not be read'):
        await homes.change(Place(path="A.IPYNB", real="A.IPYNB"), partial(first_is, "edited"))

    assert [entry.name for entry in root.glob("*.[iI]*")] == [NAME]


async def test_what_jupyter_is_just_writing_is_waited_for_and_stays(
    homes: Homes, contents: Any, root: Path
) -> None:
    file = put(root, notebook(code("a1", "a"), code("b2", "b")))
    saved = json.dumps(notebook(code("a1", "a"), code("b2", "of a person")))
    with contents.atomic_writing(str(file), encoding="utf-8") as written:
        written.write(saved[:40])
        written.flush()
        edit = asyncio.ensure_future(homes.change(PLACE, partial(first_is, "edited")))
        await asyncio.wait({edit}, timeout=0.3)
        written.write(saved[40:])
    await edit

    assert [cell.source for cell in read(file).cells] == ["edited", "of a person"]
    assert not list(root.glob("*.invalid"))


async def test_a_notebook_whose_save_was_cut_off_is_left_to_the_person(
    homes: Homes, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.notebooks.saved.being_saved.TRIES", 2)
    file = put(root, notebook(code("a1", "a")))
    (root / f".~{NAME}").write_text(file.read_text())
    file.write_text('{"cells"')

    with pytest.raises(ContentsError, match="is being saved by another program, or a save of it"):
        await homes.change(PLACE, partial(first_is, "edited"))

    assert file.read_text() == '{"cells"'
