"""Executions as tasks of the 2026-07-28 protocol's extension, over HTTP with real kernels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import users
from tests.mcp_client import NEW, OLD, OLDEST, McpClient
from tests.servers import JupyterServer, running_server

TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
FORMS: dict[str, Any] = {"elicitation": {"form": {}}}
WAITING = "import pathlib, time\nwhile not pathlib.Path({path!r}).exists(): time.sleep(0.01)\n"


class Gate:
    """Code that runs until it is released."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "go"
        self.code = WAITING.format(path=str(self._file))

    def open(self) -> None:
        """Release it."""
        self._file.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """The test's own gate."""
    return Gate(tmp_path)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A server whose calls become tasks soon."""
    return start_server("--McpExecutions.task_after=0.2")


@pytest.fixture
def client(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client that declares tasks, with a session of its own."""
    return McpClient(server, name=request.node.name, capabilities=TASKS)


def call(client: McpClient, code: str, **arguments: Any) -> dict[str, Any]:
    """Execute code; the answer as it is on the wire."""
    return client.request("tools/call", name="execute_code", arguments={"code": code, **arguments})


def begin(client: McpClient, code: str) -> str:
    """Execute code as a task; its id."""
    created = call(client, code, wait=0)
    assert created["resultType"] == "task", created
    return str(created["taskId"])


def task(client: McpClient, task_id: str) -> dict[str, Any]:
    """The task as it is now."""
    return client.request("tasks/get", taskId=task_id)


def ended(client: McpClient, task_id: str) -> dict[str, Any]:
    """The task when its code has ended."""
    client.call("get_output", output_id=task_id, wait=50)
    return task(client, task_id)


def without_stamp(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what the SDK adds to results that are sent directly."""
    meta = {k: v for k, v in result["_meta"].items() if not k.endswith("/serverInfo")}
    return {**result, "_meta": meta}


def test_the_server_declares_tasks(client: McpClient) -> None:
    discovered = client.request("server/discover")

    assert discovered["capabilities"]["extensions"] == TASKS["extensions"]


def test_without_a_wait_the_call_is_a_task_at_once(client: McpClient, gate: Gate) -> None:
    created = call(client, gate.code, wait=0)

    assert created["resultType"] == "task"
    assert created["status"] == "working"
    assert created["ttlMs"] is None
    assert created["pollIntervalMs"] == 1000
    assert created["createdAt"].endswith("Z")
    assert created["taskId"] in created["statusMessage"]
    assert not created.keys() & {"content", "result", "error", "inputRequests"}
    gate.open()


def test_code_that_goes_on_becomes_a_task_however_long_the_wait(
    client: McpClient, gate: Gate
) -> None:
    created = call(client, gate.code, wait=50)

    assert created["resultType"] == "task"
    assert task(client, created["taskId"])["status"] == "working"
    gate.open()


def test_code_that_ends_soon_is_answered_as_ever(
    start_server: Callable[..., JupyterServer],
) -> None:
    client = McpClient(start_server("--McpExecutions.task_after=40"), capabilities=TASKS)

    result = call(client, "1 + 1")

    assert result["resultType"] == "complete"
    assert result["content"][0]["text"].splitlines()[-1] == "2"
    assert "taskId" not in result


@pytest.mark.parametrize("capabilities", [{}, {"extensions": {}}, {"tasks": {}}])
def test_a_client_that_declares_no_tasks_gets_none(
    server: JupyterServer, gate: Gate, capabilities: dict[str, Any]
) -> None:
    """A server MUST NOT return a task to a request without the declaration."""
    client = McpClient(server, capabilities=capabilities)

    result = call(client, gate.code, wait=0.5)

    assert result["resultType"] == "complete"
    assert result["content"][0]["text"].startswith(("[running]", "[queued]"))
    gate.open()


@pytest.mark.parametrize("version", [OLD, OLDEST])
def test_the_older_protocols_have_no_tasks(server: JupyterServer, gate: Gate, version: str) -> None:
    client = McpClient(server, version, capabilities=TASKS)

    result = client.call("execute_code", code=gate.code, wait=0.5)
    refused = client.error("tasks/get", taskId=result.id)

    assert result.status in ("running", "queued")
    assert refused["code"] == -32601
    gate.open()


def test_a_task_completes_with_what_its_tool_would_have_answered(
    client: McpClient, gate: Gate
) -> None:
    begun = begin(client, gate.code + "print('out')\n6 * 7")
    gate.open()

    completed = ended(client, begun)
    read = client.request("tools/call", name="get_output", arguments={"output_id": begun})

    assert completed["resultType"] == "complete"
    assert completed["status"] == "completed"
    assert completed["result"]["isError"] is False
    assert completed["result"]["content"][0]["text"].endswith("out\n42")
    assert {"resultType": "complete", **completed["result"]} == without_stamp(read)


def test_the_first_task_of_a_session_tells_of_the_session_once(client: McpClient) -> None:
    begun = begin(client, "1")

    first, second = ended(client, begun), task(client, begun)

    assert first["result"]["content"][0]["text"].count("! session ") == 1
    assert first["result"] == second["result"]


def test_a_task_that_has_ended_says_how_long_it_is_kept(client: McpClient) -> None:
    completed = ended(client, begin(client, "1"))

    assert 86_400_000 <= completed["ttlMs"] < 86_500_000
    assert completed["createdAt"] <= completed["lastUpdatedAt"]


def test_code_that_raises_has_completed(client: McpClient) -> None:
    """``failed`` MUST NOT be used for other than JSON-RPC errors."""
    completed = ended(client, begin(client, "print('before')\n1 / 0"))

    assert completed["status"] == "completed"
    assert completed["result"]["isError"] is False
    text = completed["result"]["content"][0]["text"]
    assert text.startswith("[error]")
    assert "before" in text
    assert "ZeroDivisionError" in text


def test_code_that_reaches_no_kernel_completes_with_the_tools_error(
    start_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    spec = {"argv": [str(tmp_path / "missing")], "display_name": "broken", "language": "python"}
    folder = tmp_path / "kernels" / "broken"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    server = start_server(
        "--MultiKernelManager.default_kernel_name=broken", env={"JUPYTER_PATH": str(tmp_path)}
    )
    client = McpClient(server, capabilities=TASKS)

    completed = ended(client, begin(client, "1"))

    assert completed["status"] == "completed"
    assert completed["result"]["isError"] is True
    assert completed["result"]["content"][0]["text"].startswith("Error: ")


def test_cancelling_interrupts_the_code(client: McpClient, gate: Gate) -> None:
    begun = begin(client, gate.code)

    acknowledged = client.request("tasks/cancel", taskId=begun)
    cancelled = ended(client, begun)

    assert without_stamp(acknowledged) == {"resultType": "complete", "_meta": {}}
    assert cancelled["status"] == "cancelled"
    assert "result" not in cancelled
    assert client.call("get_output", output_id=begun).status == "interrupted"


def test_cancelling_twice_changes_nothing(client: McpClient, gate: Gate) -> None:
    begun = begin(client, gate.code)
    client.request("tasks/cancel", taskId=begun)
    first = ended(client, begun)

    client.request("tasks/cancel", taskId=begun)

    assert task(client, begun) == first


def test_a_cancelled_task_is_cancelled_after_a_restart_of_the_server_too(
    tmp_path: Path, gate: Gate
) -> None:
    with running_server(tmp_path) as first:
        client = McpClient(first, capabilities=TASKS)
        begun = begin(client, gate.code)
        client.request("tasks/cancel", taskId=begun)
        ended(client, begun)
    with running_server(tmp_path) as second:
        again = task(McpClient(second, capabilities=TASKS), begun)

    assert again["status"] == "cancelled"


def test_cancelling_what_has_completed_changes_nothing(client: McpClient) -> None:
    begun = begin(client, "1")
    first = ended(client, begun)

    client.request("tasks/cancel", taskId=begun)

    assert task(client, begun) == first
    assert first["status"] == "completed"


def test_code_that_is_interrupted_by_a_tool_has_completed(client: McpClient, gate: Gate) -> None:
    """A client that waits for the task gets the status and the output so far."""
    begun = begin(client, f"print('so far')\n{gate.code}")
    client.call("interrupt_kernel", execution_id=begun)

    completed = task(client, begun)

    assert completed["status"] == "completed"
    assert completed["result"]["content"][0]["text"].startswith("[interrupted]")


def test_a_queued_task_works_and_can_be_cancelled(client: McpClient, gate: Gate) -> None:
    first = begin(client, gate.code)
    second = begin(client, "2")

    waiting = task(client, second)
    client.request("tasks/cancel", taskId=second)

    assert waiting["status"] == "working"
    assert waiting["statusMessage"].startswith("[queued]")
    assert ended(client, second)["status"] == "cancelled"
    assert task(client, first)["status"] == "working"
    gate.open()


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
@pytest.mark.parametrize("task_id", ["k7m2q9xw-12", "", "x" * 10_000, "../1"])
def test_an_unknown_task_is_an_invalid_parameter(
    client: McpClient, method: str, task_id: str
) -> None:
    answer = client.send(method, taskId=task_id, inputResponses={})

    error: Any = answer.json()["error"]
    assert answer.status == 400
    assert error["code"] == -32602
    assert "There is no execution" in error["message"]
    assert len(error["message"]) < 300


def test_another_users_task_is_unknown(
    start_server: Callable[..., JupyterServer], gate: Gate
) -> None:
    server = start_server(users.OPTION)
    alice, bob = (
        McpClient(server, capabilities=TASKS, headers={"Authorization": f"Bearer {name}"})
        for name in ("alice", "bob")
    )
    begun = begin(alice, gate.code)

    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        refused = bob.error(method, taskId=begun, inputResponses={})

        assert refused["code"] == -32602
        assert f"There is no execution '{begun}'" in refused["message"]
    assert task(alice, begun)["status"] == "working"
    gate.open()


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_the_methods_ask_for_the_declaration(server: JupyterServer, method: str) -> None:
    """Servers MUST return this error for non-declaring clients issuing these requests."""
    answer = McpClient(server).send(method, taskId="k7m2q9xw-12", inputResponses={})

    error: Any = answer.json()["error"]
    assert answer.status == 400
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": TASKS}


@pytest.mark.parametrize("named", [None, "k7m2q9xw-13"])
@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_the_header_must_name_the_task(client: McpClient, method: str, named: str | None) -> None:
    """The client MUST set the Mcp-Name header to the value of params.taskId."""
    message, headers = client.prepare(method, taskId="k7m2q9xw-12", inputResponses={})
    del headers["Mcp-Name"]
    if named is not None:
        headers["Mcp-Name"] = named

    answer = client.server.post(message, headers)

    error: Any = answer.json()["error"]
    assert answer.status == 400
    assert error["code"] == -32020


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result"])
def test_what_the_extension_no_longer_has_is_not_there(client: McpClient, method: str) -> None:
    assert client.error(method, taskId="k7m2q9xw-12")["code"] == -32601


@pytest.mark.parametrize("params", [{}, {"taskId": 7}, {"taskId": None}])
def test_a_request_without_an_id_is_refused_without_a_dump(
    client: McpClient, params: dict[str, Any]
) -> None:
    refused = client.error("tasks/get", **params)

    assert refused["code"] == -32602
    assert "pydantic" not in str(refused)


@pytest.fixture
def asking(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client that declares tasks and forms."""
    return McpClient(server, name=request.node.name, capabilities={**TASKS, **FORMS})


def asked(client: McpClient, task_id: str) -> dict[str, Any]:
    """The task when its code asks something."""
    client.request("tools/call", name="get_output", arguments={"output_id": task_id, "wait": 50})
    return task(client, task_id)


def answer(client: McpClient, task_id: str, **responses: Any) -> None:
    """Answer what a task asks."""
    client.request("tasks/update", taskId=task_id, inputResponses=responses)


def said(value: str) -> dict[str, Any]:
    """The answer that a person gave in the form."""
    return {"action": "accept", "content": {"answer": value}}


def test_what_the_code_asks_is_answered_through_the_task(asking: McpClient) -> None:
    begun = begin(asking, "print('Hello', input('First name? '), input('Last name? '))")

    first = asked(asking, begun)
    answer(asking, begun, **{key: said("Ada") for key in first["inputRequests"]})
    second = asked(asking, begun)
    answer(asking, begun, **{key: said("Lovelace") for key in second["inputRequests"]})
    completed = ended(asking, begun)

    assert first["status"] == second["status"] == "input_required"
    [question] = first["inputRequests"].values()
    assert question["method"] == "elicitation/create"
    assert "First name?" in question["params"]["message"]
    assert not first["inputRequests"].keys() & second["inputRequests"].keys()
    assert completed["result"]["content"][0]["text"].endswith("Hello Ada Lovelace")


def test_answers_that_nothing_asks_for_are_ignored(asking: McpClient) -> None:
    """A server SHOULD ignore responses mapped to a key that is not currently outstanding."""
    begun = begin(asking, "print('Hello', input('Name? '))")
    [key] = asked(asking, begun)["inputRequests"]

    answer(asking, begun, unknown=said("x"), **{key + "0": said("x")})
    answer(asking, begun, **{key: {"ignored": True}})

    assert task(asking, begun)["inputRequests"].keys() == {key}
    answer(asking, begun, **{key: said("Ada")})
    assert ended(asking, begun)["status"] == "completed"
    answer(asking, begun, **{key: said("late")})


def test_a_task_whose_question_is_declined_has_completed(asking: McpClient) -> None:
    begun = begin(asking, "input('Name? ')")
    [key] = asked(asking, begun)["inputRequests"]

    answer(asking, begun, **{key: {"action": "decline"}})

    completed = ended(asking, begun)
    assert completed["status"] == "completed"
    assert "declined" in completed["result"]["content"][0]["text"]


def test_a_task_that_asks_can_be_cancelled(asking: McpClient) -> None:
    begun = begin(asking, "input('Name? ')")
    asked(asking, begun)

    asking.request("tasks/cancel", taskId=begun)

    assert ended(asking, begun)["status"] == "cancelled"


def test_a_client_that_cannot_ask_a_person_is_asked_nothing(
    server: JupyterServer, asking: McpClient
) -> None:
    begun = begin(asking, "input('Name? ')")
    asked(asking, begun)

    seen = task(McpClient(server, NEW, capabilities=TASKS), begun)

    assert seen["status"] == "working"
    assert seen["statusMessage"].startswith("[input]")
    asking.request("tasks/cancel", taskId=begun)


def test_a_task_needs_the_tools_that_do_the_same(
    start_server: Callable[..., JupyterServer], gate: Gate
) -> None:
    tools = ("execute_code", "get_output")
    server = start_server(*(f"--McpPolicy.tools={tool}" for tool in tools))
    client = McpClient(server, name="allowed", capabilities=TASKS)
    running = begin(client, gate.code)

    assert task(client, running)["status"] == "working"
    refused = client.error("tasks/cancel", taskId=running)
    assert "(McpPolicy.tools)" in refused["message"]
    gate.open()
    assert ended(client, running)["status"] == "completed"


def test_a_task_is_still_read_when_a_person_has_made_agents_read_only(
    client: McpClient, gate: Gate
) -> None:
    running = begin(client, gate.code)
    form = {**client.server.auth, "Content-Type": "application/x-www-form-urlencoded"}
    assert client.server.request("POST", b"of=", form, path="/mcp/ui/read-only").status == 303
    try:
        assert task(client, running)["status"] == "working"
        assert "read-only" in client.error("tasks/cancel", taskId=running)["message"]
    finally:
        client.server.request("POST", b"of=", form, path="/mcp/ui/read-write")
    gate.open()
    assert ended(client, running)["status"] == "completed"
