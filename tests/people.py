"""Users of one server, who ask it by REST and by MCP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import websocket

from tests import users
from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, Answer, JupyterServer

APART = (
    *(users.OPTION, STARTED_KERNELS, "--McpSandbox.mode=bubblewrap"),
    *("--McpPolicy.multi_user=True", "--McpPolicy.attach=none", "--McpPolicy.admin_users=root"),
    "--ServerApp.authorizer_class=jupyter_mcp_ext.governance.authorizer.OwnersAuthorizer",
)
"""The options of a server whose users do not trust each other; it also needs an audit file."""


@dataclass(kw_only=True)
class Person:
    """A user of the server, by REST and by MCP."""

    server: JupyterServer
    name: str
    client: McpClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = McpClient(self.server, headers=self.auth)

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.name}"}

    def asks(self, method: str, path: str, body: object = None) -> Answer:
        """Make a request of Jupyter's own API."""
        data = None if body is None else json.dumps(body).encode()
        return self.server.request(method, data, self.auth, path=path)

    def status(self, method: str, path: str, body: object = None) -> int:
        return self.asks(method, path, body).status

    def presses(self, button: str, of: str = "") -> Answer:
        """Press a button of the page for people."""
        headers = {**self.auth, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"of": of}).encode()
        return self.server.request("POST", body, headers, path=f"/mcp/ui/{button}")

    def connects(self, path: str) -> int:
        """Open a websocket, and give the status of the answer."""
        header = [f"{name}: {value}" for name, value in self.auth.items()]
        url = f"ws://127.0.0.1:{self.server.port}{path}"
        try:
            websocket.create_connection(url, timeout=60, header=header).close()
        except websocket.WebSocketBadStatusException as err:
            return int(err.status_code)
        return 101


@dataclass(kw_only=True)
class Owned(Person):
    """A user with a session, and what Jupyter calls its parts."""

    kernel_id: str = ""
    session_id: str = ""
    jupyter_id: str = ""
    execution_id: str = ""
    folder: str = ""

    @property
    def home(self) -> str:
        """The user's own folder, with a slash behind it."""
        return self.folder.partition("mcp-sessions")[0]

    def begin(self, code: str, admin: Person) -> None:
        """Run code in a session of its own."""
        made = self.client.call("create_session", name="work")
        session = made.meta["jupyter-mcp-ext/session"]
        self.session_id, self.kernel_id = session["session_id"], session["kernel_id"]
        self.execution_id = self.client.run(code, session_id="work").id
        listed: Any = admin.asks("GET", "/api/sessions").json()
        [model] = [each for each in listed if each["kernel"]["id"] == self.kernel_id]
        self.jupyter_id = model["id"]
        self.folder = str(Path(session["path"]).parent)
