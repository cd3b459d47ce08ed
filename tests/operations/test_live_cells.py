"""Cells that are run in a notebook that people have open together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.notebooks.shared.unsaved import EVENTS
from tests.engine import Engine, running
from tests.notebooks.browsers import SECONDS, Browser, browser, opening
from tests.operations.test_cells import PATH, code, run, start, states, write


@pytest.fixture
def jp_server_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A server with rooms that save soon."""
    monkeypatch.chdir(tmp_path)  # where the rooms' database is
    names = ("jupyter_server_ydoc", "jupyter_server_fileid")
    return {
        "ServerApp": {"jpserver_extensions": dict.fromkeys(names, True)},
        "YDocExtension": {"document_save_delay": 0.2},
    }


class Live:
    """A server with a notebook that a browser has open."""

    def __init__(self, serverapp: Any, fetch: Any, port: int, headers: dict[str, str]) -> None:
        self.serverapp = serverapp
        self._fetch = fetch
        self._port = port
        self._headers = headers

    @asynccontextmanager
    async def opened(self, *cells: dict[str, Any]) -> AsyncIterator[tuple[Engine, Browser]]:
        async with running(self.serverapp) as engine:
            write(engine, *cells)
            room = await opening(self._fetch, PATH)
            async with browser(self.serverapp, self._port, self._headers, room) as tab:
                await tab.until(lambda: "nbformat" in tab.document.ydoc["meta"])
                yield engine, tab


@pytest.fixture
def live(
    jp_serverapp: Any, jp_fetch: Any, jp_http_port: int, jp_auth_header: dict[str, str]
) -> Live:
    return Live(jp_serverapp, jp_fetch, jp_http_port, jp_auth_header)


def texts(tab: Browser, index: int = 0) -> list[str]:
    """The text that a cell shows in the browser."""
    return [o["text"] for o in tab.document.ycells[index].to_py()["outputs"]]


async def received(live: Live, holds: Callable[[Any], bool]) -> None:
    """Return when something holds for the document of the room."""
    rooms = live.serverapp.web_app.settings["jupyter_server_ydoc"]
    document = await rooms.get_document(
        path=PATH, content_type="notebook", file_format="json", copy=False
    )
    changed = asyncio.Event()
    document.ydoc.observe(lambda _: changed.set())
    while not holds(document):
        changed.clear()
        await asyncio.wait_for(changed.wait(), SECONDS)


async def test_what_runs_shows_in_the_tab_at_once(live: Live) -> None:
    cells = code("print('a')\nprint('b')"), code("raise ValueError"), code("1")
    async with live.opened(*cells) as (engine, tab):
        execution = await run(engine)
        await tab.until(lambda: tab.document.ycells[1].to_py()["outputs"] != [])
        shown = tab.document.ycells.to_py()

        assert states(execution) == ["ok", "error", "waiting"]
        assert texts(tab) == ["a\nb\n"]
        assert "running" not in [cell.get("execution_state") for cell in shown]
        assert shown[1]["outputs"][0]["ename"] == "ValueError"


async def test_what_has_run_is_saved_by_the_room(live: Live) -> None:
    saved = asyncio.Event()

    async def heard(data: Mapping[str, Any], **_: object) -> None:
        if data.get("action") == "save":
            saved.set()

    def outputs() -> list[Any]:
        node = json.loads(Path(live.serverapp.root_dir, PATH).read_text())
        return [cell["outputs"] for cell in node["cells"]]

    live.serverapp.event_logger.add_listener(schema_id=EVENTS, listener=heard)
    async with live.opened(code("print('a')"), code("1")) as (engine, _):
        await run(engine)
        while not all(outputs()):
            saved.clear()
            await asyncio.wait_for(saved.wait(), SECONDS)

        assert outputs()[0] == [{"name": "stdout", "output_type": "stream", "text": ["a\n"]}]
        assert outputs()[1][0]["data"] == {"text/plain": ["1"]}


async def test_a_person_who_runs_the_same_cell_gets_it(live: Live) -> None:
    wait = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('ours too')"
    async with live.opened(code(f"print('ours', flush=True)\n{wait}")) as (engine, tab):
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["ours\n"])

        with tab.document.ydoc.transaction():
            cell = tab.document.ycells[0]
            cell["execution_count"] = None
            del cell["outputs"][:]
        await received(live, lambda document: len(document.ycells[0]["outputs"]) == 0)
        Path(live.serverapp.root_dir, "work", "go").touch()
        await engine.services.executions.settled(execution, 30)

        assert "was run or cleared by a person" in " ".join(execution.notices)
        assert texts(tab) == []


async def test_a_source_is_read_when_its_turn_comes(live: Live) -> None:
    wait = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
    async with live.opened(code(f"print('on', flush=True)\n{wait}"), code("print('old')")) as both:
        engine, tab = both
        execution = await start(engine)
        await tab.until(lambda: texts(tab) == ["on\n"])

        with tab.document.ydoc.transaction():
            source = tab.document.ycells[1]["source"]
            source.clear()
            source += "print('new')"
        await received(live, lambda document: str(document.ycells[1]["source"]) == "print('new')")
        Path(live.serverapp.root_dir, "work", "go").touch()
        await engine.services.executions.settled(execution, 30)
        await tab.until(lambda: texts(tab, 1) != [])

        assert texts(tab, 1) == ["new\n"]
