"""What passes the bridge, in both protocol eras, is what the server and the client have sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.mcp_client import ERAS, NEW, McpClient
from tests.servers import JupyterServer, environment, running_server

from .bridges import Bridge, bridged, result_of

PIPE = "open('pipe', 'w').close()\n"
"""Code that waits until the pipe is read."""
FORMS: dict[str, Any] = {"elicitation": {"form": {}}}
LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[JupyterServer]:
    with running_server(folder, base_url="/a%40b/") as server:
        yield server


@pytest.fixture(params=ERAS)
def bridge(request: pytest.FixtureRequest, server: JupyterServer, folder: Path) -> Iterator[Bridge]:
    with bridged(folder, version=request.param) as bridge:
        yield bridge


@pytest.fixture
def pipe(server: JupyterServer) -> Iterator[Path]:
    """A pipe that code can wait at."""
    path = server.root_dir / "pipe"
    os.mkfifo(path)
    yield path
    path.unlink()


def test_lists_are_those_of_the_server(bridge: Bridge, server: JupyterServer) -> None:
    direct = McpClient(server, bridge.version)

    for method in LISTS:
        assert bridge.ask(method)["result"] == direct.request(method)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_runs_code(
    server: JupyterServer, folder: Path, mode: Any
) -> None:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "jupyter_mcp_ext", "bridge"], env=environment(folder)
    )
    async with Client(stdio_client(command), mode=mode) as client:
        result = await client.call_tool("execute_code", {"code": "6 * 7"})

        assert client.protocol_version == (NEW if mode == "auto" else "2025-11-25")
        assert result.content[0].type == "text"
        assert result.content[0].text.endswith("\n42")
        assert result.meta is not None
        assert result.meta["jupyter-mcp-ext/execution"]["status"] == "ok"


def test_results_come_as_the_server_has_made_them(bridge: Bridge, server: JupyterServer) -> None:
    (server.root_dir / "large.bin").write_bytes(os.urandom(700_000))
    (server.root_dir / "odd.txt").write_text("é \u2028 \x85 \U0001f600 \\n \x7f", newline="")
    direct = McpClient(server, bridge.version)

    for tool, arguments in (
        ("download_file", {"path": "large.bin", "limit": 700_000}),
        ("read_file", {"path": "odd.txt"}),
        ("read_file", {"path": "missing"}),
        ("execute_code", {"nothing": 1}),
    ):
        over = bridge.call(tool, **arguments)
        straight = direct.call(tool, **arguments)
        assert (over.content, over.keys) == (straight.content, straight.keys)
        assert over.is_error == straight.is_error
    unknown = bridge.ask("no/such/method")["error"]
    assert unknown == direct.error("no/such/method")


def test_progress_comes_while_the_code_runs(bridge: Bridge, pipe: Path) -> None:
    number = bridge.send(
        "tools/call",
        name="execute_code",
        arguments={"code": PIPE},
        _meta={"progressToken": "mine"},
    )

    told = bridge.notified("notifications/progress")

    assert told["params"]["progressToken"] == "mine"
    assert pipe.read_text() == ""
    assert result_of(bridge.answer(number)).status == "ok"


def test_a_cancelled_call_reaches_the_code(bridge: Bridge, pipe: Path) -> None:
    code = f"{PIPE}open('pipe').read()"
    number = bridge.send("tools/call", name="execute_code", arguments={"code": code})
    assert pipe.read_text() == ""

    bridge.tell("notifications/cancelled", requestId=number)

    after = bridge.call("get_output", wait=30)
    while after.status == "running":
        after = bridge.call("get_output", wait=30)
    assert after.status == "interrupted"
    if bridge.version != NEW:
        assert bridge.answer(number)["id"] == number  # as the server answers
    assert bridge.call("execute_code", code="1 + 1").status == "ok"
    assert number not in bridge.answers


def test_a_cancellation_of_what_is_not_asked_changes_nothing(bridge: Bridge) -> None:
    cancelled: list[Any] = [1, "1", None, {}, 10**30]
    for wrong in cancelled:
        bridge.tell("notifications/cancelled", requestId=wrong)

    assert bridge.call("execute_code", code="1 + 1").status == "ok"


def test_a_question_to_the_person_passes_with_its_answer(
    server: JupyterServer, folder: Path
) -> None:
    with bridged(folder, capabilities=FORMS) as bridge:
        arguments = {"code": "'hello ' + input('Who? ')"}
        number = bridge.send("tools/call", name="execute_code", arguments=arguments)
        asked = bridge.notified("elicitation/create")
        assert "Who?" in asked["params"]["message"]
        [field] = asked["params"]["requestedSchema"]["properties"]
        answer = {"action": "accept", "content": {field: "world"}}
        bridge.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer}).encode())

        assert "hello world" in result_of(bridge.answer(number)).text


def test_the_answer_to_a_question_that_has_the_id_of_the_call_itself_passes(
    server: JupyterServer, folder: Path
) -> None:
    with bridged(folder, capabilities=FORMS) as bridge:
        code = "[input('Who? ') for _ in range(3)]"
        number = bridge.send("tools/call", name="execute_code", arguments={"code": code})
        ids = []
        for _ in range(3):
            asked = bridge.notified("elicitation/create")
            ids.append(asked["id"])
            [field] = asked["params"]["requestedSchema"]["properties"]
            result = {"action": "accept", "content": {field: "world"}}
            bridge.write(json.dumps({"jsonrpc": "2.0", "id": ids[-1], "result": result}).encode())

        assert number in ids
        assert "['world', 'world', 'world']" in result_of(bridge.answer(number)).text


def test_a_question_is_a_result_of_its_own_in_the_new_protocol(
    server: JupyterServer, folder: Path
) -> None:
    with bridged(folder, version=NEW, capabilities=FORMS) as bridge:
        arguments = {"code": "'hello ' + input('Who? ')"}
        asked = bridge.ask("tools/call", name="execute_code", arguments=arguments)["result"]
        assert asked["resultType"] == "input_required"
        [(key, request)] = asked["inputRequests"].items()
        [field] = request["params"]["requestedSchema"]["properties"]

        result = bridge.ask(
            "tools/call",
            name="execute_code",
            arguments=arguments,
            requestState=asked["requestState"],
            inputResponses={key: {"action": "accept", "content": {field: "world"}}},
        )

        assert "hello world" in result_of(result).text


def test_prompts_completions_and_resources_pass(bridge: Bridge, server: JupyterServer) -> None:
    direct = McpClient(server, bridge.version)
    (server.root_dir / "data.csv").write_text("a,b\n1,2\n")
    [prompt, *_] = bridge.ask("prompts/list")["result"]["prompts"]
    names = {"name": prompt["name"]}
    [argument, *_] = prompt["arguments"]
    reference = {"type": "ref/prompt", **names}
    wanted = {"ref": reference, "argument": {"name": argument["name"], "value": "da"}}

    assert bridge.ask("completion/complete", **wanted)["result"] == direct.request(
        "completion/complete", **wanted
    )
    given = {**names, "arguments": {argument["name"]: "data.csv"}}
    assert bridge.ask("prompts/get", **given)["result"] == direct.request("prompts/get", **given)


def test_the_clients_name_reaches_the_server_and_has_sessions_of_its_own(
    server: JupyterServer, folder: Path
) -> None:
    ids = set()
    for name, options in (("one", ()), ("two", ()), ("two", ("--session", "other"))):
        with bridged(folder, *options, version=NEW, name=name) as bridge:
            run = bridge.call("execute_code", code="1")
            assert f"({name}" in run.notices[0]
            ids.add(run.execution["session_id"])

    assert len(ids) == 3


def test_a_hundred_calls_at_once_are_all_answered(server: JupyterServer, folder: Path) -> None:
    with bridged(folder, version=NEW) as bridge:
        numbers = [
            bridge.send("tools/call", name="read_file", arguments={"path": f"{n}"})
            for n in range(100)
        ]
        for n, number in enumerate(numbers):
            assert f'"{n}"' in result_of(bridge.answer(number)).text


def test_the_command_loads_neither_the_server_nor_the_sdk() -> None:
    code = (
        "import sys; import jupyter_mcp_ext.commands.bridge, jupyter_mcp_ext.entry;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(ran.stdout.split())
    assert "jupyter_mcp_ext" in loaded
    assert not loaded & {"jupyter_server", "tornado", "mcp", "pydantic", "nbformat", "zmq", "PIL"}
