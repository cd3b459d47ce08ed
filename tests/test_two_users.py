"""Two users of one server try to learn of each other what is not theirs, and do not.

Bob knows the ids of what Alice has, and gets the answers that he gets for what does not exist.
"""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import users
from tests.mcp_client import NEW, OLD, McpClient
from tests.people import APART, Owned, Person
from tests.servers import JupyterServer

NOBODYS = "zzzzzzzz"
"""The id of a session that there never was."""
TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "audit.jsonl"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer], audit: Path) -> JupyterServer:
    """A server whose users do not trust each other, and that keeps few executions."""
    return start_server(
        *APART,
        f"--McpAudit.path={audit}",
        "--McpExecutions.max_kept=4",
        token="root",
    )


@pytest.fixture(scope="module")
def admin(server: JupyterServer) -> Person:
    return Person(server=server, name="root")


@pytest.fixture(scope="module")
def alice(server: JupyterServer, admin: Person) -> Owned:
    alice = Owned(server=server, name="alice")
    alice.begin("kept = 'hers'", admin)
    return alice


@pytest.fixture(scope="module")
def bob(server: JupyterServer, admin: Person, alice: Owned) -> Owned:
    bob = Owned(server=server, name="bob")
    bob.begin("1", admin)
    return bob


def asked(alice: Owned) -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls about what is Alice's."""
    session, notebook = alice.session_id, f"{alice.folder}/work.ipynb"
    for tool in (
        *("get_kernel_status", "restart_kernel", "shutdown_kernel", "interrupt_kernel"),
        *("get_variables", "delete_session", "install_package", "get_output"),
    ):
        named = {"packages": ["six"]} if tool == "install_package" else {}
        yield tool, {"session_id": session, **named}
    for name in (session, alice.kernel_id, notebook, session[:6]):
        yield "execute_code", {"code": "1", "session_id": name}
    yield "create_session", {"name": "copied", "copy_of": session}
    yield "create_session", {"name": "beside", "cwd": alice.folder}
    yield "create_session", {"path": notebook}
    for number in (1, 2, 900):
        yield "get_output", {"output_id": f"{session}-{number}"}
        yield "interrupt_kernel", {"execution_id": f"{session}-{number}"}
    yield "undo_edit", {"path": notebook}
    yield "read_notebook", {"path": notebook}
    yield "insert_cells", {"path": notebook, "cells": [{"source": "1"}]}
    yield "list_files", {"path": alice.folder}


def without(words: str, alice: Owned) -> str:
    """The same words about what does not exist."""
    # Of six characters: four can be those of a word in the answer.
    return words.replace(alice.session_id, NOBODYS).replace(alice.session_id[:6], NOBODYS[:6])


def test_what_is_anothers_is_answered_as_what_does_not_exist(alice: Owned, bob: Owned) -> None:
    other = NOBODYS + alice.kernel_id[8:]
    for tool, arguments in asked(alice):
        theirs = bob.client.call(tool, **arguments)
        asking = without(json.dumps(arguments), alice).replace(alice.kernel_id, other)
        nobodys = bob.client.call(tool, **json.loads(asking))
        words = without(theirs.text, alice).replace(alice.kernel_id, other)
        assert (theirs.is_error, words) == (nobodys.is_error, nobodys.text), tool
        assert theirs.is_error, tool

    assert alice.client.run("kept", session_id="work").text.endswith("'hers'")


def test_what_has_expired_is_told_its_owner_alone(alice: Owned, bob: Owned) -> None:
    for _ in range(6):
        last = alice.client.run("1", session_id="work")
    first = f"{alice.session_id}-1"

    assert last.id != first
    assert "has expired" in alice.client.refused("get_output", output_id=first)
    assert f"There is no execution {first!r}" in bob.client.refused("get_output", output_id=first)


def test_another_users_executions_drive_out_none(alice: Owned, bob: Owned) -> None:
    mine = alice.client.run("print('still ' + 'there')", session_id="work")

    for _ in range(8):
        bob.client.run("1", session_id="work")

    assert "still there" in alice.client.call("get_output", output_id=mine.id).text


def test_another_user_follows_and_ends_no_task(alice: Owned, bob: Owned) -> None:
    hers = McpClient(alice.server, NEW, headers=alice.auth, capabilities=TASKS)
    his = McpClient(bob.server, NEW, headers=bob.auth, capabilities=TASKS)
    running = alice.client.begin("import time\nwhile True: time.sleep(0.01)", session_id="work")
    try:
        for method, more in (
            ("tasks/get", {}),
            ("tasks/cancel", {}),
            ("tasks/update", {"inputResponses": {"input-1": {"action": "cancel"}}}),
        ):
            said = his.error(method, taskId=running.id, **more)["message"]
            unknown = his.error(method, taskId=f"{NOBODYS}-1", **more)["message"]
            assert said.replace(running.id, f"{NOBODYS}-1") == unknown
        assert hers.request("tasks/get", taskId=running.id)["status"] == "working"
    finally:
        alice.client.call("interrupt_kernel", execution_id=running.id)


def test_buttons_reach_no_session_of_another_user(alice: Owned, bob: Owned) -> None:
    for button in ("interrupt", "shutdown"):
        theirs = bob.presses(button, alice.session_id)
        nobodys = bob.presses(button, NOBODYS)
        assert (theirs.status, theirs.body) == (nobodys.status, nobodys.body)
        assert theirs.status == 409
    assert [bob.presses(button, "all").status for button in ("pause", "read-only")] == [403, 403]
    assert alice.client.run("kept", session_id="work").text.endswith("'hers'")


def test_kernels_of_people_are_for_administrators_on_the_page_too(
    admin: Person, bob: Owned
) -> None:
    model = {"path": "people.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    made: Any = admin.asks("POST", "/api/sessions", model).json()
    session_id = made["id"][:8]
    try:
        assert session_id in str(admin.asks("GET", "/mcp/ui").body)
        assert session_id not in str(bob.asks("GET", "/mcp/ui").body)
        assert bob.presses("interrupt", session_id).status == 409
        assert bob.presses("shutdown", session_id).status == 409
        assert admin.status("GET", f"/api/kernels/{made['kernel']['id']}") == 200
        assert admin.presses("shutdown", session_id).status == 303
    finally:
        admin.status("DELETE", f"/api/sessions/{made['id']}")


def test_an_open_page_tells_nothing_of_another_user(alice: Owned, bob: Owned) -> None:
    stream = bob.server.stream
    with (
        stream("GET", bob.auth, path="/mcp/ui/news") as his,
        stream("GET", alice.auth, path="/mcp/ui/news") as hers,
    ):
        for opened in (his, hers):
            assert [opened.readline(), opened.readline()] == [b"data: changed\n", b"\n"]

        alice.client.run("2", session_id="work")

        assert hers.readline() == b"data: changed\n"  # his timer would have been set before hers
        assert select.select([his.fileno()], [], [], 0)[0] == []


def test_health_and_metrics_tell_nothing_of_a_user(alice: Owned, bob: Owned, admin: Person) -> None:
    health = bob.asks("GET", "/mcp/health").json()
    metrics = admin.asks("GET", "/metrics").body.decode()

    assert health == {"status": "ok"}
    ours = [line for line in metrics.splitlines() if line.startswith("jupyter_mcp")]
    assert ours
    for secret in ("alice", "bob", alice.session_id, alice.kernel_id, "work", "tests"):
        assert [line for line in ours if secret in line] == [], secret


def test_no_user_reads_the_audit(alice: Owned, bob: Owned, admin: Person, audit: Path) -> None:
    assert alice.session_id in audit.read_text()
    code = (
        "import glob, os\n"
        f"print([os.path.exists({str(audit)!r}), glob.glob({str(audit.parent / '*')!r})])"
    )

    assert "[False, []]" in bob.client.run(code, session_id="work").text
    for tool in ("read_file", "download_file", "list_files"):
        said = bob.client.refused(tool, path=str(audit))
        assert "kind" not in said
    link = f"import os; os.symlink({str(audit)!r}, 'audit')"
    assert bob.client.run(link, session_id="work").status == "ok"
    assert alice.session_id not in bob.client.refused("read_file", path=f"{bob.folder}/audit")
    for path in (f"/files/{bob.folder}/audit", f"/api/contents/{bob.folder}/audit"):
        for person in (bob, admin):
            assert person.status("GET", path) in (403, 404), path


def test_a_protocol_session_of_another_user_is_none(alice: Owned, bob: Owned) -> None:
    hers = McpClient(alice.server, OLD, headers=alice.auth)
    message, headers = hers.prepare("tools/list")

    stolen = bob.server.post(message, {**headers, **bob.auth})
    unknown = bob.server.post(message, {**headers, **bob.auth, "Mcp-Session-Id": "none"})
    ended = bob.server.request("DELETE", None, {**headers, **bob.auth})

    assert (stolen.status, stolen.body) == (unknown.status, unknown.body)
    assert (stolen.status, ended.status) == (404, 404)
    assert hers.request("tools/list")["tools"]


def test_one_conversation_key_means_another_session_for_each_user(alice: Owned, bob: Owned) -> None:
    key = {"openai/session": "the-same", "progressToken": "the-same"}

    def run(person: Owned, code: str) -> str:
        arguments = {"code": code}
        asked = person.client.request(
            "tools/call", name="execute_code", arguments=arguments, _meta=key
        )
        return str(asked["content"])

    assert "[ok]" in run(alice, "said = 'in her conversation'")
    said = run(bob, "said")
    assert "NameError" in said
    assert "in her conversation" in run(alice, "said")


def test_names_and_prompts_tell_nothing_of_another_user(alice: Owned, bob: Owned) -> None:
    assert alice.client.call("create_session", name="secret-plan").status != "error"
    made = bob.client.call("create_session", name="secret-plan")
    assert not made.is_error
    assert alice.session_id not in made.text
    assert "alice" not in made.text
    for uri, name, value in (
        ("jupyter://executions/{id}", "id", alice.session_id[:3]),
        ("jupyter://notebooks/{path}", "path", f"{alice.folder}/"),
        ("jupyter://notebooks/{path}", "path", "mcp-sessions/"),
    ):
        ref = {"type": "ref/resource", "uri": uri}
        argument = {"name": name, "value": value}
        found = bob.client.request("completion/complete", ref=ref, argument=argument)
        assert alice.session_id not in str(found), value
    path = f"{alice.folder}/work.ipynb"
    said = bob.client.request("prompts/get", name="explain_notebook", arguments={"path": path})
    assert "hers" not in str(said)


def test_one_users_pause_is_no_others(alice: Owned, bob: Owned) -> None:
    assert bob.presses("pause").status == 303
    try:
        assert "bob paused" in bob.client.refused("execute_code", code="1")
        assert not alice.client.run("1", session_id="work").is_error
        assert "bob" not in str(alice.asks("GET", "/mcp/ui").body)
    finally:
        assert bob.presses("resume").status == 303


def test_the_latest_execution_on_a_shared_kernel_is_ones_own(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(users.OPTION, token="root")
    alice, bob, root = (Person(server=server, name=name) for name in ("alice", "bob", "root"))
    model = {"path": "shared.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    assert root.status("POST", "/api/sessions", model) == 201
    his = bob.client.run("print('said ' + 'by bob')", session_id="shared.ipynb")
    hers = alice.client.run("1", session_id="shared.ipynb")

    assert "said by bob" in bob.client.call("get_output", session_id="shared.ipynb").text
    nothing = Person(server=server, name="carl").client.refused(
        "get_output", session_id="shared.ipynb"
    )
    assert his.id not in nothing
    assert hers.id not in nothing
