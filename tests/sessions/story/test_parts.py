"""A long story: it goes on in other notebooks, of which the oldest are shortened and removed."""

from __future__ import annotations

import os
from collections.abc import Callable

import nbformat
import pytest

from jupyter_mcp_ext.outputs.model import Stream
from jupyter_mcp_ext.sessions.story.story import Story

from .stories import NOTEBOOK, file, run, sources


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make 5 kB count as a long notebook."""
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.notebook.MAX_PART", 5_000)


@pytest.mark.usefixtures("small_parts")
async def test_a_long_notebook_goes_on_in_another_file(make: Callable[[], Story]) -> None:
    story = make()
    for number in range(1, 8):
        run(story, number, f"{number}" + " " * 2_000)
        await story.flush()
    later = make()
    await later.open()
    run(later, 8, "8")
    await later.flush()

    parts = sorted(story.folder.path.parent.glob("*.ipynb"))
    assert [part.name for part in parts] == ["work-2.ipynb", "work-3.ipynb", "work.ipynb"]
    told = [sources(part.read_bytes()) for part in (parts[2], parts[0], parts[1])]
    numbers = [[source.strip() for source in part if source[0].isdigit()] for part in told]
    assert [number for part in numbers for number in part] == [str(n) for n in range(1, 9)]
    assert told[0][-1] == "This notebook goes on in work-2.ipynb."
    assert told[1][0] == "This notebook goes on from work.ipynb."
    assert later.path.endswith("/work-3.ipynb")


@pytest.fixture
def few_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the last two notebooks keep their outputs."""
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.notebook.MAX_WHOLE", 2)


async def lengthen(story: Story, numbers: range) -> None:
    """Run a cell for each number, with 2 kB of output, and write the notebook each time."""
    for number in numbers:
        run(story, number, str(number), (Stream(name="stdout", text="x" * 2_000),))
        await story.flush()


def parts(story: Story) -> dict[str, nbformat.NotebookNode]:
    """The notebooks of a story by their file names."""
    found = {path.name: path.read_text() for path in story.folder.path.parent.glob("*.ipynb")}
    nodes = {name: nbformat.reads(found[name], as_version=4) for name in sorted(found)}  # type: ignore[no-untyped-call]
    for node in nodes.values():
        nbformat.validate(node)
    return nodes


@pytest.mark.usefixtures("small_parts", "few_whole")
async def test_the_notebooks_of_long_ago_lose_their_outputs_and_say_so(
    make: Callable[[], Story],
) -> None:
    story = make()
    await lengthen(story, range(1, 15))

    books = parts(story)
    assert len(books) == 5
    bare = [name for name, book in books.items() if not any(c.get("outputs") for c in book.cells)]
    assert bare == ["work-2.ipynb", "work-3.ipynb", "work.ipynb"]
    for name in bare:
        first, *others = books[name].cells
        assert first.source.startswith("The outputs of these cells were removed")
        assert [c.source for c in others if c.cell_type == "code"]
    numbers = [c.source for book in books.values() for c in book.cells if c.cell_type == "code"]
    assert sorted(map(int, numbers)) == list(range(1, 15))


@pytest.mark.usefixtures("small_parts", "few_whole")
async def test_a_notebook_of_long_ago_in_which_a_person_has_written_stays(
    make: Callable[[], Story],
) -> None:
    story = make()
    await lengthen(story, range(1, 6))
    node = parts(story)[NOTEBOOK]
    node.cells.append(nbformat.v4.new_markdown_cell("What I think of it"))  # type: ignore[no-untyped-call]
    file(story).write_text(nbformat.writes(node))  # type: ignore[no-untyped-call]
    await lengthen(story, range(6, 15))

    book = parts(story)[NOTEBOOK]
    assert book.cells[-1].source == "What I think of it"
    assert any(c.get("outputs") for c in book.cells)
    assert story.fault == ""


@pytest.fixture
def few_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a story have 4 notebooks at most."""
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.notebook.MAX_PARTS", 4)


@pytest.mark.usefixtures("small_parts", "few_whole", "few_parts")
async def test_of_very_many_notebooks_the_oldest_go_but_the_first_and_the_next_ones_say_so(
    make: Callable[[], Story],
) -> None:
    story = make()
    await lengthen(story, range(1, 25))

    books = parts(story)
    assert list(books) == [*(f"work-{part}.ipynb" for part in (5, 6, 7, 8)), NOTEBOOK]
    first = books["work-8.ipynb"].cells[0].source
    assert first.startswith(
        "This notebook goes on from work-7.ipynb. Between work.ipynb and work-5"
    )
    assert "were removed" in first
    assert "removed" not in books["work-5.ipynb"].cells[1].source
    assert story.fault == ""


@pytest.mark.usefixtures("small_parts", "few_whole", "few_parts")
@pytest.mark.parametrize("bare", [False, True], ids=["whole", "without outputs"])
async def test_a_notebook_that_a_person_has_saved_is_not_removed(
    make: Callable[[], Story], *, bare: bool
) -> None:
    story = make()
    saved_at = 14 if bare else 7
    await lengthen(story, range(1, saved_at + 1))
    node = parts(story)["work-2.ipynb"]
    assert any(c.get("outputs") for c in node.cells) is not bare
    node.cells[-1].source += "  # what I changed"
    path = story.folder.path.parent / "work-2.ipynb"
    path.write_text(nbformat.writes(node))  # type: ignore[no-untyped-call]
    await lengthen(story, range(saved_at + 1, 25))

    books = parts(story)
    assert books["work-2.ipynb"].cells[-1].source.endswith("# what I changed")
    assert "work-3.ipynb" not in books


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("content", [b"x", b"{" * 6_000, b'"executions": 999999999'])
async def test_a_notebook_that_others_have_made_large_is_left_alone(
    make: Callable[[], Story], content: bytes
) -> None:
    story = make()
    run(story, 1, "1")
    await story.flush()
    with file(story).open("wb") as notebook:
        notebook.truncate(1_900_000_000)
        notebook.seek(-len(content), os.SEEK_END)
        notebook.write(content)

    run(story, 2, "2")
    await story.flush()

    assert story.fault == ""
    assert file(story).stat().st_size == 1_900_000_000
    (second,) = story.folder.path.parent.glob("work-2.ipynb")
    assert "2" in sources(second.read_bytes())


@pytest.mark.usefixtures("small_parts")
async def test_a_file_of_that_name_is_not_taken_for_the_next_part(
    make: Callable[[], Story],
) -> None:
    story = make()
    (story.folder.path.parent / "work-2.ipynb").write_text("mine")
    for number in range(1, 6):
        run(story, number, "x" * 2_000)
        await story.flush()

    assert (story.folder.path.parent / "work-2.ipynb").read_text() == "mine"
    assert (story.folder.path.parent / "work-3.ipynb").exists()
