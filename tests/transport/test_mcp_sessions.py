"""Protocol sessions of the older era: reopened when they are gone, and limited in number."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from jupyter_mcp_ext.transport import mcp_sessions
from jupyter_mcp_ext.transport.asgi import Message, Receive, Scope, Send
from jupyter_mcp_ext.transport.mcp_session_id import Seal
from jupyter_mcp_ext.transport.mcp_sessions import MCP_SESSION_END_KEY, ProtocolSessions
from tests.mcp_client import OLD, OLDEST, McpClient
from tests.servers import running_server


@pytest.mark.parametrize("era", [OLD, OLDEST])
def test_a_client_goes_on_with_its_id_after_the_server_was_restarted(
    tmp_path: Path, era: str
) -> None:
    with running_server(tmp_path) as server:
        client = McpClient(server, era, name="mcp")
        first = client.run("kept = [1]").execution["session_id"]
    with running_server(tmp_path) as server:
        client.server = server
        again = client.run("kept")
        _, headers = client.prepare("ping")
        accepts = {**server.auth, **headers, "Accept": "text/event-stream"}
        with server.stream("GET", accepts) as stream:
            streamed = stream.status
        ended = server.request("DELETE", None, {**server.auth, **headers})
        after = client.send("ping")

    assert "[1]" in again.text
    assert again.execution["session_id"] == first
    assert (streamed, ended.status, after.status) == (200, 200, 404)


class Manager:
    """Keeps sessions as the SDK's manager does, and can forget them."""

    def __init__(self) -> None:
        self.open: dict[bytes, str] = {}
        self.heard: list[tuple[str, str]] = []
        """The method of each message, and the client that its session was opened by."""
        self._ids = count(1)
        self.ended: list[str] = []
        """The clients of whose sessions the end was told."""
        self.on_ended: Callable[[], object] = lambda: None

    def _end(self, client: str) -> None:
        self.ended.append(client)
        self.on_ended()

    async def ask(self, subject: str, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope["headers"]).get(b"mcp-session-id")
        message = json.loads((await receive())["body"] or b"{}")
        status = 200
        if message.get("method") == "initialize" and given is None:
            given = f"inner-{next(self._ids)}".encode()
            self.open[given] = message["params"]["clientInfo"]["name"]
        elif message.get("method") == "ping" and given in self.open:
            scope[MCP_SESSION_END_KEY](partial(self._end, self.open[given]))
        elif given not in self.open:
            status = 404
        elif scope["method"] == "DELETE":
            del self.open[given]
        self.heard.append((message.get("method", scope["method"]), self.open.get(given or b"", "")))
        headers = [(b"mcp-session-id", given)] if given and status == 200 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Served:
    """Protocol sessions over that manager, with the shortest way to make a request."""

    def __init__(self, limit: int = 0, idle: float = 600) -> None:
        self.manager = Manager()
        log = logging.getLogger(__name__)
        self.sessions = ProtocolSessions(
            self.manager.ask, Seal(b"k" * 32), limit=limit, idle=idle, log=log
        )

    async def request(
        self, method: str, session_id: str = "", *, subject: str = "alice", client: str = "c"
    ) -> tuple[int, str]:
        """The status of an answer, and the id in it."""
        params = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": {"name": client}}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        scope: Scope = {
            "type": "http",
            "method": "DELETE" if method == "DELETE" else "POST",
            "path": "/mcp",
            "headers": [(b"mcp-session-id", session_id.encode())] if session_id else [],
        }
        body = b"" if method == "DELETE" else json.dumps(message).encode()
        started: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)

        await self.sessions.serve(subject, scope, receive, send)
        [start] = started
        return start["status"], dict(start["headers"]).get(b"mcp-session-id", b"").decode()

    async def opened(self, **who: str) -> str:
        status, session_id = await self.request("initialize", **who)
        assert status == 200
        return session_id


async def test_a_session_that_has_expired_is_opened_again_with_its_own_words() -> None:
    served = Served()
    session_id = await served.opened(client="gemini-cli")
    served.manager.open.clear()
    served.manager.heard.clear()

    assert await served.request("tools/call", session_id) == (200, session_id)

    assert served.manager.heard == [
        ("tools/call", ""),
        ("initialize", "gemini-cli"),
        ("notifications/initialized", "gemini-cli"),
        ("tools/call", "gemini-cli"),
    ]


async def test_the_managers_own_ids_are_not_told_and_not_taken() -> None:
    served = Served()
    session_id = await served.opened()
    [inner] = served.manager.open

    assert inner.decode() not in session_id
    assert (await served.request("ping", "unknown"))[0] == 404


async def test_a_session_is_another_users_neither_open_nor_gone() -> None:
    served = Served()
    session_id = await served.opened()

    assert (await served.request("ping", session_id, subject="bob"))[0] == 404
    served.manager.open.clear()
    assert (await served.request("ping", session_id, subject="bob"))[0] == 404


async def test_a_session_that_its_client_has_ended_stays_ended() -> None:
    served = Served()
    session_id = await served.opened()

    assert (await served.request("DELETE", session_id))[0] == 200
    assert (await served.request("ping", session_id))[0] == 404


async def test_the_end_of_a_session_is_told_once_to_what_asked_for_it() -> None:
    served = Served(limit=2)
    for name in ("ended", "silent", "oldest"):
        session_id = await served.opened(client=name)
        if name != "silent":
            await served.request("ping", session_id)
        if name == "ended":
            await served.request("DELETE", session_id)
            await served.request("DELETE", session_id)

    await served.opened(client="silent too")
    await served.opened(client="one more")

    assert served.manager.ended == ["ended", "oldest"]


async def test_a_session_that_the_manager_has_forgotten_has_ended() -> None:
    served = Served()
    session_id = await served.opened(client="forgotten")
    await served.request("ping", session_id)
    served.manager.open.clear()

    await served.request("tools/call", session_id)

    assert served.manager.ended == ["forgotten"]


async def test_the_end_of_an_idle_session_is_told_without_another_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mcp_sessions, "GRACE", 0.01)
    served = Served(idle=0.01)
    is_ended = asyncio.Event()
    session_id = await served.opened(client="idle")

    await served.request("ping", session_id)
    served.manager.on_ended = is_ended.set

    await asyncio.wait_for(is_ended.wait(), 60)


async def test_the_oldest_idle_session_of_the_same_user_goes_first_and_can_come_back() -> None:
    served = Served(limit=3)
    bobs = await served.opened(subject="bob", client="bobs")
    first = await served.opened(client="first")
    second = await served.opened(client="second")
    await served.request("ping", first)

    third = await served.opened(client="third")

    assert sorted(served.manager.open.values()) == ["bobs", "first", "third"]
    for session_id in (second, first, third):
        assert await served.request("ping", session_id) == (200, session_id)
    assert await served.request("ping", bobs, subject="bob") == (200, bobs)
    assert len(served.manager.open) == 3


async def test_one_users_sessions_do_not_shut_out_another() -> None:
    served = Served(limit=2)
    for name in ("one", "two"):
        await served.opened(client=name)

    await served.opened(subject="bob", client="bobs")

    assert sorted(served.manager.open.values()) == ["bobs", "two"]
