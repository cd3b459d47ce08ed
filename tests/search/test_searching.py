"""The search through real files, on a disk and through a ContentsManager only."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.files.files import McpFiles
from jupyter_mcp_ext.notebooks.handles import source_hash
from jupyter_mcp_ext.notebooks.reading.document import LiveCopy
from jupyter_mcp_ext.outputs.model import Json
from jupyter_mcp_ext.rendering.rendering import Rendering
from jupyter_mcp_ext.search import searching
from jupyter_mcp_ext.search.query import Query
from jupyter_mcp_ext.search.search_words import Call, data_of, words_of
from jupyter_mcp_ext.search.searching import FileSearch, Findings, Wanted
from tests.users import nothing

OFFLINE = {"png": base64.b64encode(b"needle in an image" * 10).decode()}


def never(path: str) -> bool:
    """No folder is searched only when it is named."""
    return False


class Search:
    """The service with the shortest ways to call it."""

    def __init__(self, files: McpFiles, live: dict[str, Json] | None = None) -> None:
        self.opened = live or {}
        self.service = FileSearch(files.gate, files.storage, self._live)

    async def _live(self, path: str) -> LiveCopy | None:
        return LiveCopy(read=lambda: self.opened[path], size=0) if path in self.opened else None

    async def find(self, query: str, path: str = ".", **more: Any) -> Findings:
        wanted: dict[str, Any] = {"outputs": False, "context": 0, "offset": 0, "limit": 100}
        wanted |= {name: more.pop(name) for name in wanted if name in more}
        given = {"glob": None, "hides": nothing, "is_apart": never, **more}
        is_regex = given.pop("regex", False)
        return await self.service.search(
            Query(query, is_regex=is_regex), Wanted(**wanted), path=path, **given
        )

    async def text(self, query: str, path: str = ".", **more: Any) -> str:
        found = await self.find(query, path, **more)
        call = Call(query=query, arguments=(("path", path),))
        return words_of(found, call, offset=more.get("offset", 0), room=10_000)[0]

    async def lines(self, query: str, path: str = ".", **more: Any) -> list[str]:
        """The lines below the first."""
        return (await self.text(query, path, **more)).splitlines()[1:]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))  # the manager's notary
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_text("needle")
    return root


@pytest.fixture
def contents(root: Path) -> Iterator[AsyncLargeFileManager]:
    contents = AsyncLargeFileManager(root_dir=str(root))
    yield contents
    contents.notary.store.close()


def made(contents: AsyncLargeFileManager, root: Path | None, **traits: Any) -> McpFiles:
    return McpFiles(contents, root, "/", Rendering(logging.getLogger(__name__)), **traits)


@pytest.fixture
def disk(contents: AsyncLargeFileManager, root: Path) -> Search:
    return Search(made(contents, root))


@pytest.fixture(params=["disk", "managed"])
def search(request: pytest.FixtureRequest, contents: AsyncLargeFileManager, root: Path) -> Search:
    return Search(made(contents, root if request.param == "disk" else None))


def cell(source: Any, cell_id: str = "ab12cd34", **more: Any) -> dict[str, Any]:
    code: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "outputs": [],
        "metadata": {},
    }
    return {**code, "id": cell_id, "source": source, **more}


def node(*cells: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}


def write(path: Path, *cells: Any) -> None:
    path.write_text(json.dumps(node(*cells)))


def paths(found: Findings) -> list[str]:
    return [file.path for file in found.files]


# -- text files -------------------------------------------------------------------------------


async def test_lines_are_found_in_every_file_below_a_folder(search: Search, root: Path) -> None:
    (root / "src" / "deep").mkdir(parents=True)
    (root / "src" / "b.py").write_text("import os\n\ndef load():\n    pass")
    (root / "src" / "deep" / "a.py").write_text("load()\nx\nload()\n")
    (root / "other.txt").write_text("load()")

    assert await search.text("load(", "src") == (
        '3 hits in 2 files for "load(" in src, 2 files searched\n'
        "src/b.py (1 hit)\n3: def load():\n"
        "src/deep/a.py (2 hits)\n1: load()\n3: load()"
    )


async def test_one_file_is_searched_whatever_the_glob(search: Search, root: Path) -> None:
    (root / "a.txt").write_text("one\ntwo\n")

    assert await search.lines("TWO".lower(), "a.txt", glob="*.py") == ["a.txt (1 hit)", "2: two"]


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        (None, ["a.py", "docs/b.md", "docs/in/c.py"]),
        ("*.py", ["a.py", "docs/in/c.py"]),
        ("docs/*", ["docs/b.md"]),
        ("docs/**", ["docs/b.md", "docs/in/c.py"]),
        ("**/in/*.py", ["docs/in/c.py"]),
        ("*.txt", []),
    ],
)
async def test_a_glob_without_a_slash_is_about_names_at_any_depth(
    search: Search, root: Path, glob: str | None, names: list[str]
) -> None:
    (root / "docs" / "in").mkdir(parents=True)
    for name in ("a.py", "docs/b.md", "docs/in/c.py"):
        (root / name).write_text("needle")

    assert paths(await search.find("needle", glob=glob)) == names


@pytest.mark.parametrize("glob", ["../*", "/etc/*", "./", "x" * 501])
async def test_a_glob_that_leads_out_or_names_nothing_is_refused(
    disk: Search, root: Path, glob: str
) -> None:
    with pytest.raises(InvalidArgument, match="glob"):
        await disk.find("needle", glob=glob)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xef\xbb\xbfneedl\xc3\xa9 1\r\nrest\r\n", "1: needlé 1"),
        ("x\nneedlé 2\n".encode("latin-1"), "2: needlé 2"),
        (b"x\r\ny\r\nneedl\xc3\xa9 3", "3: needlé 3"),
        ("a\u200bneedlé 4\u202e".encode(), "1: aneedlé 4"),
        (b"needl\xc3\xa9 \x1b[31m5\x1b[0m", "1: needlé [31m5[0m"),
    ],
)
async def test_text_of_any_encoding_is_read(
    search: Search, root: Path, data: bytes, line: str
) -> None:
    (root / "a.txt").write_bytes(data)

    assert await search.lines("needlé") == ["a.txt (1 hit)", line]


async def test_an_expression_finds_the_first_and_the_last_line(
    search: Search, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.outputs.search.DEADLINE", 100.0)  # for a busy machine
    (root / "a.txt").write_text("x1\n" + "y\n" * 20 + "x22")

    assert await search.lines(r"^x\d+$", regex=True) == ["a.txt (2 hits)", "1: x1", "22: x22"]


async def test_context_of_hits_that_are_near_is_shown_once(search: Search, root: Path) -> None:
    lines = [f"line {n}" for n in range(1, 21)]
    for number in (1, 4, 6, 15, 20):
        lines[number - 1] = f"hit {number}"
    (root / "a.txt").write_text("\n".join(lines))

    found = await search.lines("hit", context=2)

    assert found == [
        "a.txt (5 hits)",
        *["1: hit 1", "2- line 2", "3- line 3", "4: hit 4", "5- line 5", "6: hit 6"],
        *["7- line 7", "8- line 8", "--", "13- line 13", "14- line 14", "15: hit 15"],
        *["16- line 16", "17- line 17", "18- line 18", "19- line 19", "20: hit 20"],
    ]


async def test_a_text_over_several_lines_is_one_hit(search: Search, root: Path) -> None:
    (root / "a.txt").write_bytes(b"a\r\nb\r\nc\r\n")

    assert await search.lines("b\nc") == ["a.txt (1 hit)", "2: b", "3: c"]


async def test_a_long_line_is_cut_around_its_hit(search: Search, root: Path) -> None:
    (root / "a.json").write_text("x" * 5_000 + "needle" + "y" * 5_000)

    [_, line] = await search.lines("needle")

    assert line == (f"1: …{'x' * 150}needle{'y' * 144}… (characters 4,850 to 5,150 of 10,006)")


# -- pages ------------------------------------------------------------------------------------


async def test_a_hundred_thousand_hits_are_counted_and_shown_in_pages(
    disk: Search, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in ("COUNTING", "PATIENCE"):
        monkeypatch.setattr(searching, seconds, 100.0)  # for a busy machine
    (root / "a.log").write_text("a needle\n" * 100_000)
    (root / "b.log").write_text("a needle\n")

    found = await disk.find("needle", offset=99_990)
    call = Call(query="needle", arguments=(("path", "."),))
    first = words_of(await disk.find("needle"), call, offset=0, room=10_000)
    last = words_of(found, call, offset=99_990, room=10_000)

    assert first[0].startswith(
        '100,001 hits in 2 files for "needle" in ., 2 files searched; 1-100 shown\n'
        "a.log (100,000 hits)\n1: a needle\n"
    )
    assert first[0].endswith(
        'also in: b.log (1)\nmore: search_files("needle", path=".", offset=100)'
    )
    assert last[0].endswith("100000: a needle\nb.log (1 hit)\n1: a needle")
    assert last[1:] == (11, None)


async def test_pages_that_follow_each_other_have_every_hit_once(disk: Search, root: Path) -> None:
    for name in "abc":
        (root / f"{name}.txt").write_text(
            "".join(f"needle {name}{n} {'x' * 300}\n" for n in range(50))
        )
    call = Call(query="needle", arguments=())
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        found = await disk.find("needle", offset=offset, limit=40)
        words, shown, following = words_of(found, call, offset=offset, room=10_000)
        assert len(words) <= 10_000
        assert len(data_of(found, shown, following)["hits"]) == shown
        seen += [line.split()[2] for line in words.splitlines() if ": needle" in line]
        offset = following

    assert seen == [f"{name}{n}" for name in "abc" for n in range(50)]


async def test_a_result_with_long_names_and_a_long_query_has_its_bound(
    disk: Search, root: Path
) -> None:
    query = 'né"\u202e' * 100
    for n in range(30):
        folder = root / f"{n:02}{'x' * 200}"
        folder.mkdir()
        (folder / f"{'é' * 100}.txt").write_text(f"{query} {'y' * 200}\n" * 9)
        (folder / f"{'z' * 200}.bin").write_bytes(b"\0")
        (folder / "node_modules").mkdir()
    found = await disk.find('né"né', glob="**")
    call = Call(query=query, arguments=(("path", "."),))

    words, shown, following = words_of(found, call, offset=0, room=10_000)

    assert len(words) <= 10_000
    assert 0 < shown == following
    assert words.splitlines()[-1].startswith("more: ")


async def test_one_hit_with_much_context_is_shown_within_the_bound(
    disk: Search, root: Path
) -> None:
    lines = ["x" * 390] * 50
    lines[25] = f"needle {'y' * 380}"
    (root / "a.txt").write_text("\n".join(lines))

    text = await disk.text("needle", context=20)

    assert len(text) <= 10_000
    assert "\n26: needle yyy" in text
    assert text.count("\n") == 42


async def test_behind_the_last_hit_there_are_none(search: Search, root: Path) -> None:
    (root / "a.txt").write_text("needle")

    text = await search.text("needle", offset=5)

    assert text.startswith('1 hit in 1 file for "needle" in ., 1 file searched; none from offset 5')


async def test_a_search_that_takes_too_long_says_how_many_files_it_has_not_seen(
    disk: Search, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(120):
        (root / f"{n:03}.txt").write_text("needle")
    monkeypatch.setattr(searching, "COUNTING", -1)

    words = await disk.text("needle", limit=3)

    assert words.startswith("over ")
    assert "for lack of time" in words
    assert not (await disk.find("needle", limit=3)).is_whole


async def test_an_expression_that_would_take_for_ever_is_refused(disk: Search, root: Path) -> None:
    (root / "a.txt").write_text("a" * 40)

    with pytest.raises(InvalidArgument, match="takes too long"):
        await disk.find("(a+)+b", regex=True)


# -- notebooks --------------------------------------------------------------------------------


async def test_hits_in_notebooks_have_the_handles_of_their_cells(
    search: Search, root: Path
) -> None:
    write(
        root / "a.ipynb",
        cell("x"),
        cell(["# A needle\n", "text\n", "needle"], "md", cell_type="markdown"),
        cell("needle", "ef56ab78", execution_count=3),
    )
    first, second = source_hash("# A needle\ntext\nneedle"), source_hash("needle")

    assert await search.lines("needle") == [
        "a.ipynb (3 hits)",
        f"[1] markdown md@{first}",
        "1: # A needle",
        "3: needle",
        f"[2] code ef56ab78@{second} In[3] ok",
        "1: needle",
    ]


async def test_outputs_are_searched_when_asked_for(search: Search, root: Path) -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "a needle\n"]},
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": OFFLINE["png"]}},
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/html": "<table><tr><td>needle 2</td></tr></table>"},
        },
        {"output_type": "error", "ename": "E", "evalue": "needle 3", "traceback": []},
    ]
    write(root / "a.ipynb", cell("x = 1\ny", outputs=outputs, execution_count=1))

    without = await search.text("needle")
    lines = await search.lines("needle", outputs=True)

    assert without == 'no hit for "needle" in ., 1 file searched'
    assert lines[0] == "a.ipynb (3 hits)"
    assert lines[2:4] == ["Outputs:", "5: a needle"]
    assert [line.partition(" ")[2] for line in lines[4:]] == ["needle 2", "E: needle 3"]


@pytest.mark.parametrize("is_ascii", [False, True])
@pytest.mark.parametrize("query", ['say("hi")', "größe", "a\n    b", "C:\\new", "d['x']", "</b>"])
async def test_what_json_escapes_is_found(
    search: Search, root: Path, query: str, is_ascii: bool
) -> None:
    source = f"1\n{query}\n2"
    for name, value in (("a", source), ("b", source.splitlines(keepends=True))):
        text = json.dumps(node(cell(value)), ensure_ascii=is_ascii, indent=1)
        (root / f"{name}.ipynb").write_text(text)

    found = await search.find(query)

    assert paths(found) == ["a.ipynb", "b.ipynb"]
    assert [hit.number for file in found.files for hit in file.hits] == [2, 2]


async def test_notebooks_of_older_formats_are_read(search: Search, root: Path) -> None:
    third = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 2, "source": ["A needle"]},
                    {"cell_type": "code", "input": ["x\n", "needle"], "outputs": []},
                ]
            }
        ],
    }
    (root / "a.ipynb").write_bytes(b"\xef\xbb\xbf" + json.dumps(third).encode())

    lines = await search.lines("needle")

    assert lines[1].startswith("[0] markdown #0@")
    assert lines[2] == "1: ## A needle"
    assert lines[3].startswith("[1] code #1@")
    assert lines[4] == "2: needle"


async def test_what_is_no_notebook_is_searched_as_text(search: Search, root: Path) -> None:
    (root / "a.ipynb").write_text("<<<<<<< HEAD\nneedle")
    (root / "b.ipynb").write_text('{"a": "needle"}')

    found = await search.lines("needle")

    assert found == ["a.ipynb (1 hit)", "2: needle", "b.ipynb (1 hit)", '1: {"a": "needle"}']


async def test_a_notebook_that_people_have_open_is_searched_as_it_is_there(
    contents: AsyncLargeFileManager, root: Path
) -> None:
    write(root / "a.ipynb", cell("old needle"))
    write(root / "b.ipynb", cell("needle"))
    search = Search(made(contents, root), {"a.ipynb": node(cell("new\nneedle, not saved"))})

    found = await search.find("needle")

    hits = [(file.path, hit.number) for file in found.files for hit in file.hits]
    assert hits == [("a.ipynb", 2), ("b.ipynb", 1)]


# -- what is not searched ---------------------------------------------------------------------


async def test_binary_files_are_passed_over_and_named(search: Search, root: Path) -> None:
    (root / "a.bin").write_bytes(b"needle\0")
    (root / "b.txt").write_text("needle")
    for n in range(6):
        (root / f"c{n}.bin").write_bytes(b"\0")

    text = await search.text("needle")

    assert text.startswith('1 hit in 1 file for "needle" in ., 1 file searched')
    assert text.endswith(
        "! not searched, since binary: a.bin, c0.bin, c1.bin, c2.bin, c3.bin and 2 more"
    )


async def test_a_file_over_the_limit_is_passed_over_and_named(
    search: Search, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MAX_BYTES", 100)
    (root / "a.csv").write_text("needle" * 50)

    lines = await search.lines("needle")

    assert lines == [
        "! not searched, since over 64 MB; search them with code (execute_code): a.csv"
    ]


async def test_links_are_not_followed_and_counted(disk: Search, root: Path) -> None:
    (root / "data").mkdir()
    (root / "data" / "a.txt").write_text("needle")
    (root / "inside").symlink_to("data")
    (root / "outside.txt").symlink_to(root.parent / "outside" / "a.txt")
    (root / "all").symlink_to(root.parent / "outside")

    assert await disk.lines("needle") == [
        *["data/a.txt (1 hit)", "1: needle"],
        "! not followed: 3 symbolic links",
    ]
    assert paths(await disk.find("needle", "inside")) == ["data/a.txt"]
    for path in ("outside.txt", "all"):
        with pytest.raises(ContentsError, match="symbolic link"):
            await disk.find("needle", path)


async def test_hidden_files_secrets_and_those_of_others_are_never_searched(
    search: Search, root: Path
) -> None:
    (root / ".git").mkdir()
    (root / "mcp-sessions" / "ab12cd34").mkdir(parents=True)
    for name in (".git/a", ".hidden", "token.json", "mcp-sessions/ab12cd34/a.txt", "mine.txt"):
        (root / name).write_text("needle")

    def hides(path: str) -> bool:
        return path.startswith("mcp-sessions/ab12cd34")

    found = await search.find("needle", hides=hides)

    assert paths(found) == ["mine.txt"]
    assert "ab12cd34" not in await search.text("needle", hides=hides)
    for path in (".git", ".hidden", "token.json", "mcp-sessions/ab12cd34"):
        with pytest.raises(ContentsError):
            await search.find("needle", path, hides=hides)


async def test_folders_of_caches_and_of_sessions_are_entered_only_as_path(
    disk: Search, root: Path
) -> None:
    for folder in ("node_modules/x", "kept"):
        (root / folder).mkdir(parents=True)
        (root / folder / "a.txt").write_text("needle")

    text = await disk.text("needle", is_apart=lambda path: path == "kept")

    assert text == (
        'no hit for "needle" in ., 0 files searched\n'
        "! not entered, unless given as path: node_modules\n"
        "! not entered, unless given as path: kept, where sessions are"
    )
    assert paths(await disk.find("needle", "node_modules")) == ["node_modules/x/a.txt"]
    assert paths(await disk.find("needle", "kept")) == ["kept/a.txt"]


async def test_a_file_that_is_gone_or_closed_to_the_server_is_named(
    contents: AsyncLargeFileManager, root: Path
) -> None:
    for name in ("a.ipynb", "b.txt", "c.txt"):
        (root / name).write_text("needle")
    files = made(contents, root)

    async def gone(path: str) -> None:
        (root / "b.txt").unlink(missing_ok=True)  # after the files were listed

    findings = await FileSearch(files.gate, files.storage, gone).search(
        Query("needle", is_regex=False),
        Wanted(outputs=False, context=0, offset=0, limit=10),
        path=".",
        glob=None,
        hides=nothing,
        is_apart=never,
    )

    assert paths(findings) == ["a.ipynb", "c.txt"]
    assert [(passed.path, passed.why) for passed in findings.passed] == [("b.txt", "not readable")]


async def test_names_that_are_no_text_are_searched_too(disk: Search, root: Path) -> None:
    (root / os.fsdecode(b"not \xff unicode.txt")).write_text("needle")
    (root / os.fsdecode(b"not \xff unicode.ipynb")).write_text(json.dumps(node(cell("needle"))))
    (root / "line\nbreak.txt").write_text("needle")

    lines = await disk.lines("needle")

    assert len(lines) == 7
    assert all("\n" not in line and line.isprintable() for line in lines)


async def test_a_path_without_anything_is_an_error_with_similar_names(
    search: Search, root: Path
) -> None:
    (root / "reports").mkdir()

    with pytest.raises(ContentsError, match="reports"):
        await search.find("needle", "report")


async def test_a_device_is_not_opened(disk: Search, root: Path) -> None:
    os.mkfifo(root / "pipe")

    with pytest.raises(ContentsError, match="not a regular file"):
        await disk.find("needle", "pipe")
    assert (await disk.find("needle")).hits == 0


async def test_searches_at_once_do_not_disturb_each_other(disk: Search, root: Path) -> None:
    for n in range(100):
        (root / f"{n}.txt").write_text(f"needle {n}\n")

    found = await asyncio.gather(*(disk.find(f"needle {n}\n"[:-1]) for n in range(90, 100)))

    assert [each.hits for each in found] == [1] * 10
