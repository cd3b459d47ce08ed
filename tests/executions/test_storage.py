"""Executions on disk: what is left of them after a restart and within bounded memory."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import stat
import threading
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import UnknownExecution
from jupyter_mcp_ext.executions import archive
from jupyter_mcp_ext.executions.archive import SMALL, Archive
from jupyter_mcp_ext.executions.cells import CellStatus, RunCell
from jupyter_mcp_ext.executions.directory import Directory
from jupyter_mcp_ext.executions.order import Destination
from jupyter_mcp_ext.executions.record import MAX_RECORD, ExecutionRecord
from jupyter_mcp_ext.executions.retention import Retention
from jupyter_mcp_ext.executions.storage import COMPACT, REST, ExecutionStorage
from jupyter_mcp_ext.executions.takeover import LOCK
from jupyter_mcp_ext.outputs.folding.fold import OutputFold
from jupyter_mcp_ext.outputs.folding.widget import VIEW
from jupyter_mcp_ext.outputs.folding.widgets import Widgets
from jupyter_mcp_ext.outputs.model import Display, Json, Output, Stream
from jupyter_mcp_ext.outputs.rendering import Render
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.paging import Paging, report_lines
from tests.engine import ALICE, PRINCIPAL, printed, running

LOG = logging.getLogger(__name__)


def record(execution_id: str = "abcdefgh-1", **more: Any) -> ExecutionRecord:
    return ExecutionRecord(
        execution_id=execution_id,
        session_id=execution_id.partition("-")[0],
        kernel_id="k",
        kernel_name="python3",
        code="1",
        owner="alice",
        client="test",
        created=1.0,
        **more,
    )


def opened(folder: Path, root: str = "/root") -> tuple[ExecutionStorage, list[ExecutionRecord]]:
    storage = ExecutionStorage(folder, root, LOG)
    return storage, [*chain.from_iterable(part for part, _ in storage.open().parts())]


def written(storage: ExecutionStorage, *messages: tuple[str, Any]) -> OutputFold:
    fold = OutputFold()
    for msg_type, content in messages:
        fold.feed(msg_type, content)
        storage.message("abcdefgh-1", fold, (msg_type, content))
    return fold


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jsonl"))


async def test_outputs_come_back_as_they_were(tmp_path: Path) -> None:
    storage, _ = opened(tmp_path)
    storage.begin(record())
    fold = written(
        storage,
        ("stream", {"name": "stdout", "text": "a\n"}),
        ("display_data", {"data": {"text/plain": "1"}, "transient": {"display_id": "d"}}),
        ("update_display_data", {"data": {"text/plain": "2"}, "transient": {"display_id": "d"}}),
        ("stream", {"name": "stdout", "text": "\ud800 é"}),
    )
    storage.end(record(status="ok"), fold)
    await storage.flush()

    assert storage.outputs("abcdefgh-1", 0).outputs == fold.outputs


async def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    storage, _ = opened(tmp_path)
    storage.begin(record())
    await storage.flush()

    [file] = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_a_server_that_ended_leaves_its_executions_to_the_next(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    first.begin(record())
    written(first, ("stream", {"name": "stdout", "text": "so far"}))
    await first.close()

    second, found = opened(tmp_path)

    assert [r.execution_id for r in found] == ["abcdefgh-1"]
    assert found[0].status == "interrupted"
    outputs: tuple[Output, ...] = (Stream(name="stdout", text="so far"),)
    assert second.outputs("abcdefgh-1", 0).outputs == outputs


async def test_no_execution_is_denied_while_very_many_are_taken_over(tmp_path: Path) -> None:
    ids = [f"abcdefgh-{n}" for n in range(1, 6)]
    first, _ = opened(tmp_path)
    for number, execution_id in enumerate(ids):
        ended = replace(record(execution_id), created=number, ended=number + 0.5, status="ok")
        first.begin(ended)
        first.end(ended, OutputFold())
    await first.close()
    storage = ExecutionStorage(tmp_path, "/root", LOG)
    retention = Retention(max_number=4, max_bytes=0, max_age=0)
    archive = Archive(storage, retention, LOG, max_output_bytes=0)
    directory = Directory(archive)

    await archive.open(part=0)  # one execution, then the rest

    assert len(directory.ids()) == 1
    missing = next(each for each in ids if each not in directory.ids())
    with pytest.raises(UnknownExecution, match="still reads what was executed before"):
        directory.find(ALICE, missing)
    await asyncio.gather(*(t for t in asyncio.all_tasks() if "takeover" in t.get_name()))
    assert set(directory.ids()) == set(ids[1:])  # the oldest goes, in whatever order they came
    assert directory.latest_of(ALICE).id == directory.latest(ALICE, "abcdefgh").id == ids[-1]
    assert directory.new_id("abcdefgh", ALICE, after=0) == "abcdefgh-6"
    with pytest.raises(UnknownExecution, match="has expired"):
        directory.find(ALICE, ids[0])
    await archive.close()


async def test_the_cells_of_a_run_come_back_with_it(tmp_path: Path) -> None:
    statuses: tuple[CellStatus, ...] = ("ok", "error", "waiting")
    cells = tuple(
        RunCell(index=n, cell_id=f"cell{n}", handle=f"cell{n}@000000", status=status, seconds=0.5)
        for n, status in enumerate(statuses)
    )
    first, _ = opened(tmp_path)
    first.begin(record(cells=cells))
    first.end(record(cells=cells, status="error"), OutputFold())
    await first.close()

    _, [found] = opened(tmp_path)

    assert (found.status, found.cells) == ("error", cells)


async def test_a_server_that_runs_keeps_its_executions(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    first.begin(record())
    await first.flush()

    _, found = opened(tmp_path)

    assert found == []
    assert len(files(tmp_path)) == 1


async def test_a_server_of_another_root_keeps_its_executions(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    first.begin(record())
    await first.close()

    assert opened(tmp_path, "/another")[1] == []


@pytest.mark.parametrize("end", [b"", b'["stream", {"na', b"\xff\x00", b'{"version": 99}\n'])
async def test_a_file_that_was_cut_off_gives_what_it_has(tmp_path: Path, end: bytes) -> None:
    first, _ = opened(tmp_path)
    first.begin(record())
    written(first, ("stream", {"name": "stdout", "text": "so far"}))
    await first.close()
    [file] = files(tmp_path)
    file.write_bytes(file.read_bytes() + end)

    _, found = opened(tmp_path)

    assert [r.execution_id for r in found] == ["abcdefgh-1"]


async def test_a_file_of_another_program_does_no_harm(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    first.begin(record())
    await first.close()
    [file] = files(tmp_path)
    (file.parent / "zzzzzzzz-1.jsonl").write_text("[]\n")
    (file.parent / "xxxxxxxx-1.jsonl").write_text('{"version": 1, "execution_id": "xxxxxxxx-1"}\n')
    hostile = json.loads(file.read_text().splitlines()[0])
    hostile["execution_id"] = "../../escaped-1"
    (file.parent / "yyyyyyyy-1.jsonl").write_text(json.dumps(hostile) + "\n")

    _, found = opened(tmp_path)

    assert [r.execution_id for r in found] == ["abcdefgh-1"]
    assert not list(tmp_path.parent.glob("escaped*"))


async def test_a_progress_bar_does_not_grow_its_file_for_ever(tmp_path: Path) -> None:
    storage, _ = opened(tmp_path)
    storage.begin(record())
    text = "x" * 1_000
    fold = OutputFold()
    for number in range(10_000):
        content = {"name": "stderr", "text": f"\r{number} {text}"}
        fold.feed("stream", content)
        storage.message("abcdefgh-1", fold, ("stream", content))
        if number % 1_000 == 0:
            await storage.flush()
    await storage.flush()

    [file] = files(tmp_path)
    assert file.stat().st_size < 2 * COMPACT
    assert storage.outputs("abcdefgh-1", 0).outputs == fold.outputs


async def test_much_output_of_a_finished_execution_is_read_from_disk(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run(f"print('y' * {2 * SMALL})")
        assert execution.is_loaded
        await engine.run("1")
        await engine.until(lambda: not execution.is_loaded)

        await engine.services.executions.load(execution)

        assert printed(execution) == "y" * 2 * SMALL + "\n"
        assert execution.fold.lines == 1


async def test_much_output_leaves_memory_when_it_is_not_read(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "HELD", 0.05)
    async with running(jp_serverapp) as engine:
        execution = await engine.run(f"print('y' * {2 * SMALL})")

        await engine.until(lambda: not execution.is_loaded)

        await engine.services.executions.load(execution)
        assert printed(execution) == "y" * 2 * SMALL + "\n"
        await engine.until(lambda: not execution.is_loaded)


async def test_an_execution_outlives_a_restart_of_the_server(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        done = await engine.run("print('done')")
        cut_off = await engine.start("import time; print('begun', flush=True); time.sleep(60)")
        await engine.until_printed(cut_off, "begun")

    async with running(jp_serverapp) as engine:
        executions = engine.services.executions
        was_done, was_cut = (executions.directory.find(ALICE, e.id) for e in (done, cut_off))
        await executions.load(was_done)
        assert (was_done.status, printed(was_done)) == ("ok", "done\n")
        await executions.load(was_cut)
        assert was_cut.status == "interrupted"
        assert "the server restarted at" in was_cut.reason
        assert printed(was_cut) == "begun\n"


async def test_what_is_too_old_has_expired(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_age=0.001) as engine:
        execution = await engine.run("1")
        await engine.run("2")

        with pytest.raises(UnknownExecution, match="expired"):
            engine.services.executions.directory.find(ALICE, execution.id)


async def test_a_runtime_folder_that_cannot_be_written_does_not_stop_the_server(
    jp_serverapp: Any, jp_runtime_dir: Path
) -> None:
    jp_runtime_dir.mkdir(parents=True, exist_ok=True)
    (jp_runtime_dir / "jupyter_mcp_ext").write_text("a file where the folder would be")
    async with running(jp_serverapp) as engine:
        execution = await engine.run(f"print('y' * {2 * SMALL})")

        assert execution.is_loaded
        assert len(printed(execution)) == 2 * SMALL + 1


async def test_many_small_displays_are_seldom_rewritten(tmp_path: Path) -> None:
    """Each takes more room on disk than it shows; rewriting all of them each time would not end."""
    storage, _ = opened(tmp_path)
    storage.begin(record())
    fold = OutputFold()
    sizes = set()
    for number in range(30_000):
        content = {"data": {"text/plain": str(number)}, "metadata": {"padding": "x" * 100}}
        fold.feed("display_data", content)
        storage.message("abcdefgh-1", fold, ("display_data", content))
        sizes.add(storage._files["abcdefgh-1"].least)  # nothing else reports it
    await storage.flush()

    assert len(sizes) <= 3
    assert storage.outputs("abcdefgh-1", 0).outputs == fold.outputs


async def test_an_id_is_not_given_again_after_a_restart(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        first = await engine.run("1")

    async with running(jp_serverapp) as engine:
        session = await engine.session()
        again = engine.services.executions.start(
            "2",
            Destination(session_id=first.session_id, kernel_name=session.kernel_name),
            ready=lambda: engine.services.sessions.ready(session),
            caller=ALICE,
        )
        await engine.services.executions.settled(again, 60)

        assert again.id == f"{first.session_id}-2"


async def test_a_page_survives_that_its_outputs_leave_memory(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        large = [await engine.run(f"print('{c}' * {2 * SMALL})") for c in "ab"]
        await engine.run("1")
        await engine.until(lambda: not any(e.is_loaded for e in large))
        paging = Paging(offset=0, limit=5, grep=None)
        others_are_read = threading.Event()

        def lines(_render: Render) -> list[str]:
            others_are_read.wait(20)
            return ["a"]

        await engine.services.executions.load(large[0])
        page = asyncio.ensure_future(
            report_lines(
                Call(services=engine.services, caller=ALICE, principal=PRINCIPAL),
                large[0],
                lines,
                large[0].id,
                paging,
            )
        )
        await asyncio.sleep(0)
        await engine.services.executions.load(large[1])
        await engine.until(lambda: not large[0].is_loaded)
        others_are_read.set()

        assert (await page).status == "ok"


async def test_a_widget_is_after_a_restart_what_a_later_execution_has_made_of_it(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        shows = await engine.run(
            "from ipywidgets import IntProgress, Output\nbar = IntProgress(max=9)\nout = Output()\n"
            "display(bar, out)"
        )
        await engine.run("bar.value = 7\nwith out: print('late')")

    async with running(jp_serverapp) as engine:
        execution = engine.services.executions.directory.find(ALICE, shows.id)
        await engine.services.executions.load(execution)

        assert printed(execution) == "late\n"
        [bar, _] = execution.outputs
        assert isinstance(bar, Display)
        assert bar.data["text/plain"] == "[7/9]"


async def test_a_widget_that_is_displayed_when_a_file_is_rewritten_is_there_once(
    tmp_path: Path,
) -> None:
    storage, _ = opened(tmp_path)
    storage.begin(record())
    widgets, fold = Widgets(), OutputFold()
    state: dict[str, Json] = {"_model_name": "LabelModel", "value": "here"}
    widgets.feed("comm_open", {"comm_id": "w", "data": {"state": state}})
    fold.share(widgets, by="abcdefgh-1")
    content = {"data": {VIEW: {"model_id": "w"}}, "metadata": {}}
    fold.feed("display_data", content)
    storage._files["abcdefgh-1"].size = COMPACT * 10
    storage.message("abcdefgh-1", fold, *fold.kept("display_data", content))
    await storage.flush()

    assert storage.outputs("abcdefgh-1", 0).outputs == fold.outputs
    assert len(fold.outputs) == 1


async def left(tmp_path: Path) -> Path:
    """The file of an execution of a server that has ended."""
    first, _ = opened(tmp_path)
    first.begin(record(notices=("said",)))
    written(first, ("stream", {"name": "stdout", "text": "so far"}))
    await first.close()
    [file] = files(tmp_path)
    return file


@pytest.mark.parametrize(
    "forged",
    [
        {"created": "yesterday"},
        {"created": 1e999},
        {"ended": "later"},
        {"began": -1},
        {"execution_count": "x" * 100},
        {"execution_count": 10**400},
        {"notices": [["nested"]]},
        {"notices": ["x"] * 100_000},
        {"kernel_name": {"a": 1}},
        {"reason": "x" * 1_000_000},
        {"lines": -5},
        {"bytes": None},
        {"files": [["a.csv", "big", 1]]},
        {"files": [["a.csv", 1, 1e999]]},
        {"files": 7},
        {"was_cancelled": "yes"},
        {"more": 1},
    ],
    ids=lambda forged: str(forged)[:40],
)
async def test_a_forged_record_is_left_out_and_others_are_taken_over(
    tmp_path: Path, forged: dict[str, Any]
) -> None:
    file = await left(tmp_path)
    lines = json.loads(file.read_text().splitlines()[0]) | {"execution_id": "zzzzzzzz-1"} | forged
    (file.parent / "zzzzzzzz-1.jsonl").write_text(json.dumps(lines) + "\n")

    _, found = opened(tmp_path)

    assert [r.execution_id for r in found] == ["abcdefgh-1"]


async def test_a_pipe_is_not_waited_for_and_a_large_file_is_not_read(
    tmp_path: Path,
) -> None:
    file = await left(tmp_path)
    os.mkfifo(file.parent / "pppppppp-1.jsonl")
    (file.parent / "llllllll-1.jsonl").symlink_to(file)
    (file.parent / "dddddddd-1.jsonl").mkdir()
    with (file.parent / "ssssssss-1.jsonl").open("wb") as sparse:
        sparse.truncate(1_900_000_000)
    (file.parent / "nnnnnnnn-1.jsonl").write_text("[" * (MAX_RECORD // 2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    _, found = opened(tmp_path)

    assert [r.execution_id for r in found] == ["abcdefgh-1"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


async def test_the_file_of_a_forgotten_execution_is_removed_with_the_next_lines(
    tmp_path: Path,
) -> None:
    storage, _ = opened(tmp_path)
    for name in ("abcdefgh-1", "abcdefgh-2"):
        storage.begin(record(name))
    await storage.flush()

    storage.append(record("abcdefgh-1"))
    storage.forget("abcdefgh-1")
    await storage.flush()

    assert [file.stem for file in files(tmp_path)] == ["abcdefgh-2"]


async def test_a_file_that_a_kernel_has_replaced_costs_no_other_its_lines(tmp_path: Path) -> None:
    storage, _ = opened(tmp_path)
    for name in ("abcdefgh-1", "abcdefgh-2"):
        storage.begin(record(name))
    await storage.flush()
    [one, other] = files(tmp_path)
    one.unlink()
    os.mkfifo(one)
    fold = written(storage, ("stream", {"name": "stdout", "text": "lost"}))
    storage.message("abcdefgh-2", fold, ("stream", {"name": "stdout", "text": "kept"}))

    await asyncio.wait_for(storage.flush(), 60)

    assert "kept" in other.read_text()
    with pytest.raises(OSError, match=r"Invalid argument|No such device"):
        storage.outputs("abcdefgh-1", 0)


@pytest.mark.parametrize(
    "line",
    [
        '["stream", ' + "[" * 100_000 + "]" * 100_000 + "]",
        '["display_data", {"data": {"application/json": [' + "1," * 2_000_000 + "1]}}]",
        '["stream", 7]',
        '["clear_output", null]',
        "7",
    ],
    ids=["deep", "items", "number", "null", "bare"],
)
async def test_a_forged_message_is_left_out_and_others_are_shown(tmp_path: Path, line: str) -> None:
    storage, _ = opened(tmp_path)
    storage.begin(record())
    await storage.flush()
    [file] = files(tmp_path)
    file.write_text(f'["stream", {{"text": "a"}}]\n{line}\n["stream", {{"text": "b"}}]\n')

    [output] = storage.outputs("abcdefgh-1", 0).outputs

    assert output == Stream(name="stdout", text="ab")


async def test_a_forged_journal_of_many_messages_is_read_for_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.executions.record.WITHIN", 0.1)
    storage, _ = opened(tmp_path)
    storage.begin(record())
    await storage.flush()
    [file] = files(tmp_path)
    file.write_text('["display_data", {"data": {"text/plain": ""}}]\n' * 400_000)

    outputs = storage.outputs("abcdefgh-1", 0).outputs

    assert outputs[-1] == Stream(name="stderr", text=REST)
    assert len(outputs) < 400_000


async def test_a_flood_of_single_writes_is_read_as_it_was(tmp_path: Path) -> None:
    storage, _ = opened(tmp_path)
    storage.begin(record())
    await storage.flush()
    [file] = files(tmp_path)
    writes = [("stdout", f"{n}\n") for n in range(5_000)] + [("stderr", "e\rf")] * 3
    fold = OutputFold()
    for name, text in writes:
        fold.feed("stream", {"name": name, "text": text})
    lines = [json.dumps(["stream", {"name": name, "text": text}]) for name, text in writes]
    file.write_text("\n".join(lines) + "\n")

    assert storage.outputs("abcdefgh-1", 0).outputs == fold.outputs


async def test_an_execution_that_two_folders_have_is_taken_over_once(tmp_path: Path) -> None:
    file = await left(tmp_path)
    copy = file.parent.with_name(f"{file.parent.name[:-1]}_")
    copy.mkdir()
    (copy / LOCK).touch()
    (copy / file.name).write_text(file.read_text())

    storage, found = opened(tmp_path)

    assert [r.execution_id for r in found] == ["abcdefgh-1"]
    assert len(files(tmp_path)) == 1
    await storage.close()
