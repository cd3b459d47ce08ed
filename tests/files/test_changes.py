"""Which files were written: in a folder, by an execution, and as a client reads it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.executions.order import Destination
from jupyter_mcp_ext.executions.written import MAX_LOOKS, is_idle
from jupyter_mcp_ext.files.changes import (
    MAX_ENTRIES,
    MAX_SHOWN,
    MAX_WORDS,
    Change,
    Changes,
    changes,
    in_words,
)
from tests.engine import ALICE, Engine, running
from tests.mcp_client import McpClient
from tests.servers import JupyterServer

HOUR = 3600.0
LONG = 60.0


def written(root: Path, folder: str = "", **arguments: Any) -> list[str]:
    """The paths written in the last hour, as one look at a folder finds them."""
    given = {"since": time.time() - HOUR, "within": LONG, **arguments}
    return [change.path for change in changes(root, folder, **given).changes]


def make(root: Path, *paths: str, at: float | None = None) -> None:
    """Files with some content and this modification time (their change time is now)."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("content")
        if at is not None:
            os.utime(file, (at, at))


def test_files_at_any_depth_are_found_relative_to_jupyters_root(tmp_path: Path) -> None:
    make(tmp_path, "work/out.csv", "work/plots/deep/a.png", "elsewhere.txt")

    assert sorted(written(tmp_path, "work")) == ["work/out.csv", "work/plots/deep/a.png"]
    assert "elsewhere.txt" in written(tmp_path)


def test_no_name_of_a_file_can_be_taken_for_more_of_the_list() -> None:
    names = ["a b/c-1.csv", "x (1 B), y", "! z", "é.txt", "n\nl", "\u202ex"]

    words = in_words(Changes(files=tuple(Change(path=n, bytes=1, at=0) for n in names)))

    assert words == (
        'a b/c-1.csv (1 B), "x (1 B), y" (1 B), "! z" (1 B), é.txt (1 B), '
        '"n\\nl" (1 B), "\\u202ex" (1 B)'
    )


def test_what_was_not_written_since_is_left_out(tmp_path: Path) -> None:
    make(tmp_path, "before.txt")
    make(tmp_path, "after.txt", at=time.time() + 2 * HOUR)

    assert written(tmp_path, since=time.time() + HOUR) == ["after.txt"]


def test_a_file_that_keeps_an_older_time_is_still_found(tmp_path: Path) -> None:
    """Such times are left by programs that unpack, copy or download."""
    make(tmp_path, "downloaded.zip", at=time.time() - 30 * HOUR)

    assert written(tmp_path) == ["downloaded.zip"]


def test_a_file_that_is_known_as_it_is_is_left_out_until_it_changes(tmp_path: Path) -> None:
    make(tmp_path, "out.csv")
    since = time.time() - HOUR
    known = frozenset(changes(tmp_path, "", since=since, within=LONG).changes)

    assert written(tmp_path, known=known) == []
    (tmp_path / "out.csv").write_text("other content")
    assert written(tmp_path, known=known) == ["out.csv"]


@pytest.mark.parametrize(
    "path",
    [".git/index", ".ipynb_checkpoints/a.ipynb", ".env", "__pycache__/a.pyc", "node_modules/a.js"],
)
def test_hidden_files_and_what_tools_fill_is_left_out(tmp_path: Path, path: str) -> None:
    make(tmp_path, path, f"inner/{path}", "seen.txt")

    assert written(tmp_path) == ["seen.txt"]


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    make(root, "seen.txt")
    make(outside, "secret.txt")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret.txt")

    assert written(root) == ["seen.txt"]


def test_a_folder_that_has_become_a_link_out_of_the_root_is_not_looked_at(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    make(outside, "secret.txt")
    (root / "work").symlink_to(outside)

    assert written(root, "work") == []


def test_a_folder_that_does_not_exist_has_no_files(tmp_path: Path) -> None:
    assert written(tmp_path, "gone") == []


def test_a_look_takes_in_a_bounded_number_of_entries_the_upper_ones_first(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "deep"
    deep.mkdir(parents=True)
    for number in range(MAX_ENTRIES):
        (deep / str(number)).touch()
    make(tmp_path, "b/upper.txt", at=time.time() + HOUR)

    found = changes(tmp_path, "", since=time.time() - HOUR, within=LONG)

    assert found.changes[-1].path == "b/upper.txt"
    assert MAX_ENTRIES - 10 < len(found.changes) < MAX_ENTRIES
    assert not found.is_whole


def test_a_look_that_has_no_time_ends_at_once(tmp_path: Path) -> None:
    make(tmp_path, "out.csv")

    found = changes(tmp_path, "", since=time.time() - HOUR, within=-1)

    assert (found.changes, found.is_whole) == ((), False)


def test_a_look_at_everything_says_so(tmp_path: Path) -> None:
    make(tmp_path, "out.csv")

    assert changes(tmp_path, "", since=time.time() - HOUR, within=LONG).is_whole
    assert changes(tmp_path, "gone", since=0, within=LONG).is_whole


def test_the_words_say_what_a_look_did_not_see() -> None:
    file = Change(path="a.csv", bytes=1, at=0)

    assert in_words(Changes(files=(file,), is_whole=False)) == (
        "a.csv (1 B); not everything was looked at, list_files shows the rest"
    )
    assert in_words(Changes(is_whole=False)) == (
        "not everything was looked at, list_files shows what is there"
    )
    assert Changes(is_whole=False)
    assert not Changes()


def test_the_words_say_that_a_file_may_be_of_other_code() -> None:
    file = Change(path="a.csv", bytes=1, at=0)

    assert in_words(Changes(files=(file,), is_shared=True)) == (
        "a.csv (1 B); code of other kernels ran at the same time, and may have written some"
    )


def test_the_latest_files_are_listed_in_the_order_of_their_writing(tmp_path: Path) -> None:
    names = [f"{number:03}.txt" for number in range(MAX_SHOWN + 5)]
    for number, name in enumerate(names):
        make(tmp_path, name, at=time.time() + number + 1)

    found = Changes.latest(changes(tmp_path, "", since=time.time() - HOUR, within=LONG).changes)

    assert [change.path for change in found.files] == names[5:]
    assert found.more == 5
    assert in_words(found).endswith("024.txt (7 B), and 5 more")


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (30_400, "30 kB"), (1_234_567, "1.2 MB"), (5 * 10**9, "5 GB")],
)
def test_sizes_are_short(count: int, words: str) -> None:
    assert in_words(Changes(files=(Change(path="a", bytes=count, at=0),))) == f"a ({words})"


def test_a_name_cannot_break_the_line_nor_the_encoding() -> None:
    words = in_words(Changes(files=(Change(path="a\n[ok] b\udc80", bytes=1, at=0),)))

    assert words.isprintable()
    words.encode()


def test_long_names_leave_the_list_within_its_room() -> None:
    files = tuple(Change(path=f"{n}" + "x" * 200, bytes=1, at=n) for n in range(20))

    words = in_words(Changes(files=files, more=3))

    assert len(words) < MAX_WORDS + 50
    assert words.endswith("and 21 more")


@pytest.mark.parametrize("code", ["1+1", "x", "df.shape", "a[1:3], -b", "{'a': x} if y else None"])
def test_code_that_only_computes_is_not_looked_after(code: str) -> None:
    assert is_idle(code)


@pytest.mark.parametrize(
    "code",
    ["f()", "!touch a", "%save a", "mkdir a", "import a", "x = 1", "del f", "@f\ndef g(): 1"],
)
def test_code_that_might_write_is_looked_after(code: str) -> None:
    assert not is_idle(code)


async def ran(engine: Engine, code: str, name: str | None = None) -> Execution:
    """An execution, when the look for its files is over."""
    session = await engine.services.sessions.resolve(ALICE, name)
    execution = await engine.start(code, session_id=session.id)
    await engine.services.executions.settled(execution, 30)
    await engine.services.written.settled(execution)
    return execution


def listed(execution: Execution) -> list[str]:
    return [change.path for change in execution.files.files]


async def test_an_execution_lists_what_it_wrote_and_no_earlier_one_did(
    jp_serverapp: Any, jp_root_dir: Path
) -> None:
    make(jp_root_dir, "older.txt")
    async with running(jp_serverapp) as engine:
        await ran(engine, "import os; os.makedirs('plots')")

        first = await ran(engine, "open('out.csv', 'w').write('1,2')")
        second = await ran(engine, "open('plots/a.png', 'w').write('png')")
        again = await ran(engine, "open('out.csv', 'a').write(',3')")
        none = await ran(engine, "print('nothing')")

    assert [listed(e) for e in (first, second, again, none)] == [
        ["out.csv"],
        ["plots/a.png"],
        ["out.csv"],
        [],
    ]


async def test_an_execution_that_fails_or_dies_lists_what_it_wrote(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        failed = await ran(engine, "open('a.txt', 'w').close(); 1/0")
        dead = await ran(engine, "import os; open('b.txt', 'w').close(); os._exit(3)")

    assert (failed.status, listed(failed)) == ("error", ["a.txt"])
    assert (dead.status, listed(dead)) == ("dead", ["b.txt"])


def test_a_folder_that_is_left_out_takes_no_part_of_the_look(tmp_path: Path) -> None:
    for number in range(MAX_ENTRIES):
        (tmp_path / "kept" / str(number)).mkdir(parents=True)
    (tmp_path / "kept" / "in.txt").touch()
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "work" / "deep" / "out.txt").touch()

    found = changes(tmp_path, "", since=0, within=60, but=lambda path: path.startswith("kept/"))

    assert [change.path for change in found.changes] == ["work/deep/out.txt"]


async def test_only_the_sessions_folder_is_looked_at_and_not_its_own_notebook(
    jp_serverapp: Any, jp_root_dir: Path
) -> None:
    (jp_root_dir / "work").mkdir()
    async with running(jp_serverapp) as engine:
        engine.notebook("work/w.ipynb")
        await engine.services.sessions.create(ALICE, name="w", path="work/w.ipynb")

        execution = await ran(
            engine, "for p in ('w.ipynb', 'a.txt', '../b.txt'): open(p, 'w').close()", "w"
        )

    assert listed(execution) == ["work/a.txt"]


async def test_files_that_were_written_while_another_kernel_worked_there_are_marked(
    jp_serverapp: Any, jp_root_dir: Path
) -> None:
    async with running(jp_serverapp) as engine:
        sessions = engine.services.sessions
        for name in ("one", "two"):
            await sessions.create(ALICE, name=name, cwd=".")
        two = await sessions.resolve(ALICE, "two")
        asks = "print('asks', flush=True); input()"
        beside = await engine.start(asks, session_id=two.id, can_ask=True)
        await engine.until_printed(beside, "asks")

        during = await ran(engine, "open('during.txt', 'w').close()", "one")
        engine.services.executions.cancel(beside)
        await engine.services.executions.settled(beside, 30)
        await ran(engine, "print('what follows is written clearly later')", "one")
        after = await ran(engine, "open('after.txt', 'w').close()", "one")

    assert (listed(during), during.files.is_shared) == (["during.txt"], True)
    assert (listed(after), after.files.is_shared) == (["after.txt"], False)


async def test_a_look_that_gets_no_turn_is_told(jp_serverapp: Any, jp_root_dir: Path) -> None:
    async with running(jp_serverapp) as engine:
        release = threading.Event()
        looks = asyncio.Event()
        loop = asyncio.get_running_loop()

        def waits(path: str) -> bool:
            loop.call_soon_threadsafe(looks.set)
            return not release.wait(60)

        make(jp_root_dir, "a.txt")
        session = await engine.session()
        held = []
        for _ in range(MAX_LOOKS):
            looks.clear()
            held.append(
                engine.services.executions.start(
                    "a = 1",
                    Destination(session_id=session.id, kernel_name=session.kernel_name),
                    caller=ALICE,
                    ready=partial(engine.services.sessions.ready, session),
                )
            )
            engine.services.written.follow(held[-1], "", but=waits)
            await asyncio.wait_for(looks.wait(), 60)
        unseen = await ran(engine, "open('b.txt', 'w').close()")
        release.set()
        for execution in held:
            await engine.services.written.settled(execution)
        seen = await ran(engine, "open('c.txt', 'w').close()")

    assert (listed(unseen), unseen.files.is_whole) == ([], False)
    assert (listed(seen)[-1], seen.files.is_whole) == ("c.txt", True)


def test_a_client_reads_the_files_in_a_line_and_in_meta(server: JupyterServer) -> None:
    client = McpClient(server, name="files")
    client.run("1")

    result = client.run("open('out.csv', 'w').write('x' * 1_234_567); print('done')")

    assert result.text.splitlines()[1:] == ["files: out.csv (1.2 MB)", "done"]
    meta = result.meta["jupyter-mcp-ext/execution"]
    assert meta["files"] == [{"path": "out.csv", "bytes": 1_234_567}]
    again = client.call("get_output", output_id=meta["execution_id"])
    assert "files: out.csv (1.2 MB)" in again.text


def test_a_client_is_told_that_not_all_files_were_looked_at(server: JupyterServer) -> None:
    client = McpClient(server, name="many files")
    client.call("create_session", name="many files", cwd=".")
    client.run("import os; os.makedirs('many')", session_id="many files")
    code = f"for n in range({MAX_ENTRIES}): open(f'many/{{n}}', 'w').close()"

    result = client.run(code, session_id="many files")

    [line] = [line for line in result.text.splitlines() if line.startswith("files: ")]
    assert line.endswith("more; not everything was looked at, list_files shows the rest")
    client.run("import shutil; shutil.rmtree('many')", session_id="many files")
