"""Servers that have forgotten the client's protocol session when its next request comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.mcp_client import OLD

from .bridges import bridged
from .programs import Program, served

UNKNOWN = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Session not found"}}

Answer = Callable[[dict[str, Any], str], tuple[int, dict[str, Any] | None]]
"""The status and the body for a message and the id of its session."""


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The URL of a server of MCP; ``initialize`` opens a new session each time."""
    opened = iter(range(1, 1_000))

    class Forgetful(Program):
        def do_POST(self) -> None:
            message = json.loads(self.asked())
            status, found = answer(message, self.headers.get("Mcp-Session-Id", ""))
            body = b"" if found is None else json.dumps(found).encode()
            is_first = message["method"] == "initialize"
            session = {"Mcp-Session-Id": str(next(opened))} if is_first else {}
            self.say(status, "application/json", body, session)

        def do_GET(self) -> None:
            self.send_error(405)

    with served(Forgetful) as url:
        yield url


def result(message: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
    if "id" not in message:
        return 202, None
    value = {"protocolVersion": OLD, "content": [{"type": "text", "text": "[ok]"}]}
    return 200, {"jsonrpc": "2.0", "id": message["id"], "result": value}


def test_a_server_that_forgets_each_session_at_once_is_told(tmp_path: Path) -> None:
    def answer(message: dict[str, Any], session: str) -> tuple[int, dict[str, Any] | None]:
        return (404, UNKNOWN) if session else result(message)

    with serving(answer) as url, bridged(tmp_path, "--server", url) as bridge:
        told = bridge.call("execute_code", code="1")

    assert told.is_error
    assert "does not know the session" in told.text


def test_two_calls_that_find_their_session_forgotten_go_on_in_the_same_new_one(
    tmp_path: Path,
) -> None:
    calls: list[tuple[str, str]] = []
    are_both_there, is_other_over = threading.Barrier(2), threading.Event()

    def answer(message: dict[str, Any], session: str) -> tuple[int, dict[str, Any] | None]:
        if message["method"] != "tools/call":
            return result(message)
        code = message["params"]["arguments"]["code"]
        if session == "1":
            are_both_there.wait(30)
            if code == "late":  # hears of it when the other one has a new session
                assert is_other_over.wait(30)
            return 404, UNKNOWN
        calls.append((session, code))
        return result(message)

    with serving(answer) as url, bridged(tmp_path, "--server", url) as bridge:
        late, early = (
            bridge.send("tools/call", name="execute_code", arguments={"code": code})
            for code in ("late", "early")
        )
        assert "result" in bridge.answer(early)
        is_other_over.set()
        assert "result" in bridge.answer(late)

    assert calls == [("2", "early"), ("2", "late")]


def test_a_call_that_is_cancelled_while_its_session_is_opened_again_is_not_sent(
    tmp_path: Path,
) -> None:
    calls: list[tuple[str, str]] = []
    is_cancelled, is_opening = threading.Event(), threading.Event()

    def answer(message: dict[str, Any], session: str) -> tuple[int, dict[str, Any] | None]:
        match message["method"]:
            case "tools/call":
                calls.append((session, message["params"]["arguments"]["code"]))
                if session == "1":
                    return 404, UNKNOWN
            case "notifications/cancelled":
                is_cancelled.set()
            case "initialize" if calls:
                is_opening.set()
                assert is_cancelled.wait(30)
        return result(message)

    with serving(answer) as url, bridged(tmp_path, "--server", url) as bridge:
        first = bridge.send("tools/call", name="execute_code", arguments={"code": "first"})
        assert is_opening.wait(30)
        bridge.tell("notifications/cancelled", requestId=first)
        for code in ("second", "third"):
            assert "[ok]" in bridge.call("execute_code", code=code).text

    assert calls == [("1", "first"), ("2", "second"), ("2", "third")]
