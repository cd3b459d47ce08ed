"""Whether agents may run code in kernels that people have started: their person is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import mcp_types as types
import pytest

from tests.mcp_client import ERAS, McpClient
from tests.sandbox.test_sandbox import CONFINED, start_as_person
from tests.servers import JupyterServer
from tests.test_input import MODES, Absent, Clerk, call, connected

YES = types.ElicitResult(action="accept", content={"allow": True})
NO = (
    types.ElicitResult(action="accept", content={"allow": False}),
    types.ElicitResult(action="accept", content={}),
    types.ElicitResult(action="decline"),
    types.ElicitResult(action="cancel"),
)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(*CONFINED, "--McpSandbox.people=ask")


@pytest.fixture
def path(server: JupyterServer, request: pytest.FixtureRequest) -> str:
    """A notebook that a person has open with its kernel."""
    path = "".join(c if c.isalnum() else "-" for c in request.node.name) + ".ipynb"
    opened(server, path)
    return path


def opened(server: JupyterServer, path: str) -> None:
    """Have a person open a new notebook with its kernel."""
    McpClient(server).call("create_notebook", path=path, cells=["print(6 * 7)"])
    start_as_person(server, path)


def restart(server: JupyterServer, path: str) -> None:
    """Restart the kernel of a notebook as JupyterLab does."""
    sessions = json.loads(server.request("GET", None, server.auth, path="/api/sessions").body)
    [kernel] = [one["kernel"]["id"] for one in sessions if one["path"] == path]
    server.request("POST", b"{}", server.auth, path=f"/api/kernels/{kernel}/restart")


@pytest.mark.parametrize("mode", MODES)
async def test_one_answer_counts_until_the_kernel_is_restarted(
    server: JupyterServer, mode: str, path: str
) -> None:
    person = Clerk(YES, YES)

    async with connected(server, mode, person) as client:
        cells = await call(client, "run_cells", path=path)
        code = await call(client, "execute_code", code="print(1 + 1)", session_id=path)
        asked = len(person.asked)
        await asyncio.to_thread(restart, server, path)
        after = await call(client, "execute_code", code="print(2 + 2)", session_id=path)

    assert asked == 1
    assert "wants to run code in the kernel of" in person.asked[0]
    assert path in person.asked[0]
    assert "\n42" in cells
    assert "\n2" in code
    assert "\n4" in after
    assert len(person.asked) == 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("answer", NO, ids=("unticked", "empty", "decline", "cancel"))
async def test_code_does_not_run_unless_it_is_allowed(
    server: JupyterServer, mode: str, answer: types.ElicitResult, path: str
) -> None:
    person = Clerk(answer, YES)

    async with connected(server, mode, person) as client:
        refused = await call(client, "execute_code", code="x = 1", session_id=path)
        later = await call(client, "execute_code", code="'x' in dir()", session_id=path)

    assert refused.startswith("Error: Your code may not run in the kernel of")
    assert "create_session makes a session of your own" in refused
    assert later.endswith("False")


@pytest.mark.parametrize("mode", MODES)
async def test_a_kernel_in_the_sandbox_needs_no_leave(server: JupyterServer, mode: str) -> None:
    person = Clerk()

    async with connected(server, mode, person) as client:
        said = await call(client, "execute_code", code="6 * 7")

    assert said.endswith("42")
    assert person.asked == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", ["execute_code", "run_cells"])
def test_a_client_that_cannot_ask_is_refused_with_what_to_do(
    server: JupyterServer, era: str, tool: str, path: str
) -> None:
    client = McpClient(server, era)
    arguments = {"path": path} if tool == "run_cells" else {"code": "1", "session_id": path}

    refused = client.refused(tool, **arguments)

    assert "your client cannot ask" in refused
    assert "create_session makes a session of your own" in refused


@pytest.mark.parametrize("path", ["named-by-a-person.ipynb", "named-by-the-agent.ipynb"])
def test_a_session_with_the_name_of_a_notebook_opens_no_way_into_its_kernel(
    server: JupyterServer, path: str
) -> None:
    client = McpClient(server)
    client.call("create_notebook", path=path, cells=["print(6 * 7)"])
    start_as_person(server, path)
    if path == "named-by-a-person.ipynb":
        client.call("create_notebook", path=f"old/{path}")
        start_as_person(server, f"old/{path}", name=path)
    else:
        client.call("create_session", name=path)

    refused = client.refused("run_cells", path=path)

    assert "your client cannot ask" in refused


async def test_a_question_that_no_one_answers_ends(
    start_server: Callable[..., JupyterServer],
) -> None:
    # Only here: where someone answers, that may take longer on a busy machine.
    soon = "--McpExecutions.input_timeout=3"
    server = start_server(*CONFINED, "--McpSandbox.people=ask", soon)
    opened(server, "unanswered.ipynb")

    async with connected(server, "legacy", Absent()) as client:
        refused = await call(client, "execute_code", code="1", session_id="unanswered.ipynb")

    assert "no one answered within 3 s" in refused


async def test_a_client_that_fails_to_ask_is_refused(server: JupyterServer, path: str) -> None:
    async def broken(question: str) -> types.ElicitResult:
        raise RuntimeError

    async with connected(server, "legacy", broken) as client:
        refused = await call(client, "execute_code", code="1", session_id=path)

    assert "your client could not ask" in refused


async def test_calls_at_the_same_time_ask_once(server: JupyterServer, path: str) -> None:
    person = Clerk(YES)

    async with connected(server, "legacy", person) as client:
        said = await asyncio.gather(
            *(call(client, "execute_code", code=f"print({n})", session_id=path) for n in range(4))
        )

    assert len(person.asked) == 1
    assert [text.splitlines()[-1] for text in said] == ["0", "1", "2", "3"]


async def test_the_leave_of_one_client_is_not_anothers(server: JupyterServer, path: str) -> None:
    no = Clerk(types.ElicitResult(action="decline"))

    async with (
        connected(server, "legacy", Clerk(YES)) as one,
        connected(server, "legacy", no) as two,
    ):
        allowed = await call(one, "execute_code", code="6 * 7", session_id=path)
        refused = await call(two, "execute_code", code="6 * 7", session_id=path)

    assert allowed.endswith("42")
    assert refused.startswith("Error: ")
    assert len(no.asked) == 1


# -- since 2026-07-28: what the client is left with ------------------------------------------------


def asked(client: McpClient, path: str, **more: Any) -> dict[str, Any]:
    """The result of a call in a person's kernel."""
    arguments = {"code": "print(6 * 7)", "session_id": path}
    return client.request("tools/call", name="execute_code", arguments=arguments, **more)


def test_the_answer_counts_for_this_call_and_kernel_only(server: JupyterServer, path: str) -> None:
    client = McpClient(server, name="asks", capabilities={"elicitation": {"form": {}}})
    first = asked(client, path)
    yes = {"use-kernel": {"action": "accept", "content": {"allow": True}}}
    restart(server, path)

    late = asked(client, path, inputResponses=yes, requestState=first["requestState"])
    without = asked(client, path, requestState=late["requestState"])
    done = asked(client, path, inputResponses=yes, requestState=without["requestState"])
    error = client.error(
        "tools/call",
        name="execute_code",
        arguments={"code": "other", "session_id": path},
        inputResponses=yes,
        requestState=first["requestState"],
    )

    assert [first["resultType"], late["resultType"], without["resultType"]] == [
        "input_required"
    ] * 3
    assert done["content"][0]["text"].endswith("42")
    assert "belongs to another call" in error["message"]
