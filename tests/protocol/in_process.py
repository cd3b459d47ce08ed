"""A client of the older era in the server's own process, whose services a test can look at."""

from __future__ import annotations

import json
from typing import Any

from jupyter_mcp_ext.services import Services
from tests.mcp_client import INITIALIZE


class InProcess:
    """Requests in one protocol session; ``fetch`` is pytest-jupyter's."""

    def __init__(self, serverapp: Any, fetch: Any) -> None:
        [app] = serverapp.extension_manager.extension_apps["jupyter_mcp_ext"]
        self.services: Services = app.services
        self._fetch = fetch
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }

    async def open(self) -> None:
        """Open the protocol session."""
        opened = await self._post(INITIALIZE)
        self._headers["Mcp-Session-Id"] = opened.headers["Mcp-Session-Id"]
        await self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def request(self, method: str, **params: Any) -> dict[str, Any]:
        """Make a request and give its result."""
        message = {"jsonrpc": "2.0", "id": 2, "method": method, "params": params}
        answer = await self._post(message)
        text = answer.body.decode()
        if not text.startswith("{"):  # an event
            [text] = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
        result: dict[str, Any] = json.loads(text)["result"]
        return result

    async def end(self) -> None:
        """End the protocol session."""
        await self._fetch("mcp", method="DELETE", headers=self._headers)

    async def _post(self, message: dict[str, Any]) -> Any:
        body = json.dumps(message)
        return await self._fetch("mcp", method="POST", body=body, headers=self._headers)
