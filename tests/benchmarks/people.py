"""A person who has a notebook open in a tab beside the agents, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.notebooks.browsers import browser, opening
from tests.servers import JupyterServer

TOGETHER = (
    "--ServerApp.jpserver_extensions=jupyter_server_ydoc=True",
    "--ServerApp.jpserver_extensions=jupyter_server_fileid=True",
    "--ServerApp.jpserver_extensions=jupyter_server_documents=False",
    "--BaseFileIdManager.db_path=:memory:",
)
"""The options of a server on which people share documents."""


class Tab:
    """A tab with a notebook."""

    def __init__(self, server: JupyterServer, path: str) -> None:
        self.transactions = 0
        """Changes of others that have come so far."""
        self.sources: list[str] = []
        """What the cells showed when the tab was closed."""
        self._server = server
        self._path = path
        self._is_open = threading.Event()
        self._closing = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._stayed = ThreadPoolExecutor(1).submit(self._loop.run_until_complete, self._stay())

    def wait(self) -> None:
        """Return when the notebook is shown."""
        self._is_open.wait()
        if self._stayed.done():
            self._stayed.result()

    def close(self) -> None:
        """Close it, once all that has happened so far is shown."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._stayed.result()

    async def _stay(self) -> None:
        try:
            room = await opening(self._fetch, self._path)
            async with browser(self._server, self._server.port, self._server.auth, room) as tab:
                await tab.until(lambda: "nbformat" in tab.document.ydoc["meta"])
                tab.document.ydoc.observe(self._count)
                self._is_open.set()
                await self._closing.wait()
                await tab.until_sent()
                self.sources = tab.sources
        finally:
            self._is_open.set()

    async def _fetch(self, *parts: str, method: str, body: str) -> Any:
        path = self._server.base_url + "/".join(parts)
        headers = {"Content-Type": "application/json", **self._server.auth}
        return await asyncio.to_thread(
            self._server.request, method, body.encode(), headers, path=path
        )

    def _count(self, _: object) -> None:
        self.transactions += 1


@contextmanager
def opened(server: JupyterServer, path: str) -> Iterator[Tab]:
    """A tab that is open until the block is left."""
    tab = Tab(server, path)
    tab.wait()
    try:
        yield tab
    finally:
        tab.close()
