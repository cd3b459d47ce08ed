"""Cells of a notebook run in its own kernel, and saved in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.handles import source_hash
from jupyter_mcp_ext.operations.cells import notebook_session, run_cells
from tests.engine import ALICE, Engine, allow, printed, running

PATH = "work/a.ipynb"
PLACE = Place(path=PATH, real=PATH)

GRACE = 60.0
"""Seconds that interrupted code gets to end: without them a busy machine has it given up."""


def code(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": metadata}


def markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def write(engine: Engine, *cells: dict[str, Any], minor: int = 5) -> None:
    """Put a notebook below Jupyter's root; the ids of its cells are c0, c1 and so on."""
    file = Path(engine.serverapp.root_dir, PATH)
    file.parent.mkdir(parents=True, exist_ok=True)
    for number, cell in enumerate(cells):
        if minor >= 5:
            cell["id"] = f"c{number}"
        if cell["cell_type"] == "code":
            cell.setdefault("outputs", [])
            cell.setdefault("execution_count", None)
    node = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
    file.write_text(json.dumps(node))


def saved(engine: Engine) -> list[Any]:
    """The cells as they are on disk, which is a valid notebook."""
    node = nbformat.read(Path(engine.serverapp.root_dir, PATH), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    return list(node.cells)


async def start(engine: Engine, *cells: str | int, **kwargs: Any) -> Execution:
    created = await notebook_session(engine.services, ALICE, PLACE, allow, check=lambda _: None)
    return await run_cells(
        engine.services,
        created.session,
        PLACE,
        cells or None,
        caller=ALICE,
        require=allow,
        **kwargs,
    )


async def run(engine: Engine, *cells: str | int, **kwargs: Any) -> Execution:
    return await engine.services.executions.settled(await start(engine, *cells, **kwargs), 60)


def states(execution: Execution) -> list[str]:
    return [cell.status for cell in execution.cells.all]


async def test_all_cells_run_in_order_and_are_saved_as_jupyterlab_would(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(
            engine,
            markdown("# title"),
            code("x = 20\nprint('a')\nprint('b')"),
            code("x + 1"),
            code("import sys; print('no', file=sys.stderr); raise ValueError('bad')"),
            code("print('never')"),
        )

        execution = await run(engine)
        cells = saved(engine)

        assert execution.status == "error"
        assert states(execution) == ["skipped", "ok", "ok", "error", "waiting"]
        assert [cell.get("execution_count") for cell in cells] == [None, 1, 2, 3, None]
        assert cells[1].outputs == [{"output_type": "stream", "name": "stdout", "text": "a\nb\n"}]
        assert cells[2].outputs == [
            {
                "output_type": "execute_result",
                "execution_count": 2,
                "data": {"text/plain": "21"},
                "metadata": {},
            }
        ]
        assert [output.output_type for output in cells[3].outputs] == ["stream", "error"]
        assert cells[4].outputs == []
        times = cells[1].metadata.execution
        assert list(times) == sorted(times, key=lambda name: times[name]) or len(times) == 5
        assert set(times) == {
            "iopub.status.busy",
            "iopub.execute_input",
            "iopub.status.idle",
            "shell.execute_reply",
            "shell.execute_reply.started",
        }


async def test_errors_that_a_tag_allows_and_cells_that_a_tag_skips(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(
            engine,
            code("1/0", tags=["raises-exception"]),
            code("print('no')", tags=["skip-execution"]),
            code("print('yes')"),
        )

        execution = await run(engine)

        assert execution.status == "ok"
        assert states(execution) == ["ok", "skipped", "ok"]
        assert saved(engine)[0].outputs[0].ename == "ZeroDivisionError"
        assert saved(engine)[1].outputs == []
        assert "yes" in printed(execution)


async def test_with_keep_going_an_error_is_no_end(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("1/0"), code("print('yes')"))

        execution = await run(engine, keep_going=True)

        assert execution.status == "error"
        assert states(execution) == ["error", "ok"]
        assert saved(engine)[1].outputs[0].text == "yes\n"


async def test_a_display_of_an_earlier_cell_is_updated(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(
            engine,
            code("from IPython.display import display\nh = display('one', display_id=True)"),
            code("print('between')"),
            code("h.update('two')"),
        )

        await run(engine)
        first = saved(engine)[0].outputs
        await run(engine, "0-1")
        await run(engine, "2-2")
        second = saved(engine)[0].outputs

        assert first[0].data == {"text/plain": "'two'"}
        assert second[0].data == {"text/plain": "'two'"}


async def test_outputs_of_one_cell_do_not_clear_those_of_another(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        clear = "from IPython.display import clear_output\nprint('gone')\nclear_output()"
        write(engine, code("print('stays')"), code(f"{clear}\nprint('new')"))

        execution = await run(engine)

        assert "stays" in printed(execution)
        assert "new" in printed(execution)
        assert "gone" not in printed(execution)
        assert saved(engine)[1].outputs[0].text == "new\n"


async def test_a_notebook_without_ids_gets_them_with_its_outputs(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("print(1)"), code("print(2)"), minor=4)

        execution = await run(engine)

        assert states(execution) == ["ok", "ok"]
        assert [cell.outputs[0].text for cell in saved(engine)] == ["1\n", "2\n"]


async def test_a_range_that_the_notebook_does_not_have_changes_nothing(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("print(1)"))
        before = Path(jp_serverapp.root_dir, PATH).read_bytes()

        for wrong in ("3-7", "1-0", "0-1", "nowhere", 0):
            with pytest.raises(InvalidArgument):
                await run(engine, wrong)

        assert Path(jp_serverapp.root_dir, PATH).read_bytes() == before


async def test_a_kernel_that_dies_ends_the_run_and_what_ran_is_saved(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("print(1)"), code("import os; os._exit(3)"), code("print(2)"))

        execution = await run(engine)

        assert execution.status == "dead"
        assert states(execution) == ["ok", "dead", "waiting"]
        assert saved(engine)[0].outputs[0].text == "1\n"


async def test_a_run_is_interrupted_and_the_rest_does_not_run(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, interrupt_grace=GRACE) as engine:
        write(engine, code("print('on', flush=True)\nimport time\ntime.sleep(60)"), code("1"))

        execution = await start(engine, keep_going=True)
        await engine.until_printed(execution, "on")
        await engine.services.executions.interrupt(execution)

        assert execution.status == "interrupted"
        assert states(execution) == ["interrupted", "waiting"]
        assert saved(engine)[0].outputs[0].text == "on\n"


async def test_a_run_ends_at_its_timeout(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, interrupt_grace=GRACE) as engine:
        sleeps = "print('on', flush=True)\nimport time; time.sleep(600)"
        write(engine, code("0"), code(sleeps), code("1"))

        execution = await start(engine, timeout=3_600.0)
        await engine.until_printed(execution, "on")
        assert 0 < execution._timer.left < 3_600
        execution.pause()
        execution._time_left = 0.0  # an hour passes while the second cell runs
        execution.go_on()
        await engine.services.executions.settled(execution, GRACE)

        assert execution.status == "timeout"
        assert states(execution) == ["ok", "interrupted", "waiting"]


async def test_a_persons_open_notebook_is_run_in_their_kernel(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("print(mine)"), code("open('made.csv', 'w').write('x')"))
        model = await jp_serverapp.session_manager.create_session(
            path=PATH, name="a.ipynb", type="notebook", kernel_name="python3"
        )
        await engine.run("mine = 'a person had this'", session_id=PATH)

        execution = await run(engine)
        await engine.services.written.settled(execution)

        assert execution.kernel_id == model["kernel"]["id"]
        assert saved(engine)[0].outputs[0].text == "a person had this\n"
        assert any("Reload Notebook from Disk" in notice for notice in execution.notices)
        assert [file.path for file in execution.files.files] == ["work/made.csv"]


async def test_a_run_that_is_taken_from_the_queue_leaves_no_cell_running(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("import time\nprint('on', flush=True)\ntime.sleep(60)"), code("2"))
        first = await start(engine, "0-0")
        await engine.until_printed(first, "on")
        second = await start(engine, "1-1")

        await engine.services.executions.interrupt(second)
        await engine.services.executions.interrupt(first)

        assert (first.status, second.status) == ("interrupted", "interrupted")
        assert states(second) == ["waiting"]
        assert saved(engine)[1].outputs == []


REWRITES = """
import json
with open("a.ipynb") as file:
    node = json.load(file)
one, edited, deleted, moved, text = node["cells"]
edited["source"] = "print('as it is now')"
text.update(cell_type="code", outputs=[], execution_count=None)
node["cells"] = [one, moved, edited, text]
with open("a.ipynb", "w") as file:
    json.dump(node, file)
"""


async def test_cells_that_code_has_rewritten_in_the_file_are_run_as_they_are_then(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        write(
            engine,
            code(REWRITES),
            code("print('as it was')"),
            code("print('deleted')"),
            code("print('moved')"),
            markdown("print('text that became code')"),
        )

        execution = await run(engine)
        cells = saved(engine)

        assert states(execution) == ["ok", "ok", "skipped", "ok", "ok"]
        assert [cell.words for cell in execution.cells.all[1:4]] == [
            "edited before its turn, and run as it is now",
            "deleted before its turn",
            "",
        ]
        assert [cell.id for cell in cells] == ["c0", "c3", "c1", "c4"]
        shown = ["moved", "as it is now", "text that became code"]
        assert [cell.outputs[0].text for cell in cells[1:]] == [f"{text}\n" for text in shown]
        assert execution.cells.all[1].handle == f"c1@{source_hash(cells[2].source)}"


async def test_a_cell_that_another_agent_edits_before_its_turn_is_run_as_it_is_then(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        wait = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
        write(engine, code(f"print('on', flush=True)\n{wait}"), code("print('old')"), code(""))
        execution = await start(engine)
        await engine.until_printed(execution, "on")

        def edit(draft: Draft) -> None:
            draft.set_source(1, "print('new')")
            draft.set_source(2, "print('no longer empty')")

        await engine.services.editing.homes.change(PLACE, edit)
        Path(jp_serverapp.root_dir, "work", "go").touch()
        await engine.services.executions.settled(execution, 30)

        assert states(execution) == ["ok", "ok", "ok"]
        assert [cell.outputs[0].text for cell in saved(engine)] == [
            "on\n",
            "new\n",
            "no longer empty\n",
        ]
