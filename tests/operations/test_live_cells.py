"""Cells that are run in a notebook that people have open together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_server_documents.rooms.ynotebook_room import _source_hash

from jupyter_mcp_ext.notebooks.shared.rooms import Rooms
from tests.engine import ALICE, Engine, printed, running
from tests.notebooks.browsers import SECONDS, Browser, browser, opening
from tests.operations.test_cells import GRACE, PATH, code, run, start, states, write
from tests.servers import FILE_IDS

CONTENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"

KINDS = ("jupyter_server_ydoc", "jupyter_server_documents")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Whose rooms the server has."""
    return str(request.param)


@pytest.fixture
def jp_server_config(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A server with rooms that save soon, and that are closed with the last tab."""
    monkeypatch.chdir(tmp_path)  # where the rooms' database is
    return {
        "ServerApp": {"jpserver_extensions": dict.fromkeys((kind, "jupyter_server_fileid"), True)},
        **FILE_IDS,
        "YDocExtension": {
            "ystore_class": "jupyter_server_ydoc.stores.TempFileYStore",
            "document_save_delay": 0.2,
            "document_cleanup_delay": 0,
        },
    }


class Live:
    """A server with a notebook that a person has open, with its kernel."""

    def __init__(
        self, kind: str, serverapp: Any, fetch: Any, port: int, headers: dict[str, str]
    ) -> None:
        self.serverapp = serverapp
        self._kind = kind
        self._fetch = fetch
        self._port = port
        self._headers = headers
        self._room = ""
        self._kernel_id = ""

    @property
    def runs_for_people(self) -> bool:
        """Whether the server runs what a person runs; otherwise the browser does."""
        return self._kind == "jupyter_server_documents"

    @asynccontextmanager
    async def opened(self, *cells: dict[str, Any]) -> AsyncIterator[tuple[Engine, Browser]]:
        async with running(self.serverapp, interrupt_grace=GRACE) as engine:
            write(engine, *cells)
            self._room = await self._named()
            async with self.tab() as tab:
                session = {"path": PATH, "name": "a.ipynb", "type": "notebook"}
                body = json.dumps({**session, "kernel": {"name": "python3"}})
                answer = await self._fetch("api", "sessions", method="POST", body=body)
                self._kernel_id = json.loads(answer.body)["kernel"]["id"]
                yield engine, tab

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Browser]:
        """A tab with the notebook."""
        async with browser(self.serverapp, self._port, self._headers, self._room) as tab:
            await tab.until(lambda: "nbformat" in tab.document.ydoc["meta"])
            yield tab

    async def document(self) -> Any:
        """The document of the room."""
        room = await Rooms(self.serverapp.web_app.settings).open(PATH)
        assert room is not None
        return room.document

    async def received(self, holds: Callable[[Any], bool]) -> None:
        """Return when something holds for the document of the room."""
        document = await self.document()
        changed = asyncio.Event()
        document.ydoc.observe(lambda _: changed.set())
        while not holds(document):
            changed.clear()
            await asyncio.wait_for(changed.wait(), SECONDS)

    async def press_run(self, tab: Browser, index: int) -> None:
        """What pressing Run in a cell does at once; its code runs when the kernel is free.

        JupyterLab with jupyter_server_documents leaves it all to the server.
        """
        cell = tab.document.ycells[index]
        if self.runs_for_people:
            named = {"cell_id": cell["id"], "source_hash": _source_hash(str(cell["source"]))}
            body = json.dumps({"document_id": self._room, "cells": [named]})
            path = ("api", "kernels", self._kernel_id, "execute")
            await self._fetch(*path, method="POST", body=body)
            return
        with tab.document.ydoc.transaction():
            cell["execution_count"] = None
            del cell["outputs"][:]
            cell["execution_state"] = "idle"
        cell["execution_state"] = "running"
        await tab.until_sent()

    def go(self) -> None:
        """Let the code of `WAITS` go on."""
        Path(self.serverapp.root_dir, "work", "go").touch()

    @asynccontextmanager
    async def saving(self, holds: Callable[[list[Any]], bool]) -> AsyncIterator[list[Any]]:
        """Return when a save has made something hold for the cells in the file.

        They are in the list then: the file may be in the middle of its next save.
        """
        is_saved = asyncio.Event()
        saved: list[Any] = []

        async def heard(data: Mapping[str, Any], **_: object) -> None:
            if data.get("action") == "save" and holds(cells := self.saved()):
                saved[:] = cells
                is_saved.set()

        self.serverapp.event_logger.add_listener(schema_id=CONTENTS, listener=heard)
        yield saved
        await asyncio.wait_for(is_saved.wait(), SECONDS)
        self.serverapp.event_logger.remove_listener(listener=heard)

    def saved(self) -> list[Any]:
        """The cells in the file."""
        node = json.loads(Path(self.serverapp.root_dir, PATH).read_text())
        return list(node["cells"])

    async def _named(self) -> str:
        if self._kind == "jupyter_server_ydoc":
            return await opening(self._fetch, PATH)
        path = ("api", "fileid", "index")
        answer = await self._fetch(*path, params={"path": PATH}, method="POST", body="")
        return f"json:notebook:{json.loads(answer.body)['id']}"


@pytest.fixture
def live(
    kind: str, jp_serverapp: Any, jp_fetch: Any, jp_http_port: int, jp_auth_header: dict[str, str]
) -> Live:
    return Live(kind, jp_serverapp, jp_fetch, jp_http_port, jp_auth_header)


WAITS = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
"""Code that waits for `Live.go`."""


def texts(tab: Browser, index: int = 0) -> list[str]:
    """The text that a cell shows in the browser."""
    return [o.get("text", "") for o in tab.document.ycells[index].to_py()["outputs"]]


def cells_in(tab: Browser) -> list[dict[str, Any]]:
    """The cells of a person's tab."""
    found: list[dict[str, Any]] = tab.document.ycells.to_py()
    return found


async def test_what_runs_shows_in_the_tab_at_once(live: Live) -> None:
    cells = code("print('a')\nprint('b')"), code("raise ValueError"), code("1")
    async with live.opened(*cells) as (engine, tab):
        execution = await run(engine)
        await tab.until(
            lambda: (
                all(cell.get("execution_state") != "running" for cell in cells_in(tab))
                and cells_in(tab)[1]["outputs"] != []
            )
        )
        shown = cells_in(tab)

        assert states(execution) == ["ok", "error", "waiting"]
        assert texts(tab) == ["a\nb\n"]
        assert shown[1]["outputs"][0]["ename"] == "ValueError"


async def test_what_has_run_is_saved_by_the_room(live: Live) -> None:
    async with live.opened(code("print('a')"), code("1")) as (engine, _):
        async with live.saving(lambda cells: all(cell["outputs"] for cell in cells)) as saved:
            await run(engine)

        outputs = [cell["outputs"] for cell in saved]
        assert outputs[0] == [{"name": "stdout", "output_type": "stream", "text": ["a\n"]}]
        assert outputs[1][0]["data"] == {"text/plain": ["1"]}


@pytest.mark.parametrize("has_output", [True, False])
async def test_a_person_who_runs_the_cell_that_runs_gets_it(live: Live, has_output: bool) -> None:
    begins = "print('ours', flush=True)\n" if has_output else "open('begun', 'w')\n"
    counts = "n = globals().get('n', 0) + 1\nprint('run', n, flush=True)"
    source = f"{begins}{WAITS}\n{counts}"
    async with live.opened(code(source)) as (engine, tab):
        execution = await start(engine)
        await engine.until(lambda: bool(execution.began))
        if has_output:
            await tab.until(lambda: texts(tab) == ["ours\n"])

        await live.press_run(tab, 0)
        await live.received(lambda document: len(document.ycells[0]["outputs"]) == 0)
        live.go()
        await engine.services.executions.settled(execution, 30)

        assert "was run or cleared by a person" in " ".join(execution.notices)
        assert "run 1" in printed(execution)
        if live.runs_for_people:
            await tab.until(lambda: "run 2" in "".join(texts(tab)))
        await tab.until_sent()
        expected = f"{'ours' if has_output else ''}\nrun 2\n".lstrip()
        assert "".join(texts(tab)) == (expected if live.runs_for_people else "")


async def test_a_person_who_clears_the_cell_that_runs_has_it_empty(live: Live) -> None:
    async with live.opened(code(f"print('ours', flush=True)\n{WAITS}\nprint('too')")) as both:
        engine, tab = both
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["ours\n"])

        with tab.document.ydoc.transaction():
            tab.document.ycells[0]["execution_count"] = None
            del tab.document.ycells[0]["outputs"][:]
            tab.document.ycells[0]["execution_state"] = "idle"
        await live.received(lambda document: len(document.ycells[0]["outputs"]) == 0)
        live.go()
        await engine.services.executions.settled(execution, 30)

        assert "was run or cleared by a person" in " ".join(execution.notices)
        assert texts(tab) == []


async def test_a_cell_that_is_deleted_while_it_runs_is_not_written(live: Live) -> None:
    async with live.opened(code(f"print('a', flush=True)\n{WAITS}\nprint('b')"), code("1")) as both:
        engine, tab = both
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["a\n"])

        del tab.document.ycells[0]
        await live.received(lambda document: len(document.ycells) == 1)
        live.go()
        await engine.services.executions.settled(execution, 30)
        await tab.until(lambda: tab.document.ycells[0].to_py()["outputs"] != [])

        assert "was deleted while it ran" in " ".join(execution.notices)
        assert "b\n" in printed(execution)
        assert tab.sources == ["1"]


async def test_a_cell_that_becomes_text_while_it_runs_is_not_written(live: Live) -> None:
    async with live.opened(code(f"print('a', flush=True)\n{WAITS}\nprint('b')")) as both:
        engine, tab = both
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["a\n"])

        # JupyterLab replaces the cell by one with the same id.
        with tab.document.ydoc.transaction():
            cell = {"cell_type": "markdown", "id": "c0", "source": "text", "metadata": {}}
            del tab.document.ycells[0]
            tab.document.ycells.append(tab.document.create_ycell(cell))
        await live.received(lambda document: document.ycells[0]["cell_type"] == "markdown")
        live.go()
        await engine.services.executions.settled(execution, 30)
        await tab.until_sent()

        assert "is no code cell any more" in " ".join(execution.notices)
        assert tab.document.ycells[0].get("outputs") is None


async def test_a_cell_whose_source_is_edited_and_that_moves_keeps_its_outputs(live: Live) -> None:
    async with live.opened(code(f"print('a', flush=True)\n{WAITS}\nprint('b')")) as both:
        engine, tab = both
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["a\n"])

        tab.document.ycells[0]["source"].insert(0, "# typed\n")
        tab.document.ycells.insert(0, tab.document.create_ycell({**code("0"), "id": "new"}))
        await live.received(lambda document: len(document.ycells) == 2)
        live.go()
        await engine.services.executions.settled(execution, 30)
        await tab.until(lambda: texts(tab, 1) == ["a\nb\n"])

        assert tab.sources[1].startswith("# typed\nprint('a'")
        assert texts(tab, 0) == []


async def test_a_display_of_an_earlier_cell_is_updated_in_the_room(live: Live) -> None:
    cells = (
        code("from IPython.display import display\nh = display('one', display_id=True)"),
        code("h.update('two')"),
    )

    def shown(tab: Browser) -> list[Any]:
        return [output["data"] for output in tab.document.ycells[0].to_py()["outputs"]]

    async with live.opened(*cells) as (engine, tab):
        await run(engine)
        await tab.until(lambda: shown(tab) == [{"text/plain": "'two'"}])
        await run(engine, "0-0")
        await tab.until(lambda: shown(tab) == [{"text/plain": "'one'"}])
        await run(engine, "1-1")
        await tab.until(lambda: shown(tab) == [{"text/plain": "'two'"}])


async def test_a_tab_that_is_closed_in_the_middle_of_a_stream_loses_nothing_of_it(
    live: Live,
) -> None:
    lines = "for n in range(3): print(n, flush=True)"
    async with live.opened(code(f"{lines}\n{WAITS}\n{lines}"), code("'next'")) as (engine, tab):
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["0\n1\n2\n"])

        await tab.leave()
        live.go()
        await engine.services.executions.settled(execution, 30)
        async with live.tab() as again:
            await again.until(lambda: again.document.ycells[1].to_py()["outputs"] != [])

            assert states(execution) == ["ok", "ok"]
            assert texts(again) == ["0\n1\n2\n" * 2]


async def test_what_a_person_runs_beside_the_run_is_not_doubled(live: Live) -> None:
    async with live.opened(code(f"print('ours')\n{WAITS}"), code("print('mine')")) as both:
        engine, tab = both
        execution = await start(engine, "0-0")
        await tab.until(lambda: texts(tab) == ["ours\n"])

        await live.press_run(tab, 1)
        live.go()
        await engine.services.executions.settled(execution, 30)
        await tab.until(lambda: tab.document.ycells[0].get("execution_count") == 1)

        if live.runs_for_people:
            await tab.until(lambda: texts(tab, 1) != [])
        await tab.until_sent()
        assert texts(tab) == ["ours\n"]
        assert texts(tab, 1) == (["mine\n"] if live.runs_for_people else [])
        assert "a person" not in " ".join(execution.notices)


async def test_a_source_is_read_when_its_turn_comes(live: Live) -> None:
    async with live.opened(code(f"print('on', flush=True)\n{WAITS}"), code("print('old')")) as both:
        engine, tab = both
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["on\n"])

        with tab.document.ydoc.transaction():
            source = tab.document.ycells[1]["source"]
            source.clear()
            source += "print('new')"
        await live.received(lambda document: str(document.ycells[1]["source"]) == "print('new')")
        live.go()
        await engine.services.executions.settled(execution, 30)
        await tab.until(lambda: texts(tab, 1) != [])

        assert texts(tab, 1) == ["new\n"]


async def test_cells_that_move_or_are_deleted_before_their_turn(live: Live) -> None:
    cells = (code(f"print('on', flush=True)\n{WAITS}"), code("print('gone')"), code("print(2)"))
    async with live.opened(*cells, code("print(3)")) as (engine, tab):
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["on\n"])

        with tab.document.ydoc.transaction():
            moved = tab.document.ycells[3].to_py()
            del tab.document.ycells[3]
            del tab.document.ycells[1]
            tab.document.ycells.insert(0, tab.document.create_ycell(moved))
        await live.received(lambda document: len(document.ycells) == 3)
        live.go()
        await engine.services.executions.settled(execution, 30)
        await tab.until(lambda: texts(tab, 0) == ["3\n"])

        assert states(execution) == ["ok", "skipped", "ok", "ok"]
        assert [texts(tab, index) for index in range(3)] == [["3\n"], ["on\n"], ["2\n"]]


@pytest.mark.parametrize("end", ["dies", "is restarted", "is interrupted"])
async def test_no_cell_is_shown_as_running_when_its_kernel(live: Live, end: str) -> None:
    ends = "import os; os._exit(3)" if end == "dies" else "time.sleep(60)"
    source = f"print('on', flush=True)\n{WAITS}\n{ends}"
    async with live.opened(code(source), code("1")) as (engine, tab):
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["on\n"])

        if end == "is restarted":
            session = await engine.services.sessions.find(ALICE, PATH)
            await engine.services.sessions.readiness.restart(session, by="test", now=True)
        elif end == "is interrupted":
            await engine.services.executions.interrupt(execution)
        live.go()
        await engine.services.executions.settled(execution, 30)
        await tab.until(lambda: tab.document.ycells[0].get("execution_state") == "idle")

        assert states(execution) == ["dead" if end == "dies" else "interrupted", "waiting"]
        assert texts(tab)[0] == "on\n"
        assert tab.document.ycells[1].get("execution_state") != "running"


CHATTERS = """
import os, time
while not os.path.exists('go'):
    print(time.time(), flush=True)
    time.sleep(0.02)
"""
"""Code that prints again and again until `Live.go`."""


async def test_a_long_run_of_quick_cells_is_saved_while_it_goes_on(live: Live) -> None:
    quick = (code("print(1)") for _ in range(200))
    async with live.opened(*quick, code(CHATTERS)) as (engine, _):
        # The cell before the one that has put something out has ended.
        async with live.saving(lambda cells: bool(cells[101]["outputs"])):
            execution = await start(engine)
        assert not execution.is_finished
        await engine.services.executions.interrupt(execution)

        assert states(execution).count("ok") > 100


async def test_a_room_that_cannot_save_does_not_stop_what_is_shown(live: Live) -> None:
    failed = asyncio.Event()

    def fail(**_: object) -> None:
        failed.set()
        raise OSError(28, "No space left on device")

    async with live.opened(code(CHATTERS)) as (engine, tab):
        live.serverapp.contents_manager.register_pre_save_hook(fail)
        execution = await start(engine)
        await asyncio.wait_for(failed.wait(), SECONDS)
        shown = len("".join(texts(tab)))
        await tab.until(lambda: len("".join(texts(tab))) > shown)
        live.go()
        await engine.services.executions.settled(execution, 30)

        assert states(execution) == ["ok"]
