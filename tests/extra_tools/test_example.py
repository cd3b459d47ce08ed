"""The package of the documentation, on a server that names its tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from tests import users
from tests.extra_tools.packages import install, with_packages
from tests.mcp_client import ERAS, NEW, McpClient
from tests.servers import JupyterServer
from tests.snippets import block_of
from tests.test_input import MODES, Clerk, call, connected, run

CAN_ASK: dict[str, Any] = {"elicitation": {"form": {}}}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the package is installed."""
    folder = tmp_path_factory.mktemp("extra")
    files = {
        "pyproject.toml": block_of("extending", "[project]").text,
        "jupyter_mcp_rows.py": block_of("extending", "def count_rows").text,
    }
    install(folder / "source", folder / "installed", files)
    return folder / "installed"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer], installed: Path) -> JupyterServer:
    """A server with named users, where Bob may not run code."""
    config = installed.parent / "config.py"
    disabled = 'c.McpPolicy.disabled_user_tools = {"bob": ["execute_code"], "olga": ["count_rows"]}'
    named = block_of("extending", "McpApp.extra_tools").text
    config.write_text(f"{named}\n{disabled}\n")
    server = start_server(
        users.OPTION, f"--config={config}", token="alice", env=with_packages(installed)
    )
    (server.root_dir / "sales.csv").write_text("month,sales\n1,2\n2,3\n")
    (server.root_dir / ".secret.csv").write_text("a\n")
    return server


@pytest.fixture(params=ERAS)
def client(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client of each era whose person can be asked."""
    name = request.node.name[-60:]
    return McpClient(server, request.param, name=name, capabilities=CAN_ASK)


def as_user(server: JupyterServer, name: str, **more: Any) -> McpClient:
    return McpClient(server, headers={"Authorization": f"Bearer {name}"}, **more)


def test_the_tools_are_listed_behind_the_others_with_what_they_say(client: McpClient) -> None:
    tools = client.request("tools/list")["tools"]

    assert [tool["name"] for tool in tools[-2:]] == ["count_rows", "forget_variable"]
    rows, forget = tools[-2:]
    assert rows["description"] == "Count the rows of a CSV file."
    assert rows["inputSchema"]["required"] == ["path"]
    assert rows["annotations"] == {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": False,
        "openWorldHint": False,
    }
    assert forget["annotations"]["destructiveHint"]
    assert forget["inputSchema"]["properties"]["name"]["description"] == "One variable."


def test_a_tool_reads_what_its_user_may_read(client: McpClient) -> None:
    assert client.call("count_rows", path="sales.csv").text == "sales.csv has 2 rows."
    assert client.call("count_rows", filename="sales.csv", header="false").text.endswith("3 rows.")
    assert "There is no file" in client.refused("count_rows", path="sale.csv")
    for path in (".secret.csv", "../x", "/etc/passwd"):
        assert client.refused("count_rows", path=path)


def test_wrong_arguments_are_refused_as_those_of_other_tools(client: McpClient) -> None:
    assert "needs the argument 'path'" in client.refused("count_rows")
    assert "Did you mean 'header'" in client.refused("count_rows", path="a", heade=True)
    assert "'header' must be true or false" in client.refused("count_rows", path="a", header=[])
    error = client.error("tools/call", name="count_row", arguments={})
    assert "Use count_rows" in error["message"]


def test_a_tool_runs_code_when_the_person_agrees(server: JupyterServer) -> None:
    client = McpClient(server, NEW, name="agrees", capabilities=CAN_ASK)
    client.run("x, y = 1, 2")
    call = {"name": "forget_variable", "arguments": {"name": "x"}}

    asked = client.request("tools/call", **call)

    form = asked["inputRequests"]["confirm"]["params"]
    assert form["message"] == "Delete the variable x?"
    no = {"confirm": {"action": "decline"}}
    yes = {"confirm": {"action": "accept", "content": {"confirm": True}}}
    state = asked["requestState"]
    refused = client.request("tools/call", **call, inputResponses=no, requestState=state)
    assert refused["isError"]
    assert "did not agree" in refused["content"][0]["text"]
    assert client.run("x").status == "ok"
    deleted = client.request("tools/call", **call, inputResponses=yes, requestState=state)
    assert deleted["content"][0]["text"].startswith("[ok]")
    assert client.run("x").status == "error"
    assert client.run("y").status == "ok"


def test_a_yes_to_one_question_is_none_to_another(server: JupyterServer) -> None:
    client = McpClient(server, NEW, name="another", capabilities=CAN_ASK)
    client.run("x, y = 1, 2")
    asked = client.request("tools/call", name="forget_variable", arguments={"name": "x"})
    yes = {"confirm": {"action": "accept", "content": {"confirm": True}}}

    other = client.send(
        "tools/call",
        name="forget_variable",
        arguments={"name": "y"},
        inputResponses=yes,
        requestState=asked["requestState"],
    ).json()

    assert "Delete the variable y?" in json.dumps(other) or "error" in other
    assert client.run("y").status == "ok"


@pytest.mark.parametrize("mode", MODES)
async def test_the_person_is_asked_in_both_eras(server: JupyterServer, mode: str) -> None:
    yes = types.ElicitResult(action="accept", content={"confirm": True})
    no = types.ElicitResult(action="accept", content={"confirm": False})
    gone = types.ElicitResult(action="cancel")
    clerk = Clerk(no, gone, yes)
    async with connected(server, mode, clerk) as client:
        await run(client, "asked = 1")

        said = [await call(client, "forget_variable", name="asked") for _ in range(3)]

        assert ["did not agree" in words for words in said] == [True, True, False]
        assert said[2].startswith("[ok]")
        assert clerk.asked == ["Delete the variable asked?"] * 3
        assert "NameError" in await run(client, "asked")


def test_a_tool_that_has_to_ask_is_refused_where_the_client_cannot(server: JupyterServer) -> None:
    client = McpClient(server, name="mute")
    client.run("x = 1")

    assert "your client cannot ask" in client.refused("forget_variable", name="x")
    assert client.run("x").status == "ok"


def test_a_tool_is_given_no_more_than_its_user_has(server: JupyterServer) -> None:
    bob, olga = (as_user(server, name, capabilities=CAN_ASK) for name in ("bob", "olga"))
    asked = bob.request("tools/call", name="forget_variable", arguments={"name": "x"})
    yes = {"confirm": {"action": "accept", "content": {"confirm": True}}}

    refused = bob.request(
        "tools/call",
        name="forget_variable",
        arguments={"name": "x"},
        inputResponses=yes,
        requestState=asked["requestState"],
    )

    assert "execute_code is off for you" in refused["content"][0]["text"]
    assert "count_rows is off for you" in olga.refused("count_rows", path="sales.csv")
    names = [tool["name"] for tool in olga.request("tools/list")["tools"]]
    assert "count_rows" not in names
    assert "forget_variable" in names


def test_calls_are_counted_and_shown_to_people(server: JupyterServer) -> None:
    alice = McpClient(server, name="counted")
    alice.call("count_rows", path="sales.csv")

    metrics = server.request("GET", headers=server.auth, path="/metrics").body.decode()
    page = server.request("GET", headers=server.auth, path="/mcp/ui").body.decode()

    assert re.search(r'calls_total\{[^}]*tool="count_rows"', metrics)
    assert "count_rows" in page


def test_agents_that_may_only_read_have_the_tools_that_do(
    start_server: Callable[..., JupyterServer], installed: Path
) -> None:
    names = ("count_rows", "forget_variable")
    options = [f"--McpApp.extra_tools={name}" for name in names]
    server = start_server(*options, "--McpPolicy.read_only=True", env=with_packages(installed))
    client = McpClient(server)
    (server.root_dir / "a.csv").write_text("a\n1\n")

    assert client.call("count_rows", path="a.csv").text == "a.csv has 1 rows."
    assert "McpPolicy.read_only" in client.refused("forget_variable", name="x")
