"""What code asks through ``input()``, on real kernels over HTTP, in both protocol eras."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.mcp_client import ERAS, NEW, McpClient
from tests.servers import JupyterServer

FORMS: dict[str, Any] = {"elicitation": {"form": {}}}
MODES = ("legacy", NEW)
Person = Callable[[str], Awaitable[types.ElicitResult]]


def answer(value: str) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"answer": value})


class Clerk:
    """A person with prepared answers, in order, who records the questions."""

    def __init__(self, *answers: types.ElicitResult) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, question: str) -> types.ElicitResult:
        self.asked.append(question)
        return self.answers.pop(0)


class Absent:
    """A person who never answers."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()

    async def __call__(self, question: str) -> types.ElicitResult:
        self.is_asked.set()
        forever: asyncio.Future[types.ElicitResult] = asyncio.get_running_loop().create_future()
        return await forever


@asynccontextmanager
async def connected(server: JupyterServer, mode: str, person: Person) -> AsyncIterator[Client]:
    """The official client, with a person to ask."""

    async def ask(
        context: object, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        assert isinstance(params, types.ElicitRequestFormParams)
        return await person(params.message)

    async with httpx2.AsyncClient(headers=server.auth, timeout=60) as http:
        transport = streamable_http_client(server.url, http_client=http)
        async with Client(transport, mode=mode, elicitation_callback=ask) as client:
            yield client


async def run(client: Client, code: str, **arguments: Any) -> str:
    """Execute code; the text of the result."""
    return await call(client, "execute_code", code=code, **arguments)


async def call(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    return "\n".join(b.text for b in result.content if isinstance(b, types.TextContent))


@pytest.mark.parametrize("mode", MODES)
async def test_the_person_is_asked_and_the_code_gets_the_answer(
    server: JupyterServer, mode: str
) -> None:
    person = Clerk(answer("Ada"), answer(""), answer("π = 3"))
    code = "print([input('who? '), input('press Enter'), input()])"

    async with connected(server, mode, person) as client:
        text = await run(client, code)

    assert text.startswith("[ok] ")
    assert "['Ada', '', 'π = 3']" in text
    assert [question.partition("asks: ")[2] for question in person.asked] == [
        "who?",
        "press Enter",
        "(it does not say what)",
    ]


@pytest.mark.parametrize("mode", MODES)
async def test_a_cell_asks_as_code_does(server: JupyterServer, mode: str) -> None:
    clerk, path = Clerk(answer("42")), f"asks-{mode}.ipynb"
    async with connected(server, mode, clerk) as client:
        cells = ["print('got', input('How many?'))"]
        await call(client, "create_notebook", path=path, cells=cells)
        said = await call(client, "run_cells", path=path)

    assert "got 42" in said
    assert "How many?" in clerk.asked[0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_person_who_does_not_answer_ends_the_code(
    server: JupyterServer, mode: str, action: Any
) -> None:
    person = Clerk(types.ElicitResult(action=action))

    async with connected(server, mode, person) as client:
        text = await run(client, "input('who? ')")
        after = await run(client, "print('free')")

    assert text.startswith("[interrupted] ")
    assert "KeyboardInterrupt" in text
    assert "! no one answered" in text
    assert "\nfree" in after


@pytest.mark.parametrize("mode", MODES)
async def test_a_password_is_never_asked_for(server: JupyterServer, mode: str) -> None:
    person = Clerk()

    async with connected(server, mode, person) as client:
        text = await run(client, "from getpass import getpass; getpass('Password: ')")
        after = await run(client, "print('free')")

    assert person.asked == []
    assert text.startswith("[interrupted] ")
    assert "into a file" in text
    assert "\nfree" in after


@pytest.mark.parametrize("mode", MODES)
async def test_the_wait_stands_still_while_a_person_thinks(
    server: JupyterServer, mode: str
) -> None:
    async def slow(question: str) -> types.ElicitResult:
        await asyncio.sleep(6)  # longer than the call waits
        return answer("at last")

    async with connected(server, mode, slow) as client:
        await run(client, "1")
        text = await run(client, "print(input())", wait=5)

    assert text.startswith("[ok] ")
    assert "at last" in text


@pytest.mark.parametrize("mode", MODES)
async def test_the_timeout_stands_still_while_a_person_thinks_and_then_goes_on(
    server: JupyterServer, mode: str
) -> None:
    async def slow(question: str) -> types.ElicitResult:
        await asyncio.sleep(5)  # longer than the code may take
        return answer("at last")

    async with connected(server, mode, slow) as client:
        await run(client, "import time")
        text = await run(client, "print(input())", timeout=4)
        stopped = await run(client, "print(input()); time.sleep(60)", timeout=4)

    assert text.startswith("[ok] ")
    assert stopped.startswith("[timeout] ")
    assert "at last" in stopped


async def test_a_cancelled_call_of_the_older_era_stops_the_code_that_asks(
    server: JupyterServer,
) -> None:
    never = Absent()

    async with connected(server, "legacy", never) as client:
        running = asyncio.create_task(run(client, "input('who? ')"))
        await asyncio.wait_for(never.is_asked.wait(), 30)
        running.cancel()
        await asyncio.wait({running})
        text = await call(client, "get_output", wait=30)

    assert text.startswith("[interrupted] ")


async def test_a_client_of_the_older_era_that_fails_to_ask_ends_the_code(
    server: JupyterServer,
) -> None:
    async def broken(question: str) -> types.ElicitResult:
        raise RuntimeError

    async with connected(server, "legacy", broken) as client:
        text = await run(client, "input('who? ')")

    assert text.startswith("[interrupted] ")
    assert "could not ask" in text


async def test_another_client_may_answer_first(server: JupyterServer) -> None:
    never = Absent()

    async with (
        connected(server, "legacy", never) as slow,
        connected(server, "legacy", Clerk(answer("quick"))) as quick,
    ):
        running = asyncio.create_task(run(slow, "print('from', input('who? '))"))
        await asyncio.wait_for(never.is_asked.wait(), 30)
        other = await call(quick, "get_output", wait=30)
        first = await running

    assert "from quick" in other
    assert "from quick" in first


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {"url": {}}}])
@pytest.mark.parametrize("function", ["input", "__import__('getpass').getpass"])
def test_where_no_person_can_be_asked_the_code_fails_at_once_with_what_to_do(
    server: JupyterServer, era: str, capabilities: dict[str, Any], function: str
) -> None:
    client = McpClient(server, era, capabilities=capabilities)

    result = client.run(f"{function}('who? ')")

    assert result.status == "error"
    assert any("into the code" in n or "into a file" in n for n in result.notices)
    assert client.run("print('free')").status == "ok"


Call = dict[str, Any]


def ask(client: McpClient, code: str, **arguments: Any) -> tuple[Call, Call]:
    """A call that is answered with a question: the call and the question."""
    made = {"name": "execute_code", "arguments": {"code": code, **arguments}}
    result = client.request("tools/call", **made)
    assert result["resultType"] == "input_required", result
    return made, result


def retried(made: Call, asked: Call, value: str) -> Call:
    """The same call with an answer."""
    [key] = asked["inputRequests"]
    response = {"action": "accept", "content": {"answer": value}}
    return {**made, "inputResponses": {key: response}, "requestState": asked["requestState"]}


def words(result: Call) -> str:
    return "\n".join(block["text"] for block in result["content"])


@pytest.fixture
def asker(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client of the newer era that shows forms, with a session of its own."""
    return McpClient(server, NEW, name=request.node.name, capabilities=FORMS)


def test_the_result_asks_and_what_it_leaves_with_the_client_says_nothing(
    asker: McpClient,
) -> None:
    _, asked = ask(asker, "input('who? ')")

    [request] = asked["inputRequests"].values()
    assert request["method"] == "elicitation/create"
    assert request["params"]["mode"] == "form"
    assert request["params"]["message"].endswith("asks: who?")
    assert request["params"]["requestedSchema"]["properties"]["answer"]["type"] == "string"
    assert request["params"]["message"].split("(")[1].split(")")[0] not in asked["requestState"]


def test_an_answer_that_is_sent_twice_counts_once_and_the_code_runs_once(
    asker: McpClient,
) -> None:
    code = "runs = globals().get('runs', 0) + 1; print(runs, [input('1st '), input('2nd ')])"
    made, first = ask(asker, code)

    second = asker.request("tools/call", **retried(made, first, "one"))
    again = asker.request("tools/call", **retried(made, first, "not this"))
    end = asker.request("tools/call", **retried(made, second, "two"))
    late = asker.request("tools/call", **retried(made, second, "nor this"))

    assert second["inputRequests"].keys() == again["inputRequests"].keys()
    assert second["inputRequests"].keys() != first["inputRequests"].keys()
    assert words(end).startswith("[ok] ")
    assert "1 ['one', 'two']" in words(end)
    assert words(late) == words(end)
    assert asker.run("print(runs)").text.endswith("\n1")


def changed(state: str, at: int) -> str:
    return state[:at] + ("A" if state[at] != "A" else "B") + state[at + 1 :]


def test_a_state_that_was_tampered_with_is_refused_and_changes_nothing(
    asker: McpClient,
) -> None:
    made, asked = ask(asker, "print('got', input('who? '))")
    call = retried(made, asked, "Eve")
    state = call["requestState"]
    forged = [changed(state, 3), changed(state, len(state) // 2), state[:-4], "x", ""]
    elsewhere = [
        {**call, "arguments": {"code": "print('mine')"}},
        {**call, "name": "get_output", "arguments": {}},
    ]

    for wrong in [{**call, "requestState": state} for state in forged] + elsewhere:
        error = asker.error("tools/call", **wrong)
        assert error["code"] == -32602
        assert "Nothing was done" in error["message"] or "as they were received" in error["message"]

    end = asker.request("tools/call", **retried(made, asked, "Ada"))
    assert "got Ada" in words(end)


def test_answers_without_their_state_run_nothing(asker: McpClient) -> None:
    asker.run("runs = 0")
    call = {"name": "execute_code", "arguments": {"code": "runs += 1"}}
    responses = {"input-1": {"action": "accept", "content": {"answer": "x"}}}

    error = asker.error("tools/call", **call, inputResponses=responses)

    assert "without the requestState" in error["message"]
    assert asker.run("print(runs)").text.endswith("\n0")


def test_a_call_made_again_without_an_answer_is_asked_again(asker: McpClient) -> None:
    made, asked = ask(asker, "print('got', input('who? '))")

    again = asker.request("tools/call", **made, requestState=asked["requestState"])

    assert again["inputRequests"] == asked["inputRequests"]
    assert "got Ada" in words(asker.request("tools/call", **retried(made, again, "Ada")))


def test_an_answer_that_comes_too_late_gets_the_result(asker: McpClient) -> None:
    made, asked = ask(asker, "print('before'); input('who? ')")
    waiting = asker.call("get_kernel_status")
    assert not waiting.is_error
    asker.call("interrupt_kernel")

    end = asker.request("tools/call", **retried(made, asked, "Ada"))

    assert words(end).startswith("[interrupted] ")
    assert "before" in words(end)


def test_get_output_brings_the_question_too(asker: McpClient) -> None:
    started = asker.run("print('got', input('who? '))", wait=0)
    made = {"name": "get_output", "arguments": {"output_id": started.id, "wait": 30}}

    asked = asker.request("tools/call", **made)
    end = asker.request("tools/call", **retried(made, asked, "Ada"))

    assert words(end).startswith("[ok] ")
    assert "got Ada" in words(end)


def test_a_client_that_cannot_ask_sees_what_is_asked(asker: McpClient) -> None:
    _, asked = ask(asker, "input('who? ')")
    silent = McpClient(asker.server, NEW, name=asker.name)

    seen = silent.call("get_output")

    assert asked["inputRequests"]
    assert seen.status == "input"
    assert 'the code asks "who?"' in seen.text
    assert "interrupt_kernel(execution_id=" in seen.text


def test_other_code_waits_behind_a_question_and_runs_when_it_is_answered(
    asker: McpClient,
) -> None:
    made, asked = ask(asker, "name = input('who? ')")
    behind = asker.run("print('hello', name)", wait=0)

    asker.request("tools/call", **retried(made, asked, "Ada"))

    assert "hello Ada" in asker.call("get_output", output_id=behind.id, wait=30).text


def test_a_question_without_an_answer_ends(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpExecutions.input_timeout=3")
    client = McpClient(server, NEW, capabilities=FORMS)
    made, asked = ask(client, "input('who? ')")

    end = McpClient(server, NEW).call("get_output", wait=20)

    assert end.status == "interrupted"
    assert "no one answered within 3 s" in end.text
    assert client.run("print('free')").status == "ok"
    assert "no one answered" in words(client.request("tools/call", **retried(made, asked, "late")))


def test_what_is_sealed_is_understood_with_the_same_key_file_only(
    start_server: Callable[..., JupyterServer], asker: McpClient, tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    option = f"--McpApp.key_file={key_file}"
    first, second = (McpClient(start_server(option), NEW, capabilities=FORMS) for _ in range(2))
    made, asked = ask(first, "input('who? ')")
    call = retried(made, asked, "Ada")

    understood = second.request("tools/call", **call)
    refused = asker.error("tools/call", **call)

    assert "There is no execution" in words(understood)
    assert "Nothing was done" in refused["message"]
    assert key_file.stat().st_mode & 0o777 == 0o600
