"""A server that is stopped while people have a notebook open that an agent has just edited."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.reading.document import compose
from tests.mcp_client import McpClient
from tests.notebooks.browsers import browser
from tests.servers import JupyterServer, running_server

from .server import Kind

PATH = "open.ipynb"
SECONDS = 20
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


async def test_what_was_edited_and_typed_in_the_last_second_is_in_the_file(
    kind: Kind, tmp_path: Path
) -> None:
    (tmp_path / ".local/share/jupyter").mkdir(parents=True)  # jupyter_server_fileid needs it
    extensions = ("jupyter_mcp_ext", "jupyter_server_fileid", kind)
    options = [f"--ServerApp.jpserver_extensions={name}=True" for name in extensions]
    with running_server(tmp_path, *options) as server:
        notebook = server.root_dir / PATH
        notebook.write_text(json.dumps(compose([NewCell(source="a = 1")], None)))
        client = await asyncio.to_thread(McpClient, server)
        room = await room_of(server, kind)
        async with browser(server, server.port, server.auth, room) as tab:
            await tab.until(lambda: tab.sources == ["a = 1"])
            edited = await asyncio.to_thread(
                client.call, "insert_cells", path=PATH, cells=["b = 2"], after="end"
            )
            await tab.until(lambda: len(tab.sources) == 2)
            tab.document.ycells[0]["source"].insert(0, "# typed\n")
            await tab.until_sent()
            server.process.terminate()
            await asyncio.wait_for(saved(notebook, "# typed\na = 1", "b = 2"), SECONDS)
            # With an open room of jupyter_server_ydoc, a thread of its store keeps the process.
            server.process.kill()

    assert "not yet saved" in edited.text
