from __future__ import annotations

import ast
import gc
import io
import json
import random
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.handles import handles
from jupyter_mcp_ext.notebooks.reading.cell_text import CellText
from jupyter_mcp_ext.notebooks.reading.cells import Cell
from jupyter_mcp_ext.notebooks.reading.document import Notebook, parse
from jupyter_mcp_ext.notebooks.reading.page import NotebookPage
from jupyter_mcp_ext.notebooks.reading.words import page_of
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, Output, Stream
from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock
from jupyter_mcp_ext.outputs.quoting import Remark

LIMITS = Limits()


def png(shade: int = 0) -> str:
    file = io.BytesIO()
    Image.new("L", (8, 8), shade).save(file, "png")
    return b64encode(file.getvalue()).decode()


def image(shade: int = 0) -> Display:
    return Display(data={"image/png": png(shade), "text/plain": "<Figure>"})


def code(
    source: str, *outputs: Output, count: int | None = None, cell_id: str | None = None
) -> Cell:
    return Cell(
        index=0,
        cell_id=cell_id,
        cell_type="code",
        source=source,
        execution_count=count,
        outputs=outputs,
    )


def markdown(source: str) -> Cell:
    return Cell(index=0, cell_id=None, cell_type="markdown", source=source)


def notebook(*cells: Cell, path: str = "a.ipynb") -> Notebook:
    named = (
        replace(cell, index=n, cell_id=cell.cell_id or f"{n * 7919 % 99991:05d}-cell")
        for n, cell in enumerate(cells)
    )
    return Notebook(
        path=path, cells=tuple(named), kernel_name="python3", language="python", nbformat="4.5"
    )


def text(page: NotebookPage) -> str:
    return "\n".join(block.text for block in page.blocks if isinstance(block, TextBlock))


def images(page: NotebookPage) -> list[bytes]:
    return [block.data for block in page.blocks if isinstance(block, ImageBlock)]


def arguments(call: str) -> dict[str, Any]:
    """The arguments of a call that a text proposes."""
    node = ast.parse(call.replace("null", "None"), mode="eval").body
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    assert node.func.id == "read_notebook"
    given = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
    return {"what": given.pop("view", "source"), **given}


def pages(book: Notebook, limits: Limits = LIMITS, **asked: Any) -> Iterator[NotebookPage]:
    """The page and all that follow, each fetched by the call that the one before names."""
    for _ in range(1_000):
        page = page_of(book, limits=limits, **asked)
        yield page
        if page.next_call is None:
            return
        asked = arguments(page.next_call)
    pytest.fail("the pages never end")


def test_a_page_begins_with_what_the_notebook_is() -> None:
    page = page_of(notebook(code("1"), markdown("# T")), limits=LIMITS)

    assert text(page).splitlines()[0] == "a.ipynb: 2 cells, kernel python3, nbformat 4.5"


def test_a_cell_is_a_header_with_its_handle_and_its_source_as_it_is() -> None:
    book = notebook(code("import os\n\n  x = 1\n", count=7, cell_id="ab12cd34"))
    (handle,) = handles(book.cells)

    page = page_of(book, limits=LIMITS)

    assert f"\n[0] code {handle} In[7] ok\nimport os\n\n  x = 1\n" in text(page)


@pytest.mark.parametrize(
    ("cell", "state", "words"),
    [
        (code("1"), "no run saved", " no run saved\n"),
        (code("1", count=3), "ok", " In[3] ok\n"),
        (code("1", Stream(name="stdout", text="a")), "ok", " ok\n"),
        (code("1", Error(ename="E", evalue=""), count=4), "error", " In[4] error\n"),
    ],
)
def test_the_header_tells_how_the_last_run_ended(cell: Cell, state: str, words: str) -> None:
    page = page_of(notebook(cell), limits=LIMITS)

    assert page.shown[0].state == state
    assert words in text(page)


def test_a_cell_that_does_not_run_has_no_state() -> None:
    book = notebook(markdown("hello"))

    page = page_of(book, limits=LIMITS)

    assert page.shown[0].state is None
    assert f"[0] markdown {handles(book.cells)[0]}\nhello" in text(page)


def test_what_is_shown_is_also_told_for_programs() -> None:
    book = notebook(markdown("hello"), code("1", count=1, cell_id="ab12cd34"))

    info = page_of(book, limits=LIMITS).shown[1]

    assert (info.handle, info.cell_id, info.index, info.cell_type, info.state) == (
        handles(book.cells)[1],
        "ab12cd34",
        1,
        "code",
        "ok",
    )


def test_outputs_are_shown_after_the_source_when_asked_for() -> None:
    book = notebook(code("f()", Stream(name="stdout", text="hello\n"), image(), count=1))

    assert "hello" not in text(page_of(book, limits=LIMITS))
    page = page_of(book, what="outputs", limits=LIMITS)

    assert "f()\nOutputs:\nhello" in text(page)
    assert len(images(page)) == 1


def test_an_outline_is_a_line_for_each_cell() -> None:
    book = notebook(
        markdown("intro\n\n## Heading ##\n\nmore"),
        markdown("```\n# no heading\n```"),
        code("\n\nimport os\nimport sys", count=1),
        code(""),
        code("x" * 500),
    )
    names = handles(book.cells)

    lines = text(page_of(book, what="outline", limits=LIMITS)).splitlines()[1:]

    assert lines == [
        f"[0] markdown {names[0]}: ## Heading ##",
        f"[1] markdown {names[1]}: ```",
        f"[2] code {names[2]} In[1] ok: import os",
        f"[3] code {names[3]} no run saved",
        f"[4] code {names[4]} no run saved: {'x' * 100}…",
    ]


@pytest.mark.parametrize("what", ["source", "outputs", "outline"])
@pytest.mark.parametrize("budget", [1_000, 3_000, 10_000])
def test_following_the_pages_shows_each_of_200_cells_once(what: Any, budget: int) -> None:
    luck = random.Random(4)
    cells = []
    for n in range(200):
        source = "\n".join(f"line_{k} = {n}" for k in range(luck.choice([0, 1, 3, 10, 60])))
        outputs = [Stream(name="stdout", text="out\n" * luck.choice([1, 50, 5_000]))] * (n % 2)
        cells.append(code(source, *outputs, count=n or None))
    book = notebook(*cells)
    names = handles(book.cells)

    seen = list(pages(book, replace(LIMITS, text=budget), what=what))

    assert [info.index for page in seen for info in page.shown] == [*range(200)]
    assert [info.handle for page in seen for info in page.shown] == [*names]
    everything = "\n".join(map(text, seen))
    assert all(everything.count(f"\n[{n}] code {name}") == 1 for n, name in enumerate(names))
    assert all(len(text(page)) <= budget for page in seen)
    assert len(seen) > 1 or (what, budget) == ("outline", 10_000)


def test_following_the_pages_of_one_cell_shows_each_line_once() -> None:
    lines = [f"line {n} " + "x" * (n % 90) for n in range(2_000)]
    book = notebook(code("1"), code("\n".join(lines)))
    handle = handles(book.cells)[1]

    seen = list(pages(book, cells=[handle]))

    shown = [line for page in seen for line in text(page).splitlines() if line.startswith("line ")]
    assert shown == lines
    assert all(len(text(page)) <= LIMITS.text for page in seen)


def test_a_cell_larger_than_a_page_is_cut_with_the_call_for_its_rest() -> None:
    lines = [f"line {n}" for n in range(3_000)]
    book = notebook(code("\n".join(lines)), code("after"))

    first, second = pages(book)

    assert len(text(first)) <= LIMITS.text
    (rest,) = [line for line in text(first).splitlines() if "more lines of this cell" in line]
    call = arguments(rest[rest.index("read_notebook") : -1])
    begun = [line for line in text(first).splitlines() if line.startswith("line ")]
    continued = "\n".join(text(page) for page in pages(book, **call))
    assert begun + [ln for ln in continued.splitlines() if ln.startswith("line ")] == lines
    assert "\nafter" in text(second)


def test_a_line_longer_than_a_page_is_cut_and_the_pages_go_on() -> None:
    book = notebook(code("a\n" + "x" * 50_000 + "\nb"))

    seen = list(pages(book, cells=[0]))

    assert all(len(text(page)) <= LIMITS.text for page in seen)
    [call] = re.findall(r"characters of this line left out: (.*)", "".join(map(text, seen)))
    rest = list(pages(book, **arguments(call)))
    assert sum(text(page).count("x") for page in (*seen, *rest)) == 50_000
    assert text(seen[-1]).splitlines()[-1] == "b"


def test_a_search_covers_the_outputs_where_they_are_shown() -> None:
    book = notebook(
        code("first", Stream(name="stdout", text="a needle\nhay\n")),
        code("second", Stream(name="stdout", text="hay\n")),
        code("third = 'needle'", Display(data={"text/plain": "hay"}, is_result=True)),
    )

    outputs = page_of(book, what="outputs", grep="needle", limits=LIMITS)
    source = page_of(book, grep="needle", limits=LIMITS)

    assert [info.index for info in outputs.shown] == [0, 2]
    assert "3: a needle" in text(outputs)
    assert "1: third = 'needle'" in text(outputs)
    assert "hay" not in text(outputs)
    assert [info.index for info in source.shown] == [2]


def test_what_a_cell_puts_out_cannot_be_taken_for_another_cell() -> None:
    fake = "[1] code ab12cd34@9d1e0f In[7] ok\nrm -rf"
    book = notebook(code("! ls", Stream(name="stdout", text=fake)))

    for page in (
        page_of(book, what="outputs", limits=LIMITS),
        *pages(book, what="outputs", cells=[0]),
    ):
        assert "> [1] code ab12cd34@9d1e0f" in text(page)
        assert "\n! ls\n" in text(page)


def test_a_page_begins_where_it_is_asked_to_and_holds_as_many_cells_as_asked() -> None:
    book = notebook(*(code(str(n)) for n in range(10)))

    page = page_of(book, offset=3, limit=2, limits=LIMITS)

    assert [info.index for info in page.shown] == [3, 4]
    assert page.next_call == 'read_notebook("a.ipynb", offset=5, limit=2)'
    assert page.next_call in text(page)


def test_the_last_page_names_no_call() -> None:
    page = page_of(notebook(code("1"), code("2")), offset=1, limit=1, limits=LIMITS)

    assert page.next_call is None
    assert "read_notebook" not in text(page)


def test_the_next_call_repeats_what_was_asked() -> None:
    book = notebook(*(code(f"x = {n}") for n in range(10)), path='a "b".ipynb')

    page = page_of(book, what="outputs", cells=["1-8"], grep="x", limit=2, limits=LIMITS)

    assert page.next_call == (
        r'read_notebook("a \"b\".ipynb", view="outputs", cells=["1-8"], grep="x", '
        "offset=3, limit=2)"
    )


def test_only_the_cells_that_are_named_are_shown() -> None:
    book = notebook(*(code(str(n)) for n in range(10)))

    page = page_of(book, cells=["7-8", handles(book.cells)[2]], limits=LIMITS)

    assert [info.index for info in page.shown] == [2, 7, 8]


def test_many_long_references_do_not_eat_the_page() -> None:
    book = notebook(*(code("x" * 300) for _ in range(99)))
    names = list(handles(book.cells))

    seen = list(pages(book, cells=names))

    assert [info.index for page in seen for info in page.shown] == [*range(99)]
    assert seen[0].next_call is not None
    assert 'cells=["0-98"]' in seen[0].next_call


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cells": ["zz"]}, "2 cells"),
        ({"cells": [0, 7]}, "none that 7 names"),
        ({"cells": [0] * 101}, "ranges of indices"),
        ({"offset": 2}, "none from 2 on"),
        ({"offset": -1}, "below 0"),
        ({"limit": 0}, "below 1"),
        ({"cells": [0], "offset": 5}, "from line 5 on"),
        ({"grep": "("}, "regular expression"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        page_of(notebook(code("aaa"), code("b")), limits=LIMITS, **asked)


def test_grep_shows_the_cells_whose_source_matches_with_the_lines() -> None:
    book = notebook(code("import os\nx = 1\nimport sys"), code("y"), markdown("we import"))

    page = page_of(book, grep=r"import \w+$|we", limits=LIMITS)

    assert [info.index for info in page.shown] == [0, 2]
    assert "\n1: import os\n3: import sys\n" in text(page)
    assert "x = 1" not in text(page)


def test_the_number_of_a_match_is_an_offset_into_its_cell() -> None:
    book = notebook(code("\n".join(f"x = {n}" for n in range(500))))

    assert "\n322: x = 321" in text(page_of(book, grep="x = 321", limits=LIMITS))
    assert "\nx = 321\n" in text(page_of(book, cells=[0], offset=322, limits=LIMITS))
    assert "x = 320\n" not in text(page_of(book, cells=[0], offset=322, limits=LIMITS))


def test_of_very_many_matches_in_a_cell_the_rest_is_counted() -> None:
    page = page_of(notebook(code("x\n" * 500)), grep="x", limits=LIMITS)

    assert "(480 more lines of this cell match)" in text(page)


def test_grep_without_a_match_says_so() -> None:
    page = page_of(notebook(code("a")), grep="zzz", limits=LIMITS)

    assert "(no cell matches)" in text(page)
    assert page.shown == ()


def test_an_empty_notebook_is_shown() -> None:
    assert text(page_of(notebook(), limits=LIMITS)).splitlines() == [
        "a.ipynb: 0 cells, kernel python3, nbformat 4.5",
        "(no cells)",
    ]


def test_long_outputs_among_many_cells_name_the_call_for_their_cell() -> None:
    lines = "".join(f"out {n}\n" for n in range(5_000))
    book = notebook(code("f()", Stream(name="stdout", text=lines), count=1), code("g()"))

    page = page_of(book, what="outputs", limits=LIMITS)

    call = f'read_notebook("a.ipynb", view="outputs", cells=["{handles(book.cells)[0]}"])'
    assert call in text(page)
    assert [info.index for info in page.shown] == [0, 1]


def test_the_outputs_of_one_cell_get_the_page_and_name_the_call_for_what_is_left_out() -> None:
    lines = [f"out {n}" for n in range(5_000)]
    book = notebook(
        code("f()", Stream(name="stdout", text="first\n"), image(), count=1),
        code(
            "a\nb",
            Stream(name="stderr", text="warned\n"),
            Stream(name="stdout", text="\n".join(lines)),
            Error(ename="KeyError", evalue="'x'", traceback=("Traceback", "KeyError: 'x'")),
        ),
    )

    page = page_of(book, what="outputs", cells=[1], limits=LIMITS)

    assert len(text(page)) <= LIMITS.text
    assert all(words in text(page) for words in ("warned", "out 0\n", "out 4999", "KeyError: 'x'"))
    assert page.next_call is not None
    assert page.next_call in text(page)
    more = page_of(book, limits=LIMITS, **arguments(page.next_call))
    last_before = text(page)[: text(page).index(page.next_call)].splitlines()[-2]
    number = int(last_before.removeprefix("out "))
    assert f" error\nout {number + 1}\n" in text(more)


def test_every_line_of_a_cells_outputs_can_be_reached() -> None:
    book = notebook(
        code("f()", Stream(name="stdout", text="".join(f"out {n}\n" for n in range(5_000))))
    )

    seen = list(pages(book, what="outputs", cells=[0], offset=2))

    shown = [ln for page in seen for ln in text(page).splitlines() if ln.startswith("out ")]
    assert shown == [f"out {n}" for n in range(5_000)]


def test_a_page_has_no_more_images_than_a_result_may_have() -> None:
    book = notebook(*(code(f"plot({n})", image(n), image(n + 100)) for n in range(5)))

    seen = list(pages(book, what="outputs"))

    assert [len(images(page)) for page in seen] == [4, 4, 2]
    assert [info.index for page in seen for info in page.shown] == [0, 1, 2, 3, 4]


def test_every_image_of_a_cell_that_has_many_can_be_reached() -> None:
    book = notebook(code("plots()", *(image(20 * n) for n in range(10))))
    every = [
        images(page_of(notebook(code("", image(20 * n))), what="outputs", limits=LIMITS))[0]
        for n in range(10)
    ]

    latest = page_of(book, what="outputs", cells=[0], limits=LIMITS)
    assert images(latest) == every[-4:]
    assert latest.next_call is not None

    seen = list(pages(book, **arguments(latest.next_call)))
    assert [data for page in seen for data in images(page)] == every
    assert [len(images(page)) for page in seen] == [4, 4, 2]


def test_images_stand_where_the_notebook_shows_them() -> None:
    book = notebook(
        code(
            "f()",
            Stream(name="stdout", text="before\n"),
            image(),
            Stream(name="stdout", text="after\n"),
        )
    )

    blocks = page_of(book, what="outputs", limits=LIMITS).blocks

    assert [type(block) for block in blocks] == [TextBlock, ImageBlock, TextBlock]


def test_half_a_surrogate_pair_does_not_reach_the_client() -> None:
    book = notebook(code("x = '\ud800'", Stream(name="stdout", text="\ud800")), path="\ud800.ipynb")

    for what in ("source", "outputs", "outline"):
        text(page_of(book, what=what, limits=LIMITS)).encode()


@pytest.mark.parametrize("seed", range(30))
def test_a_page_keeps_to_its_budget_whatever_the_notebook_holds(seed: int) -> None:
    luck = random.Random(seed)
    kinds: list[Output] = [
        Stream(name="stdout", text="o" * luck.choice([10, 40_000])),
        Stream(name="stderr", text="line\n" * luck.choice([1, 3_000])),
        Error(ename="E", evalue="v" * 9_000, traceback=("t" * 9_000,)),
        Display(data={"text/html": "<table><tr><td>x</td></tr></table>" * 50}),
        image(),
    ]
    cells = [
        code(
            "\n".join("s" * luck.choice([0, 10, 300, 5_000]) for _ in range(luck.randrange(40))),
            *(luck.choice(kinds) for _ in range(luck.randrange(12))),
        )
        for _ in range(luck.randrange(1, 12))
    ]
    book = notebook(*cells, path="folder/" * luck.choice([0, 30]) + "a.ipynb")
    what: Any = luck.choice(["source", "outputs", "outline"])
    limits = replace(LIMITS, text=luck.choice([2_000, 10_000]))
    asked: dict[str, Any] = {"what": what, "grep": luck.choice([None, None, "s"])}
    if luck.random() < 0.5:
        asked["cells"] = [luck.randrange(len(cells))]

    for page in pages(book, limits, **asked):
        assert len(text(page)) <= limits.text
        assert len(images(page)) <= limits.images


def test_the_images_of_a_markdown_cell_are_shown() -> None:
    node = {
        "cell_type": "markdown",
        "metadata": {},
        "source": f"![a](attachment:a.png) ![b](data:image/png;base64,{png(2)})",
        "attachments": {"a.png": {"image/png": png(1)}, "odd": 3, "b.txt": {"text/plain": "x"}},
    }
    book = parse(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": [node]}), "a.ipynb")

    page = page_of(book, what="outputs", limits=LIMITS)

    assert [b64encode(data).decode() for data in images(page)] == [png(1), png(2)]
    assert "Images:\n" in text(page)
    assert images(page_of(book, limits=LIMITS)) == []


def test_invisible_characters_of_a_source_are_left_out_with_a_word() -> None:
    book = notebook(code("ad\u200bmin = '\u202e'\r\nb = 'c\u200cd'"), code("x = 1\r\ny"))

    words = text(page_of(book, limits=LIMITS))

    assert "(odd: invisible characters left out: U+200B, U+202E, U+200C)" in words
    assert "admin = ''\nb = 'cd'\n" in words
    assert words.count("(odd: ") == 1


def test_no_invisible_character_of_a_notebooks_name_is_shown() -> None:
    book = replace(notebook(*[code("x = 1")] * 3), path="a\u202eb.ipynb", kernel_name="k\u200bn")

    page = page_of(book, limit=1, limits=LIMITS)

    assert text(page).startswith("a\\u202eb.ipynb: 3 cells, kernel kn, ")
    assert page.next_call == 'read_notebook("a\\u202eb.ipynb", offset=1, limit=1)'


def test_lines_of_a_long_source_are_made_when_they_are_read() -> None:
    source = "x\n" * 50_000
    before = remarks()
    lines = CellText(code(source), "a@0").lines(outputs=False)

    assert (len(lines), lines[49_999], lines[0]) == (50_001, "x", "x")
    assert gc.is_tracked(Remark("x"))
    assert remarks() - before < 5_000


def remarks() -> int:
    """How many there are now."""
    return sum(type(found) is Remark for found in gc.get_objects())


def test_a_notebook_is_long_by_its_cells_or_by_their_sources() -> None:
    assert not notebook(code("x")).is_long
    assert notebook(code("x = 1\n" * 20_000)).is_long
    assert notebook(*[code("x")] * 500).is_long
