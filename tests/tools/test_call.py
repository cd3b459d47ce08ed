"""The way of a call to a tool: permission, the event, and errors that are hidden."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import mcp_types as types
import pytest
from jupyter_server.auth.authorizer import AllowAllAuthorizer, Authorizer
from jupyter_server.auth.identity import User
from traitlets.config import Config

from jupyter_mcp_ext.governance.audit import SCHEMA_ID
from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.governance.policy import McpPolicy
from jupyter_mcp_ext.services import Services
from jupyter_mcp_ext.tools.answer import Answer
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.definition import tool
from jupyter_mcp_ext.tools.registry import BY_NAME
from jupyter_mcp_ext.tools.road import run
from tests.engine import ALICE, PRINCIPAL, running


class Recorder(Authorizer):
    """Allows the given rights, and records what it was asked."""

    def __init__(self, *allowed: tuple[str, str]) -> None:
        super().__init__()
        self.allowed = allowed
        self.asked: list[tuple[str, str, str]] = []

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        self.asked.append((user.username, action, resource))
        return (action, resource) in self.allowed


def words(result: types.CallToolResult) -> str:
    return "\n".join(b.text for b in result.content if isinstance(b, types.TextContent))


async def called(
    services: Services, name: str, caller: Caller = ALICE, /, **arguments: Any
) -> types.CallToolResult:
    call = Call(services=services, caller=caller, principal=PRINCIPAL)
    result = await run(BY_NAME[name], arguments, call)
    assert isinstance(result, types.CallToolResult)
    return result


async def heard(serverapp: Any) -> list[dict[str, Any]]:
    """The events of tool calls that an operator's listener gets from now on."""
    events: list[dict[str, Any]] = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        events.append(data)

    serverapp.event_logger.add_listener(schema_id=SCHEMA_ID, listener=listen)
    return events


async def test_the_authorizer_is_asked_in_jupyters_words(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        authorizer = Recorder(("read", "sessions"), ("read", "kernels"), ("read", "kernelspecs"))
        services = with_policy(engine.services, McpPolicy(authorizer))

        allowed = await called(services, "list_sessions")
        refused = await called(services, "execute_code", code="1")

        assert authorizer.asked == [
            ("alice", "read", "sessions"),
            ("alice", "read", "kernels"),
            ("alice", "read", "kernelspecs"),
            ("alice", "execute", "kernels"),
        ]
        assert not allowed.is_error
        assert refused.is_error
        assert "execute kernels" in words(refused)


async def test_what_the_authorizer_refuses_does_not_happen(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        services = with_policy(engine.services, McpPolicy(Recorder()))

        await called(services, "execute_code", code="open('made', 'w')")

        assert jp_serverapp.kernel_manager.list_kernel_ids() == []


async def test_arguments_are_validated_before_the_authorizer_is_asked(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        authorizer = Recorder()

        refused = await called(with_policy(engine.services, McpPolicy(authorizer)), "execute_code")

        assert "needs the argument 'code'" in words(refused)
        assert authorizer.asked == []


async def test_each_call_is_recorded_once_without_code_or_output(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        events = await heard(jp_serverapp)

        result = await called(engine.services, "execute_code", code="print('s3cret')")
        await asyncio.sleep(0)  # the event logger hands its listeners a task

        assert "s3cret" in words(result)
        [event] = events
        assert event["tool"] == "execute_code"
        assert event["status"] == "ok"
        assert event["user"] == "alice"
        assert event["client"] == "test"
        assert len(event["code_sha256"]) == 64
        assert event["sandbox"] == "none"
        assert "s3cret" not in str(event)


async def test_a_call_is_recorded_with_what_it_names_and_what_decided(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        events = await heard(jp_serverapp)
        session = await engine.session()

        await called(engine.services, "write_file", path="a.txt", content="s3cret")
        await called(engine.services, "execute_code", code="1")
        await called(engine.services, "insert_cells", path="a.ipynb", cells=["s3cret"], after="x")
        await asyncio.sleep(0)

        wrote, ran, inserted = events
        assert (wrote["files"], wrote["cells"]) == (["a.txt"], [])
        assert wrote["rights"] == ["write contents"]
        assert wrote["rule"] == "AllowAllAuthorizer"
        assert (ran["session_id"], ran["kernel_id"]) == (session.id, session.kernel_id)
        assert (ran["user"], ran["owner"]) == ("alice", "alice")
        assert (inserted["files"], inserted["cells"]) == (["a.ipynb"], ["x"])
        assert "s3cret" not in str(events)


async def test_the_setting_that_refused_a_call_is_recorded(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        events = await heard(jp_serverapp)
        policies = [
            McpPolicy(AllowAllAuthorizer(), config=Config(McpPolicy={"read_only": True})),
            McpPolicy(Recorder()),
        ]

        for policy in policies:
            await called(with_policy(engine.services, policy), "install_package", package=["numpy"])
        await asyncio.sleep(0)

        assert [event["rule"] for event in events] == ["McpPolicy.read_only", "Recorder"]
        assert [event["rights"] for event in events] == [["execute kernels"]] * 2
        assert [event["status"] for event in events] == ["forbidden"] * 2


@pytest.mark.parametrize(
    ("arguments", "status"), [({}, "error"), ({"code": "1/0", "wait": 20}, "error")]
)
async def test_a_refusal_is_recorded_too(
    jp_serverapp: Any, arguments: dict[str, Any], status: str
) -> None:
    async with running(jp_serverapp) as engine:
        events = await heard(jp_serverapp)

        await called(engine.services, "execute_code", **arguments)
        await asyncio.sleep(0)

        assert [event["status"] for event in events] == [status]


@tool(("read", "kernels"))
async def broken(call: Call) -> Answer:
    """Fail like a bug."""
    msg = "the secret detail"
    raise RuntimeError(msg)


async def test_a_bug_shows_the_client_a_reference_and_the_log_the_traceback(
    jp_serverapp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(jp_serverapp) as engine:
        call = Call(services=engine.services, caller=ALICE, principal=PRINCIPAL)
        with caplog.at_level(logging.ERROR):
            result = await run(broken, {}, call)

    assert isinstance(result, types.CallToolResult)
    reference = words(result).split("reference ")[1][:8]
    assert result.is_error
    assert "secret detail" not in words(result)
    assert reference in caplog.text
    assert "the secret detail" in caplog.text


async def test_a_cancelled_call_interrupts_what_it_started(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        code = "import time; print('on', flush=True); time.sleep(60)"
        request = asyncio.ensure_future(called(engine.services, "execute_code", code=code))
        await engine.until_started(session)
        execution = engine.services.executions.directory.latest(ALICE, session.id)
        await engine.until_printed(execution, "on")

        request.cancel()
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "interrupted"


async def test_a_cancelled_call_that_began_with_no_wait_leaves_its_code_running(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        result = await called(
            engine.services, "execute_code", code="import time; time.sleep(0.3); 'done'", wait=0
        )
        assert words(result).startswith(("[queued]", "[running]"))

        waiting = asyncio.ensure_future(called(engine.services, "get_output", wait=20))
        await asyncio.sleep(0)
        waiting.cancel()

        assert "'done'" in words(await called(engine.services, "get_output", wait=50))


def with_policy(services: Services, policy: McpPolicy) -> Services:
    """The same services with another policy."""
    return replace(services, policy=policy)
