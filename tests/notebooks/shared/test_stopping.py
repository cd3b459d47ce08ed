"""Real servers, over MCP, with a notebook that people have open: what is there once they stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.reading.document import compose
from tests.mcp_client import McpClient, Result
from tests.notebooks.browsers import Browser, browser
from tests.servers import JupyterServer, running_server

from .server import Kind

PATH = "open.ipynb"
SECONDS = 60
"""How long a server may take to save."""


async def room_of(server: JupyterServer, kind: Kind) -> str:
    """What a browser asks for before it opens a notebook."""
    if kind == "jupyter_server_documents":
        path = f"/api/fileid/index?path={PATH}"
        answer = await asyncio.to_thread(server.request, "POST", b"", server.auth, path=path)
        return f"json:notebook:{answer.json()['id']}"
    body = b'{"format": "json", "type": "notebook"}'
    path = f"/api/collaboration/session/{PATH}"
    answer = await asyncio.to_thread(server.request, "PUT", body, server.auth, path=path)
    known = answer.json()
    return f"json:notebook:{known['fileId']}?sessionId={known['sessionId']}"


async def saved(notebook: Path, *sources: str) -> None:
    """Return when a file has these cells."""
    found = None
    while found != list(sources):
        await asyncio.sleep(0.05)  # another process writes it
        with suppress(json.JSONDecodeError):
            cells = json.loads(notebook.read_text())["cells"]
            found = ["".join(cell["source"]) for cell in cells]


@contextmanager
def serving(folder: Path, kind: Kind) -> Iterator[JupyterServer]:
    """A server with rooms of a kind, with the files of one before it in that folder."""
    # jupyter_server_fileid needs it.
    (folder / ".local/share/jupyter").mkdir(parents=True, exist_ok=True)
    extensions = ("jupyter_mcp_ext", "jupyter_server_fileid", kind)
    options = [f"--ServerApp.jpserver_extensions={name}=True" for name in extensions]
    with running_server(folder, *options) as server:
        yield server


async def stopped(server: JupyterServer, *sources: str) -> None:
    """Stop a server; return when the notebook has these cells."""
    server.process.terminate()
    await asyncio.wait_for(saved(server.root_dir / PATH, *sources), SECONDS)
    # With an open room of jupyter_server_ydoc, a thread of its store keeps the process.
    server.process.kill()


class Agent:
    """A client, and whether a tab shows it among the people."""

    def __init__(self, server: JupyterServer, tab: Browser) -> None:
        self.client = McpClient(server, name="storyteller")
        self.came = 0
        """How often it has appeared there."""
        self._is_there = False
        self._awareness = tab.awareness
        self._awareness.observe(self._see)

    async def call(self, tool: str, **arguments: Any) -> Result:
        result = await asyncio.to_thread(self.client.call, tool, **arguments)
        assert not result.is_error, result.text
        return result

    def _see(self, *_: object) -> None:
        was_there, self._is_there = self._is_there, "storyteller" in str(self._awareness.states)
        self.came += self._is_there and not was_there


async def test_edits_are_made_run_and_taken_back_before_and_after_the_server_stops(
    kind: Kind, tmp_path: Path
) -> None:
    with serving(tmp_path, kind) as server:
        (server.root_dir / PATH).write_text(json.dumps(compose([NewCell(source="a = 1")], None)))
        room = await room_of(server, kind)
        async with browser(server, server.port, server.auth, room) as tab:
            await tab.until(lambda: tab.sources == ["a = 1"])
            agent = await asyncio.to_thread(Agent, server, tab)
            await agent.call("read_notebook", path=PATH)
            await agent.call("search_files", pattern="a = 1")
            made = await agent.call("insert_cells", path=PATH, cells=["print(6 * 7)"], run=True)
            await tab.until(lambda: "42" in str(tab.document.ycells[-1]["outputs"].to_py()))
            # What a room sends comes in order: while it read, the agent was not shown.
            await tab.until(lambda: agent.came > 0)
            assert agent.came == 1
            [cell] = made.meta["jupyter-mcp-ext/notebook"]["cells"]
            for source in ("print('first')", "print('second')"):
                await agent.call("edit_cell", path=PATH, cell=cell["handle"], source=source)
                await tab.until(lambda: tab.sources[1] == source)  # noqa: B023  # awaited here
                if source == "print('first')":
                    await agent.call("undo_edit", path=PATH)
                    await tab.until(lambda: tab.sources[1] == "print(6 * 7)")
            await stopped(server, "a = 1", "print('second')")

    with serving(tmp_path, kind) as server:
        room = await room_of(server, kind)
        async with browser(server, server.port, server.auth, room) as tab:
            await tab.until(lambda: tab.sources == ["a = 1", "print('second')"])
            agent = await asyncio.to_thread(Agent, server, tab)
            await agent.call("undo_edit", path=PATH)
            await tab.until(lambda: tab.sources == ["a = 1", "print(6 * 7)"])
            read = await agent.call("read_notebook", path=PATH, view="outputs")
            await agent.call("undo_edit", path=PATH)
            await tab.until(lambda: tab.sources == ["a = 1"])
            await stopped(server, "a = 1")

    assert "print(6 * 7)" in read.text
    assert "42" in read.text


async def test_what_was_edited_and_typed_in_the_last_second_is_in_the_file(
    kind: Kind, tmp_path: Path
) -> None:
    with serving(tmp_path, kind) as server:
        (server.root_dir / PATH).write_text(json.dumps(compose([NewCell(source="a = 1")], None)))
        client = await asyncio.to_thread(McpClient, server)
        room = await room_of(server, kind)
        async with browser(server, server.port, server.auth, room) as tab:
            await tab.until(lambda: tab.sources == ["a = 1"])
            # Before the edit: once that is saved, the server waits for nothing when it stops.
            tab.document.ycells[0]["source"].insert(0, "# typed\n")
            await tab.until_sent()
            edited = await asyncio.to_thread(
                client.call, "insert_cells", path=PATH, cells=["b = 2"], after="end"
            )
            await tab.until(lambda: len(tab.sources) == 2)
            await stopped(server, "# typed\na = 1", "b = 2")

    assert "not yet saved" in edited.text
