"""What is refused before a tool runs is in the audit: each call, and the rest in sums."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from jupyter_mcp_ext.governance.refusals import MAX_KEPT, Refusals, Refused
from jupyter_mcp_ext.sessions.retention.rounds import Rounds
from tests.engine import running
from tests.mcp_client import ERAS, McpClient
from tests.page.test_attacks import logged_in
from tests.people import APART, Person
from tests.servers import TOKEN, JupyterServer, running_server

FORGED = '"}\n{"number":1,"kind":"opened"}\u2028\x1b[2K' + "x" * 5_000
"""A name that would be a line of its own, if it could."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def audited(path: Path, kind: str) -> list[dict[str, Any]]:
    """The records of a kind."""
    lines = path.read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [*range(1, len(lines) + 1)]
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def sums(path: Path) -> dict[tuple[str, str | None], int]:
    """How often was refused what, and to whom."""
    found: Counter[tuple[str, str | None]] = Counter()
    for record in audited(path, "refused"):
        found[record["cause"], record["user"]] += record["count"]
    return found


async def test_refusals_are_told_in_sums_by_cause_user_and_network() -> None:
    told: list[Refused] = []
    refusals = Refusals()
    refusals.add(told.append)

    for address in ("10.0.0.1", "2001:db8::1", "2001:db8::2", "10.0.0.1"):
        refusals.count("login", address)
    refusals.count("owner", "10.0.0.1", "bob")
    assert told == []
    refusals.close()
    refusals.close()

    assert told == [
        Refused(cause="login", user=None, address="10.0.0.1", count=2),
        Refused(cause="login", user=None, address="2001:db8::/64", count=2),
        Refused(cause="owner", user="bob", address="10.0.0.1", count=1),
    ]


async def test_a_flood_of_addresses_and_names_is_told_of_in_few_words() -> None:
    told: list[Refused] = []
    refusals = Refusals()
    refusals.add(told.append)

    for number in range(5_000):
        refusals.count("login", f"10.0.{number // 250}.{number % 250}")
        refusals.count("host", f"10.1.{number // 250}.{number % 250}")
        refusals.count("rate", "10.0.0.1", f"user-{number}")
    refusals.close()

    assert len(told) <= 2 * MAX_KEPT + 3
    assert sum(each.count for each in told) == 15_000
    assert Refused(cause="login", user=None, address=None, count=4_950) in told
    assert sum(each.user is not None for each in told) == MAX_KEPT


class Stuck:
    """A service that does not end."""

    async def close(self) -> None:
        """Wait for ever."""
        await asyncio.get_running_loop().create_future()


async def test_refusals_are_told_at_the_end_also_if_a_service_does_not_end(
    jp_serverapp: Any,
) -> None:
    told: list[Refused] = []
    async with running(jp_serverapp) as engine:
        services = replace(engine.services, retention=cast("Rounds", Stuck()))
        services.audit.refusals.add(told.append)
        services.audit.refusals.count("login", "10.0.0.1")

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(services.close(), 0.1)

        assert [(each.cause, each.count) for each in told] == [("login", 1)]


def unread(server: JupyterServer, **headers: str) -> int:
    """Send a message, and give the status of its refusal."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    sent = {"Content-Type": "application/json", **headers}
    return server.request("POST", json.dumps(message).encode(), sent).status


def test_requests_without_a_login_are_recorded_in_sums(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    with running_server(tmp_path, f"--McpAudit.path={audit}") as server:
        for guess in ("", FORGED[:3], "no"):
            assert unread(server, Authorization=f"Bearer {guess.strip()}") == 401
        assert unread(server, Origin="http://evil.example", **server.auth) == 403
        assert unread(server, Host="evil.example", **server.auth) == 403
        answer = server.request("POST", b"{}", server.auth, path=f"/mcp?token={TOKEN}")
        assert answer.status == 400
        assert server.request("POST", b"", FORM, path="/mcp/ui/pause").status == 403

    assert sums(audit) == {
        ("login", None): 4,
        ("origin", None): 1,
        ("host", None): 1,
        ("token in the URL", None): 1,
    }
    assert {record["address"] for record in audited(audit, "refused")} == {"127.0.0.1"}
    assert "evil" not in audit.read_text()
    assert TOKEN not in audit.read_text()


def test_what_another_page_has_a_browser_send_is_recorded_with_its_user(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    with running_server(tmp_path, f"--McpAudit.path={audit}") as server:
        cookies, _ = logged_in(server)
        assert unread(server, Cookie=cookies) == 403
        pressed = server.request(
            "POST", b"of=all", {**FORM, "Cookie": cookies}, path="/mcp/ui/pause"
        )
        assert pressed.status == 403

    assert sums(audit) == {("forgery", "jupyter"): 2}


def test_what_is_refused_to_a_user_is_recorded_with_the_user(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    options = (*APART, f"--McpAudit.path={audit}", "--McpCalls.max_calls_per_user=1")
    with running_server(tmp_path, *options, token="root") as server:
        alice, bob = Person(server=server, name="alice"), Person(server=server, name="bob")
        assert bob.status("GET", "/api/kernels") == 403
        assert bob.status("DELETE", "/api/terminals/1") == 403
        assert bob.connects("/api/events/subscribe") == 403
        assert bob.status("GET", "/api/me?permissions=" + '{"terminals":["execute"]}') == 200
        assert bob.presses("pause", "all").status == 403
        statuses = [alice.client.send("tools/list").status for _ in range(1)]
        while (answer := alice.client.send("tools/call", name="list_sessions")).status == 200:
            statuses.append(answer.status)
        assert answer.status == 429

    assert sums(audit) == {("owner", "bob"): 3, ("rights", "bob"): 1, ("rate", "alice"): 1}


@pytest.mark.parametrize("version", ERAS)
def test_calls_of_what_is_no_tool_are_recorded_with_their_caller(
    tmp_path: Path, version: str
) -> None:
    audit = tmp_path / "audit.jsonl"
    with running_server(tmp_path, f"--McpAudit.path={audit}") as server:
        client = McpClient(server, version, name="odd")
        said = client.error("tools/call", name="run_python", arguments={"code": "1"})
        assert "There is no tool 'run_python' here." in said["message"]
        client.error("tools/call", name=FORGED, arguments={"path": FORGED})
        client.error("tools/call", name="read_file", arguments="[")
        client.error("tools/call", name="read_file", arguments=["path"])
        client.error("tools/call", arguments={})
        shown = server.request("GET", None, server.auth, path="/mcp/ui").body.decode()
        metrics = server.request("GET", None, server.auth, path="/metrics").body.decode()

    calls = audited(audit, "call")
    assert [call["tool"] for call in calls] == [
        *("run_python", FORGED[:64], "read_file", "read_file", "")
    ]
    assert {(call["user"], call["client"], call["status"]) for call in calls} == {
        ("jupyter", "odd", "error")
    }
    assert all(call["request_id"] for call in calls)
    assert "\u2028" not in shown
    assert "\x1b" not in shown
    assert 'jupyter_mcp_calls_total{status="error",tool="unknown"} 3.0' in metrics
    assert 'jupyter_mcp_calls_total{status="error",tool="read_file"} 2.0' in metrics


def test_calls_of_what_is_no_tool_count_for_the_limit_of_calls(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    options = (f"--McpAudit.path={audit}", "--McpCalls.max_calls_per_user=2")
    with running_server(tmp_path, *options) as server:
        client = McpClient(server)
        errors = [client.error("tools/call", name="nothing") for _ in range(3)]

    assert [error["code"] for error in errors] == [-32602, -32602, -32003]
    assert "McpCalls.max_calls_per_user" in errors[2]["message"]
    assert [call["status"] for call in audited(audit, "call")] == ["error", "error", "limited"]
