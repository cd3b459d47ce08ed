"""Sessions that several conversations or clients share: who is told what, and who may end what."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from jupyter_mcp_ext.errors import KernelUnavailable
from tests.engine import ALICE, running
from tests.mcp_client import NEW, OLD, McpClient, Result
from tests.servers import JupyterServer


def introduced(result: Result) -> list[str]:
    return [notice for notice in result.notices if notice.startswith("session ")]


def test_a_new_connection_is_told_whose_variables_it_finds(server: JupyterServer) -> None:
    one = McpClient(server, OLD, name="connects")
    first = one.run("shared = 1")
    two = McpClient(server, OLD, name="connects")

    [told] = introduced(two.run("shared"))

    assert introduced(first)[0].startswith(f"session {first.execution['session_id']} (connects)")
    assert "last used" not in introduced(first)[0]
    assert "; 1 variable, last used " in told
    assert told.endswith(" by connects")
    assert introduced(two.run("2")) == introduced(one.run("3")) == []


def test_where_the_protocol_has_no_sessions_a_discovery_is_a_new_connection(
    server: JupyterServer,
) -> None:
    client = McpClient(server, NEW, name="discovers")
    client.run("x = 1")
    assert introduced(client.run("2")) == []

    client.request("server/discover")

    [told] = introduced(client.run("3"))
    assert "1 variable, last used" in told
    assert introduced(client.run("4")) == []


def test_each_connection_of_a_client_without_a_name_has_a_default_session(
    server: JupyterServer,
) -> None:
    one, two = (McpClient(server, OLD, name="mcp") for _ in range(2))
    first = one.run("mine = 'one'").execution["session_id"]
    second = two.run("'mine' in dir()")

    again = one.run("mine")
    back = two.run("mine", session_id=first)

    assert second.execution["session_id"] != first
    assert "False" in second.text
    assert f'session_id="{first}" goes on there' in introduced(second)[0]
    assert again.execution["session_id"] == first
    assert "'one'" in back.text
    assert "by mcp" in introduced(back)[0]


def test_a_client_without_a_name_has_one_where_the_protocol_has_no_sessions(
    server: JupyterServer,
) -> None:
    McpClient(server, OLD, name="MCP").run("0")
    one, two = (McpClient(server, NEW, name="MCP") for _ in range(2))
    first = one.run("1")
    two.request("server/discover")

    second = two.run("2")

    assert first.execution["session_id"] == second.execution["session_id"]
    assert "it is new" in introduced(first)[0]
    assert "it is new" not in introduced(second)[0]
    assert "last used" in introduced(second)[0]


async def test_a_session_that_has_rested_is_introduced_again(jp_serverapp: Any) -> None:
    codex = replace(ALICE, client="codex")
    async with running(jp_serverapp) as engine:
        sessions = engine.services.sessions
        session, *_ = await sessions.create(codex, name="rests")
        await engine.run("1", session_id="rests")
        [first] = sessions.readers.notices(session, ALICE, since=None)
        assert sessions.readers.notices(session, ALICE, since=None) == ()

        session.use("", now=session.last_used - 2 * 3600)
        await engine.run("2", session_id="rests")

        [again] = sessions.readers.notices(session, ALICE, since=None)
        assert first.endswith("by codex")
        assert again.endswith("last used 2 h ago by test")


async def test_kernels_of_earlier_connections_make_room(jp_serverapp: Any) -> None:
    one, two = (replace(ALICE, client="mcp", scope=word) for word in ("one", "two"))
    async with running(jp_serverapp, max_kernels_per_user=1) as engine:
        await engine.run("kept = 1", caller=one)
        earlier = await engine.session(one)
        with pytest.raises(KernelUnavailable, match="as many as"):
            await engine.run("1", caller=two)

        earlier.use("", now=time.time() - 3600)
        execution = await engine.run("1", caller=two)

        assert execution.status == "ok"
        assert not engine.services.sessions.is_ready(earlier)
        assert (await engine.session(two)).id != earlier.id


@pytest.mark.parametrize("tool", ["shutdown_kernel", "restart_kernel"])
def test_a_kernel_that_another_client_uses_is_not_ended_without_force(
    server: JupyterServer, tool: str
) -> None:
    codex, claude = (McpClient(server, name=name) for name in ("codex-cli", "claude-cli"))
    codex.call("create_session", name=tool)
    codex.run("x = 1", session_id=tool)

    refused = claude.refused(tool, session_id=tool)
    forced = claude.call(tool, session_id=tool, force=True)

    assert "codex-cli used" in refused
    assert "force=true" in refused
    assert not forced.is_error
    assert "! made by codex-cli" in forced.text


def test_a_kernel_that_only_its_own_client_used_is_ended_at_once(server: JupyterServer) -> None:
    client = McpClient(server, name="alone")
    client.call("create_session", name="alone")

    assert "force" not in client.call("shutdown_kernel", session_id="alone").text


def test_what_another_client_made_or_ran_is_named(server: JupyterServer) -> None:
    codex, claude = (McpClient(server, name=name) for name in ("codex-tui", "claude-tui"))
    made = codex.call("create_session", name="named-by")
    ran = codex.run("6 * 7", session_id="named-by")
    session_id = made.meta["jupyter-mcp-ext/session"]["session_id"]

    listed = claude.call("list_sessions")
    status = claude.call("get_kernel_status", session_id="named-by")
    read = claude.call("get_output", output_id=ran.id)
    ended = claude.call("interrupt_kernel", execution_id=ran.id)
    joined = claude.call("create_session", name="named-by")
    own = codex.call("list_sessions", filter="named-*")

    [line] = [each for each in listed.text.splitlines() if each.startswith(session_id)]
    assert " named-by: made by codex-tui, " in line
    [meta] = [s for s in listed.meta["jupyter-mcp-ext/sessions"] if s["name"] == "named-by"]
    assert (meta["client"], meta["last_client"]) == ("codex-tui", "codex-tui")
    assert "made by codex-tui" in status.text
    assert read.notices == ended.notices == ["run by codex-tui, not by you"]
    assert any(notice.startswith("made by codex-tui") for notice in joined.notices)
    [line] = [each for each in own.text.splitlines() if each.startswith(session_id)]
    assert " named-by: yours, " in line
    assert re.match(r"1 of \d+ sessions? fit 'named-\*'\n", own.text)
    assert len(own.meta["jupyter-mcp-ext/sessions"]) == 1
    assert " by claude-tui" in line
