from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.files import McpFiles
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.notebooks import Notebooks
from jupyter_mcp_ext.notebooks.reading.document import KernelMetadata
from jupyter_mcp_ext.notebooks.reading.page import NotebookPage
from jupyter_mcp_ext.notebooks.reading.words import page_of
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.presentation import TextBlock
from jupyter_mcp_ext.rendering.rendering import Rendering
from tests import disks
from tests.users import nothing

PYTHON = KernelMetadata(name="python3", display_name="Python 3", language="python")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The manager's notary keeps a database there.
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    root = tmp_path / "root"
    root.mkdir()
    return root


def manager(kind: type[FileContentsManager], root: Path, **traits: Any) -> FileContentsManager:
    return kind(root_dir=str(root), **traits)


@pytest.fixture(params=[AsyncLargeFileManager, LargeFileManager])
def contents(request: pytest.FixtureRequest, root: Path) -> Iterator[FileContentsManager]:
    made = manager(request.param, root)
    yield made
    made.notary.store.close()


def service(contents: Any, root: Path | None, **traits: Any) -> Notebooks:
    files = McpFiles(contents, root, "/", Rendering(logging.getLogger(__name__)), **traits)
    return Notebooks(contents, root, gate=files.gate, storage=files.storage)


@pytest.fixture
def notebooks(contents: FileContentsManager, root: Path) -> Notebooks:
    return service(contents, root)


def node(*cells: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def test_a_notebook_that_was_created_is_read_again(notebooks: Notebooks, root: Path) -> None:
    cells = [NewCell(cell_type="markdown", source="# Überschrift"), NewCell(source="x = 1\nx")]

    made = await notebooks.create("a.ipynb", cells, kernel=PYTHON, hides=nothing)

    read = await notebooks.read("a.ipynb", hides=nothing)
    assert read == made
    assert [(cell.cell_type, cell.source) for cell in read.cells] == [
        ("markdown", "# Überschrift"),
        ("code", "x = 1\nx"),
    ]
    assert (read.path, read.kernel_name, read.language) == ("a.ipynb", "python3", "python")
    nbformat.validate(json.loads((root / "a.ipynb").read_text(encoding="utf-8")))


async def test_a_notebook_of_many_cells_is_created(notebooks: Notebooks) -> None:
    made = await notebooks.create(
        "a.ipynb", [NewCell(source=str(n)) for n in range(300)], kernel=None, hides=nothing
    )

    assert made == await notebooks.read("a.ipynb", hides=nothing)
    assert len(made.cells) == 300


async def test_the_suffix_may_be_left_out(notebooks: Notebooks, root: Path) -> None:
    made = await notebooks.create("a", [], kernel=None, hides=nothing)

    assert made.path == "a.ipynb"
    assert (root / "a.ipynb").is_file()
    assert await notebooks.read("a", hides=nothing) == made


async def test_folders_that_are_missing_are_made(notebooks: Notebooks, root: Path) -> None:
    await notebooks.create("new/er/a.ipynb", [], kernel=None, hides=nothing)

    assert (root / "new" / "er" / "a.ipynb").is_file()


async def test_an_absolute_path_beneath_the_root_is_understood(
    notebooks: Notebooks, root: Path
) -> None:
    made = await notebooks.create(f"{root}/x/a.ipynb", [], kernel=None, hides=nothing)

    assert made.path == "x/a.ipynb"


async def test_a_notebook_is_not_overwritten(notebooks: Notebooks, root: Path) -> None:
    (root / "a.ipynb").write_text("precious")

    with pytest.raises(ContentsError, match="exists already"):
        await notebooks.create("a.ipynb", [], kernel=None, hides=nothing)

    assert (root / "a.ipynb").read_text() == "precious"


async def test_a_folder_of_that_name_is_not_overwritten(notebooks: Notebooks, root: Path) -> None:
    (root / "a.ipynb").mkdir()

    with pytest.raises(ContentsError, match="is a folder already"):
        await notebooks.create("a.ipynb", [], kernel=None, hides=nothing)


async def test_a_link_to_nothing_is_not_written_through(notebooks: Notebooks, root: Path) -> None:
    (root / "a.ipynb").symlink_to("elsewhere.ipynb")

    with pytest.raises(ContentsError, match="exists already"):
        await notebooks.create("a.ipynb", [], kernel=None, hides=nothing)

    assert files(root) == ["a.ipynb"]


async def test_a_file_that_is_not_regular_is_neither_opened_nor_overwritten(
    notebooks: Notebooks, root: Path
) -> None:
    os.mkfifo(root / "a.ipynb")

    with pytest.raises(ContentsError, match="exists already"):
        await notebooks.create("a.ipynb", [], kernel=None, hides=nothing)
    with pytest.raises(ContentsError, match="not a regular file"):
        await notebooks.read("a.ipynb", hides=nothing)


async def test_of_many_who_create_one_notebook_at_once_one_succeeds(notebooks: Notebooks) -> None:
    calls = [
        notebooks.create("deep/er/a.ipynb", [NewCell(source=str(n))], kernel=None, hides=nothing)
        for n in range(8)
    ]

    results = await asyncio.gather(*calls, return_exceptions=True)

    (winner,) = [result for result in results if not isinstance(result, BaseException)]
    assert [type(r) for r in results if isinstance(r, BaseException)] == [ContentsError] * 7
    assert await notebooks.read("deep/er/a.ipynb", hides=nothing) == winner


async def test_notebooks_created_at_once_in_one_new_folder_all_succeed(
    notebooks: Notebooks,
) -> None:
    calls = [
        notebooks.create(f"deep/er/{n}.ipynb", [], kernel=None, hides=nothing) for n in range(8)
    ]

    made = await asyncio.gather(*calls)

    assert [notebook.path for notebook in made] == [f"deep/er/{n}.ipynb" for n in range(8)]


async def test_a_file_where_a_folder_is_needed_is_said_and_stays(
    notebooks: Notebooks, root: Path
) -> None:
    (root / "data").write_text("precious")

    with pytest.raises(ContentsError, match='"data" is a file'):
        await notebooks.create("data/x/a.ipynb", [], kernel=None, hides=nothing)

    assert files(root) == ["data"]
    assert (root / "data").read_text() == "precious"


@pytest.mark.parametrize("path", ["a.py", "report v1.2", "a.ipynb.txt", "folder/", ".", "x/."])
async def test_another_name_than_a_notebooks_is_refused(
    notebooks: Notebooks, root: Path, path: str
) -> None:
    (root / "x").mkdir()

    with pytest.raises(ContentsError):
        await notebooks.create(path, [], kernel=None, hides=nothing)

    assert files(root) == ["x"]


@pytest.mark.parametrize(
    "path", ["../outside.ipynb", "../../outside", "x/../../outside", "/outside"]
)
async def test_nothing_is_read_or_written_outside_the_root(
    notebooks: Notebooks, root: Path, path: str
) -> None:
    before = files(root.parent)

    with pytest.raises(ContentsError):
        await notebooks.create(path, [], kernel=None, hides=nothing)
    with pytest.raises(ContentsError):
        await notebooks.read(path, hides=nothing)

    assert files(root.parent) == before


@pytest.mark.parametrize("path", ["way-out/a", "way-out/a.ipynb", "leak", "leak.ipynb"])
async def test_no_link_leads_a_notebook_out_of_the_root(
    notebooks: Notebooks, root: Path, path: str
) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (root / "way-out").symlink_to(outside)
    (root / "leak.ipynb").symlink_to(outside / "a.ipynb")

    with pytest.raises(ContentsError, match="symbolic link"):
        await notebooks.create(path, [], kernel=None, hides=nothing)
    (outside / "a.ipynb").write_text(json.dumps(node()))
    with pytest.raises(ContentsError, match="symbolic link") as refusal:
        await notebooks.read(path, hides=nothing)

    assert str(root.parent) not in str(refusal.value)
    assert files(outside) == ["a.ipynb"]


@pytest.mark.parametrize("path", [".hidden.ipynb", ".hidden/a.ipynb", "x/.git/a.ipynb"])
async def test_hidden_notebooks_are_refused_unless_jupyter_allows_them(
    root: Path, path: str
) -> None:
    strict = manager(AsyncLargeFileManager, root)
    lenient = manager(AsyncLargeFileManager, root, allow_hidden=True)

    with pytest.raises(ContentsError, match="is hidden"):
        await service(strict, root).create(path, [], kernel=None, hides=nothing)
    assert files(root) == []
    await service(lenient, root).create(path, [], kernel=None, hides=nothing)
    with pytest.raises(ContentsError, match="is hidden"):
        await service(strict, root).read(path, hides=nothing)
    assert (await service(lenient, root).read(path, hides=nothing)).path == path

    lenient.notary.store.close()


@pytest.mark.parametrize("name", ["x" * 300, "ü" * 150])
async def test_a_name_too_long_for_the_disk_is_said(
    notebooks: Notebooks, root: Path, name: str
) -> None:
    with pytest.raises(ContentsError, match="name is too long") as refusal:
        await notebooks.create(f"folder/{name}.ipynb", [], kernel=None, hides=nothing)

    assert str(root) not in str(refusal.value)
    assert files(root) == []


async def test_a_missing_notebook_is_said_with_names_near_it(
    notebooks: Notebooks, root: Path
) -> None:
    (root / "x").mkdir()
    for name in [
        "analysis.ipynb",
        "Analysis2.ipynb",
        "analyses.ipynb",
        "analysis-old.ipynb",
        "b.py",
    ]:
        (root / "x" / name).write_text("")

    with pytest.raises(ContentsError) as refusal:
        await notebooks.read("x/Anaylsis", hides=nothing)

    words = str(refusal.value)
    assert words == (
        "There is no notebook \"x/Anaylsis.ipynb\". Did you mean 'analysis' or 'Analysis2' or "
        "'analyses'? list_files(\"x\") shows what there is."
    )


def text_of(page: NotebookPage) -> str:
    return "".join(block.text for block in page.blocks if isinstance(block, TextBlock))


async def test_a_search_of_outputs_finds_what_only_outputs_say(
    notebooks: Notebooks, root: Path
) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "some needle"}
    cell = {"cell_type": "code", "metadata": {}, "source": "x()", "outputs": [output]}
    (root / "a.ipynb").write_text(json.dumps(node(cell, {**cell, "outputs": []})))
    notebook = await notebooks.read("a.ipynb", hides=nothing)

    found = text_of(page_of(notebook, what="outputs", grep="needle", limits=Limits()))
    in_source = text_of(page_of(notebook, what="source", grep="needle", limits=Limits()))

    assert "some needle" in found
    assert "[1]" not in found
    assert "needle" not in in_source


async def test_a_folder_near_the_one_that_is_missing_is_offered(
    notebooks: Notebooks, root: Path
) -> None:
    (root / "analyses").mkdir()

    with pytest.raises(ContentsError, match=r'no folder "analysis". Did you mean \'analyses\''):
        await notebooks.read("analysis/a.ipynb", hides=nothing)


async def test_without_a_near_name_the_folder_is_pointed_to(notebooks: Notebooks) -> None:
    with pytest.raises(ContentsError, match=r'list_files\("\."\)'):
        await notebooks.read("nowhere/a.ipynb", hides=nothing)


@pytest.mark.parametrize("name", ["folder", "folder.ipynb"])
async def test_a_folder_is_said_to_be_no_notebook(
    notebooks: Notebooks, root: Path, name: str
) -> None:
    (root / name).mkdir()

    with pytest.raises(ContentsError, match="is a folder, not a notebook"):
        await notebooks.read(name, hides=nothing)


async def test_another_file_is_said_to_be_no_notebook(notebooks: Notebooks, root: Path) -> None:
    (root / "data.csv").write_text("a,b")

    with pytest.raises(ContentsError, match="is not a notebook"):
        await notebooks.read("data.csv", hides=nothing)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b'{"a": 1}', "is JSON, but not a notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5}', "is not a valid notebook"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
async def test_a_broken_notebook_is_a_sentence_and_stays_as_it_is(
    notebooks: Notebooks,
    root: Path,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
    words: str,
) -> None:
    (root / "a.ipynb").write_bytes(content)

    with caplog.at_level(logging.WARNING), pytest.raises(ContentsError, match=words) as refusal:
        await notebooks.read("a.ipynb", hides=nothing)

    assert str(root) not in str(refusal.value)
    assert (root / "a.ipynb").read_bytes() == content
    assert files(root) == ["a.ipynb"]
    assert not caplog.records


async def test_a_large_notebook_is_read(notebooks: Notebooks, root: Path) -> None:
    text = json.dumps(
        node({"id": "a", "cell_type": "raw", "metadata": {}, "source": "x" * 600_000})
    )
    (root / "a.ipynb").write_text(text)

    notebook = await notebooks.read("a.ipynb", hides=nothing)

    assert len(notebook.cells[0].source) == 600_000


async def test_a_notebook_too_large_to_read_is_said(notebooks: Notebooks, root: Path) -> None:
    with (root / "a.ipynb").open("wb") as file:
        file.truncate(201_000_000)

    with pytest.raises(ContentsError, match="201 MB"):
        await notebooks.read("a.ipynb", hides=nothing)


async def test_reading_neither_signs_nor_changes_a_notebook(
    notebooks: Notebooks, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = json.dumps(node({"cell_type": "markdown", "metadata": {}, "source": "x"}))
    (root / "a.ipynb").write_text(text)

    with caplog.at_level(logging.INFO):
        first, second = (
            await notebooks.read("a.ipynb", hides=nothing),
            await notebooks.read("a.ipynb", hides=nothing),
        )

    assert first == second
    assert first.cells[0].cell_id is None
    assert (root / "a.ipynb").read_text() == text
    assert files(root) == ["a.ipynb"]
    assert not (root.parent / "data").exists()
    assert not caplog.records


@pytest.fixture
def small_disk(root: Path) -> Iterator[Path]:
    with disks.small_disk(root / "small", kilobytes=64, file_bytes=25_000) as folder:
        yield folder


@pytest.mark.parametrize("size", [30_000, 60_000, 65_000, 500_000])
@pytest.mark.parametrize("atomic", [True, False])
async def test_a_notebook_too_large_for_the_disk_leaves_nothing_behind(
    contents: FileContentsManager, root: Path, small_disk: Path, size: int, *, atomic: bool
) -> None:
    contents.use_atomic_writing = atomic
    (small_disk / "filler").write_bytes(b"x" * 12_000)
    notebooks = service(contents, root)

    with pytest.raises(ContentsError, match=r"disk is full|larger than") as refusal:
        await notebooks.create(
            "small/new/a.ipynb", [NewCell(source="x" * size)], kernel=None, hides=nothing
        )

    assert str(root) not in str(refusal.value)
    assert files(small_disk) == ["filler"]
    await notebooks.create("small/new/a.ipynb", [NewCell(source="x")], kernel=None, hides=nothing)


async def test_a_failure_keeps_the_checkpoint_of_a_notebook_that_was_lost(root: Path) -> None:
    (root / ".ipynb_checkpoints").mkdir()
    (root / ".ipynb_checkpoints" / "a-checkpoint.ipynb").write_text("the last copy")
    failing = manager(Refusing, root)

    with pytest.raises(ContentsError):
        await service(failing, root).create("a.ipynb", [], kernel=None, hides=nothing)

    assert files(root) == [".ipynb_checkpoints", ".ipynb_checkpoints/a-checkpoint.ipynb"]


class Refusing(AsyncLargeFileManager):
    """Stores half of a notebook, then fails, as remote storage may."""

    status = 500

    async def save(self, model: dict[str, Any], path: str = "") -> Any:
        if model["type"] == "notebook":
            _write_half(self.root_dir, path)
            raise HTTPError(self.status, f"boto3: {self.root_dir}/{path} failed")
        return await super().save(model, path)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("status", "words"), [(500, "storage failed"), (403, "no permission"), (413, "larger than")]
)
@pytest.mark.parametrize("has_disk", [True, False])
async def test_a_storage_that_fails_leaves_nothing_and_tells_no_secrets(
    root: Path, status: int, words: str, *, has_disk: bool
) -> None:
    failing = manager(Refusing, root, delete_to_trash=False)
    failing.status = status  # type: ignore[attr-defined]

    with pytest.raises(ContentsError, match=words) as refusal:
        await service(failing, root if has_disk else None).create(
            "a.ipynb", [], kernel=None, hides=nothing
        )

    assert str(root) not in str(refusal.value)
    assert files(root) == []


class Hanging(AsyncLargeFileManager):
    """Stores half of a notebook and never ends."""

    begun: asyncio.Event

    async def save(self, model: dict[str, Any], path: str = "") -> Any:
        _write_half(self.root_dir, path)
        self.begun.set()
        await asyncio.Event().wait()


async def test_a_caller_that_leaves_leaves_no_half_of_a_notebook(root: Path) -> None:
    hanging = manager(Hanging, root)
    hanging.begun = asyncio.Event()  # type: ignore[attr-defined]
    creating = asyncio.create_task(
        service(hanging, root).create("a.ipynb", [], kernel=None, hides=nothing)
    )
    await hanging.begun.wait()  # type: ignore[attr-defined]

    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating

    assert files(root) == []


async def test_without_a_disk_only_the_contents_manager_is_asked(
    contents: FileContentsManager,
) -> None:
    notebooks = service(contents, None)

    made = await notebooks.create("x/a", [NewCell(source="1")], kernel=PYTHON, hides=nothing)

    assert await notebooks.read("x/a.ipynb", hides=nothing) == made
    with pytest.raises(ContentsError, match="There is no notebook"):
        await notebooks.read("x/b", hides=nothing)
    with pytest.raises(ContentsError):
        await notebooks.read("/x/a.ipynb", hides=nothing)


def _write_half(root: str, path: str) -> None:
    Path(root, path).write_text('{"cells": [')
