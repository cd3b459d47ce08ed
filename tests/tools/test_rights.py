"""Every tool refuses what Jupyter's Authorizer refuses to the same user over REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.identity import User

from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.governance.policy import McpPolicy
from jupyter_mcp_ext.services import Services
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.registry import BY_NAME
from jupyter_mcp_ext.tools.road import run
from tests.engine import ALICE, PRINCIPAL, Engine, running

READ, WRITE = ("read", "contents"), ("write", "contents")
EXECUTE, START, LOOK = ("execute", "kernels"), ("write", "kernels"), ("read", "kernels")
SPECS, SESSIONS, MAKE = ("read", "kernelspecs"), ("read", "sessions"), ("write", "sessions")

CALLS: Mapping[str, tuple[Mapping[str, Any], set[tuple[str, str]]]] = {
    "execute_code": ({"code": "open('made', 'w')"}, {EXECUTE, START, MAKE}),
    "get_output": ({}, {LOOK}),
    "create_session": ({"name": "new", "path": "a.ipynb"}, {MAKE, START, READ}),
    "list_sessions": ({}, {SESSIONS, LOOK, SPECS}),
    "get_kernel_status": ({}, {LOOK, SESSIONS}),
    "interrupt_kernel": ({}, {EXECUTE}),
    "restart_kernel": ({}, {START}),
    "delete_session": ({"session_id": "default"}, {MAKE, START, WRITE}),
    "shutdown_kernel": ({"session_id": "default"}, {START}),
    "get_variables": ({}, {LOOK, EXECUTE}),
    "inspect_variable": ({"name": "x"}, {LOOK, EXECUTE}),
    "install_package": ({"package": "six"}, {EXECUTE, MAKE}),
    "create_notebook": ({"path": "made.ipynb"}, {WRITE, SPECS}),
    "read_notebook": ({"path": "a.ipynb"}, {READ}),
    "insert_cells": ({"path": "a.ipynb", "cells": ["x"]}, {READ, WRITE}),
    "edit_cell": ({"path": "a.ipynb", "cell": "x", "source": ""}, {READ, WRITE}),
    "delete_cells": ({"path": "a.ipynb", "cells": ["x"]}, {READ, WRITE}),
    "move_cells": ({"path": "a.ipynb", "cells": ["x"], "after": "start"}, {READ, WRITE}),
    "run_cells": ({"path": "a.ipynb"}, {EXECUTE, START, MAKE, READ, WRITE}),
    "clear_outputs": ({"path": "a.ipynb"}, {READ, WRITE}),
    "undo_edit": ({"path": "a.ipynb"}, {READ, WRITE}),
    "list_files": ({}, {READ}),
    "search_files": ({"query": "old"}, {READ}),
    "read_file": ({"path": "a.txt"}, {READ}),
    "write_file": ({"path": "made", "content": ""}, {WRITE}),
    "edit_file": ({"path": "a.txt", "old_string": "old", "new_string": "new"}, {READ, WRITE}),
    "download_file": ({"path": "a.txt"}, {READ}),
}
"""A call of each tool for a caller without a session, and all rights that it needs."""

EVERY: set[tuple[str, str]] = {right for _, rights in CALLS.values() for right in rights}


class Only(Authorizer):
    """Allows these rights and no others."""

    def __init__(self, rights: set[tuple[str, str]]) -> None:
        super().__init__()
        self.rights = rights

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        return (action, resource) in self.rights


async def called(
    services: Services,
    rights: set[tuple[str, str]],
    name: str,
    arguments: Mapping[str, Any],
    caller: Caller = ALICE,
) -> str:
    """A tool's answer to a caller with only these rights."""
    allowed = replace(services, policy=McpPolicy(Only(rights)))
    call = Call(services=allowed, caller=caller, principal=PRINCIPAL)
    result = await run(BY_NAME[name], arguments, call)
    assert isinstance(result, types.CallToolResult)
    return "\n".join(b.text for b in result.content if isinstance(b, types.TextContent))


def test_every_tool_is_here() -> None:
    assert set(CALLS) == set(BY_NAME)


def test_what_a_tool_always_needs_is_a_part_of_what_it_needs() -> None:
    for name, (_, rights) in CALLS.items():
        assert set(BY_NAME[name].rights) <= rights, name


async def test_every_right_that_a_tool_uses_can_be_refused(jp_serverapp: Any) -> None:
    root = Path(jp_serverapp.root_dir)
    (root / "a.txt").write_text("old\n")
    (root / "a.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4}')
    async with running(jp_serverapp) as engine:
        for name, (arguments, rights) in CALLS.items():
            for action, resource in sorted(rights):
                caller = replace(ALICE, client=f"{name} {action} {resource}")  # without a session
                left = EVERY - {(action, resource)}
                said = await called(engine.services, left, name, arguments, caller)
                assert f"does not let you {action} {resource}" in said, name

        assert jp_serverapp.kernel_manager.list_kernel_ids() == []
        assert sorted(path.name for path in root.iterdir() if path.name != "mcp-sessions") == [
            *("a.ipynb", "a.txt"),
        ]
        assert (root / "a.txt").read_text() == "old\n"


@pytest.mark.parametrize("name", ["list_sessions", "list_files", "read_file", "write_file"])
async def test_the_rights_that_a_tool_uses_are_enough(jp_serverapp: Any, name: str) -> None:
    (Path(jp_serverapp.root_dir) / "a.txt").write_text("old\n")
    arguments, rights = CALLS[name]
    async with running(jp_serverapp) as engine:
        assert "does not let you" not in await called(engine.services, rights, name, arguments)


async def test_who_may_only_execute_uses_a_kernel_that_runs_and_starts_none(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        assert "42" in await executes(engine, {EXECUTE})

        await engine.services.sessions.shutdown(session, by="test", now=True)

        assert "does not let you write kernels" in await executes(engine, {EXECUTE})
        assert "42" in await executes(engine, {EXECUTE, START})
        assert "does not let you execute kernels" in await called(
            engine.services,
            EVERY - {EXECUTE},
            "create_session",
            {"name": "copy", "copy_of": session.id},
        )


async def executes(engine: Engine, rights: set[tuple[str, str]]) -> str:
    return await called(engine.services, rights, "execute_code", {"code": "6 * 7", "wait": 50})


async def test_cells_are_not_edited_where_they_may_not_be_run(jp_serverapp: Any) -> None:
    notebook = Path(jp_serverapp.root_dir) / "a.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4}')
    arguments = {"path": "a.ipynb", "cells": ["x"], "run": True}
    async with running(jp_serverapp) as engine:
        for right in (EXECUTE, START, MAKE):
            said = await called(engine.services, EVERY - {right}, "insert_cells", arguments)
            assert f"does not let you {' '.join(right)}" in said

    assert notebook.read_text() == '{"cells": [], "metadata": {}, "nbformat": 4}'
