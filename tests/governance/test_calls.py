"""The limits of calls: of the code, in a minute, and in queues."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError
from traitlets.config import Config

from jupyter_mcp_ext.errors import InvalidArgument, LimitReached
from jupyter_mcp_ext.governance.calls import McpCalls
from tests.engine import ALICE, BOB, running
from tests.mcp_client import ERAS, McpClient
from tests.monitoring.page import Page
from tests.servers import JupyterServer
from tests.tools.test_call import called, heard, words
from tests.users import OPTION


class Clock:
    """A clock that stands still unless it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock | None = None, **traits: int) -> McpCalls:
    return McpCalls(clock or Clock(), config=Config(McpCalls=traits))


def admitted(calls: McpCalls, subject: str) -> bool:
    try:
        calls.admit(subject)
    except LimitReached:
        return False
    return True


@pytest.mark.parametrize("name", list(McpCalls.class_own_traits(config=True)))
def test_a_negative_limit_is_refused_by_name(name: str) -> None:
    with pytest.raises(TraitError, match=name):
        McpCalls(config=Config(McpCalls={name: -1}))


def test_an_agent_that_does_all_it_can_is_not_held_up_by_default() -> None:
    clock = Clock()
    calls = limits(clock)
    # Sixteen subagents of one user, each with ten calls a second, for an hour.
    for _ in range(3_600):
        clock.now += 1
        assert all(admitted(calls, "alice") for _ in range(16 * 10))


def test_a_refusal_says_when_to_come_again() -> None:
    clock = Clock()
    calls = limits(clock, max_calls_per_user=60)
    assert all(admitted(calls, "alice") for _ in range(60))

    said = r"takes 60 calls of one user in a minute \(McpCalls.max_calls_per_user\).*Wait 2\.0 s"
    with pytest.raises(LimitReached, match=said):
        calls.admit("alice")

    assert admitted(calls, "bob")
    clock.now += 2.1
    assert admitted(calls, "alice")


def test_what_all_may_do_together_is_limited_too() -> None:
    calls = limits(max_calls=10, max_calls_per_user=0)

    assert sum(admitted(calls, f"user {number}") for number in range(50)) == 10


def test_who_goes_on_after_refusals_makes_no_other_user_wait_longer() -> None:
    clock = Clock()
    calls = limits(clock, max_calls=60, max_calls_per_user=0)
    assert all(admitted(calls, "bob") for _ in range(60))

    for _ in range(9):
        clock.now += 0.1
        assert not admitted(calls, "bob")
    clock.now += 0.2

    assert admitted(calls, "alice")
    with pytest.raises(LimitReached, match=r"of all users together .*\(McpCalls\.max_calls\)"):
        calls.admit("alice")


def test_code_is_measured_in_bytes() -> None:
    calls = limits(max_code_bytes=12)

    calls.check_code("x" * 12)
    with pytest.raises(InvalidArgument, match="The code has 13 bytes, and this server runs 12 B"):
        calls.check_code("x" * 13)
    with pytest.raises(InvalidArgument, match="has 14 bytes"):
        calls.check_code("ä" * 7)
    limits(max_code_bytes=0).check_code("x" * 10_000_000)


# -- through the tools ---------------------------------------------------------------------------


async def test_long_code_is_refused_and_starts_no_kernel(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        refused = await called(engine.services, "execute_code", code="#" * 100_001)

        assert refused.is_error
        assert "has 100,001 bytes, and this server runs 100 kB at most" in words(refused)
        assert jp_serverapp.kernel_manager.list_kernel_ids() == []


async def test_a_long_cell_is_refused_before_any_cell_runs(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_code_bytes=100) as engine:
        cells = ["open('ran', 'w')", "#" * 101]
        await called(engine.services, "create_notebook", path="long.ipynb", cells=cells)

        refused = await called(engine.services, "run_cells", path="long.ipynb")
        alone = await called(engine.services, "run_cells", path="long.ipynb", cells=["0-0"])

        assert refused.is_error
        assert "has 101 bytes" in words(refused)
        assert words(alone).startswith("[ok]")


async def test_a_cell_that_is_made_long_while_it_waits_is_skipped(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_code_bytes=100) as engine:
        gate = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
        path = "grows.ipynb"
        await called(engine.services, "create_notebook", path=path, cells=[gate, "print(1)"])
        shown = words(await called(engine.services, "read_notebook", path=path))
        run = await called(engine.services, "run_cells", path=path, wait=0)
        [handle] = re.findall(r"\[1\] code (\S+@\w+)", shown)
        edited = await called(
            engine.services, "edit_cell", path=path, cell=handle, source="#" * 101
        )
        Path(jp_serverapp.root_dir, "go").touch()

        ended = words(await called(engine.services, "get_output", wait=30))

        assert not run.is_error, words(run)
        assert not edited.is_error, words(edited)
        assert "skipped" in ended
        assert "has 101 bytes" in ended


async def test_a_session_takes_so_many_calls_and_another_goes_on(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_calls_per_session=2) as engine:
        for name in ("one", "two"):
            await called(engine.services, "create_session", name=name)
        await called(engine.services, "get_kernel_status", session_id="one")

        refused = await called(engine.services, "get_kernel_status", session_id="one")
        other = await called(engine.services, "get_kernel_status", session_id="two")

        assert "takes 2 calls about one session in a minute" in words(refused)
        assert "(McpCalls.max_calls_per_session)" in words(refused)
        assert not other.is_error


async def test_a_refused_call_is_an_event_and_does_nothing(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_calls_per_user=1) as engine:
        events = await heard(jp_serverapp)
        await called(engine.services, "list_sessions")

        refused = await called(engine.services, "execute_code", code="1")
        bobs = await called(engine.services, "list_sessions", BOB)
        await asyncio.sleep(0)  # the event logger hands its listeners a task

        assert refused.is_error
        assert not bobs.is_error
        assert [event["status"] for event in events] == ["ok", "limited", "ok"]
        assert jp_serverapp.kernel_manager.list_kernel_ids() == []


@pytest.mark.parametrize(
    ("limit", "whose"),
    [
        ("max_queued_per_session", "of one session"),
        ("max_queued_per_user", "of one user"),
        ("max_queued", "in all"),
    ],
)
async def test_so_many_executions_wait_and_when_they_have_ended_others_may(
    jp_serverapp: Any, limit: str, whose: str
) -> None:
    async with running(jp_serverapp, **{limit: 2}) as engine:
        waiting = [await engine.start("input()", can_ask=True) for _ in range(2)]

        with pytest.raises(LimitReached, match=f"2 executions {whose} wait or run") as refused:
            await engine.start("1")
        assert f"(McpCalls.{limit})" in str(refused.value)
        for execution in waiting:
            await engine.services.executions.interrupt(execution)

        assert (await engine.run("1")).status == "ok"


async def test_another_users_queue_is_another(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_queued_per_user=1) as engine:
        await engine.start("input()", can_ask=True)

        assert (await engine.run("1", caller=BOB)).status == "ok"
        with pytest.raises(LimitReached):
            await engine.start("1", caller=ALICE)


# -- over HTTP -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A server that takes one call a minute from each user."""
    return start_server(OPTION, "--McpCalls.max_calls_per_user=1")


@pytest.mark.parametrize("era", ERAS)
def test_a_flood_is_answered_by_errors_and_then_before_its_body(
    start_server: Callable[..., JupyterServer], era: str
) -> None:
    # There is another call after a minute: with ten, after six seconds, in the midst of the flood.
    client = McpClient(start_server("--McpCalls.max_calls_per_user=1"), era)
    allowed = client.call("list_files")

    answers = []
    while (answer := client.send("tools/call", name="list_files", arguments={})).status == 200:
        answers.append(answer.body.decode())

    assert not allowed.is_error
    assert 1 <= len(answers) <= 20
    assert all("make the call again" in text for text in answers)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "too many calls; try again in" in answer.json()["error"]["message"]  # type: ignore[index]
    hit = Page(client.server).value(
        "jupyter_mcp_limits_hit_total", setting="McpCalls.max_calls_per_user"
    )
    assert hit == len(answers) + 1


def test_a_negative_limit_keeps_the_endpoint_from_being_served(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpCalls.max_queued=-1", ready="is running at:")
    server.until_answered()

    assert server.request("POST", b"{}", server.auth).status == 404
    assert any("max_queued" in line for line in server.log)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("tasks/get", {"taskId": "k7m2q9xw-12"}),
        ("tasks/cancel", {"taskId": "k7m2q9xw-12"}),
        ("resources/read", {"uri": "jupyter://executions/k7m2q9xw-12"}),
        ("resources/list", {}),
    ],
)
def test_what_a_limit_refuses_is_not_called_unknown(
    strict: JupyterServer, method: str, arguments: dict[str, Any]
) -> None:
    tasks: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    user = {"Authorization": f"Bearer {method.replace('/', '-')}"}
    client = McpClient(strict, capabilities=tasks, headers=user)
    client.call("list_files")

    refused = client.error(method, **arguments)

    assert refused["code"] == -32003
    assert "takes 1 call of one user in a minute" in refused["message"]
