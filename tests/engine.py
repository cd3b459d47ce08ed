"""A real server's services for tests below HTTP: real kernels, the server's own managers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jupyter_server.auth.identity import User

from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.executions.executions import McpExecutions
from jupyter_mcp_ext.governance.caller import Caller, Principal
from jupyter_mcp_ext.governance.calls import McpCalls
from jupyter_mcp_ext.governance.policy import Right
from jupyter_mcp_ext.kernels.links.links import McpLinks
from jupyter_mcp_ext.operations.run import run_code
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Stream
from jupyter_mcp_ext.services import Services
from jupyter_mcp_ext.sessions.service import McpSessions
from jupyter_mcp_ext.sessions.session import Session

OWNERS = (McpCalls, McpExecutions, McpSessions, McpLinks)
"""Whose traits a test sets."""

ALICE = Caller(subject="alice", username="alice", client="test")
BOB = Caller(subject="bob", username="bob", client="test")

PRINCIPAL = Principal(subject="alice", user=User("alice"), handler=SimpleNamespace())  # type: ignore[arg-type]  # no authorizer of these tests looks at it


async def allow(right: Right) -> None:
    """Let the caller do everything."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Services with the shortest way to run code."""

    services: Services
    serverapp: Any

    async def start(
        self,
        code: str,
        *,
        session_id: str | None = None,
        caller: Caller = ALICE,
        timeout: float | None = None,
        can_ask: bool = False,
    ) -> Execution:
        """Start code in the caller's session."""
        return run_code(
            self.services,
            await self.services.sessions.resolve(caller, session_id),
            code,
            caller=caller,
            require=allow,
            timeout=timeout,
            can_ask=can_ask,
        )

    async def run(self, code: str, *, wait: float = 30, **kwargs: Any) -> Execution:
        """Run code to its end, or for ``wait`` seconds."""
        execution = await self.start(code, **kwargs)
        return await self.services.executions.settled(execution, wait)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Return when something has happened that other tasks do."""
        while not happened():  # noqa: ASYNC110  # gives those tasks their turn
            await asyncio.sleep(0)

    async def until_printed(self, execution: Execution, text: str) -> None:
        """Return when the execution has printed the text."""
        while text not in printed(execution):
            assert not execution.is_finished, execution.reason
            await self.services.executions.settled(execution, 0.01)

    async def until_started(self, session: Session) -> None:
        """Return when another task has started an execution in the session."""
        while session.id not in self.started():  # noqa: ASYNC110  # gives that task its turn
            await asyncio.sleep(0)

    def started(self) -> set[str]:
        """The sessions in which something was executed."""
        return {
            execution_id.partition("-")[0]
            for execution_id in self.services.executions.directory.ids()
        }

    async def session(self, caller: Caller = ALICE) -> Session:
        """The caller's default session, its kernel running."""
        session = await self.services.sessions.resolve(caller, None)
        await self.services.sessions.ready(session)
        return session

    def notebook(self, path: str, *, kernel_name: str = "") -> None:
        """Put an empty notebook below Jupyter's root."""
        file = Path(self.serverapp.root_dir, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        spec = {"kernelspec": {"name": kernel_name, "display_name": "K"}} if kernel_name else {}
        node = {"cells": [], "metadata": spec, "nbformat": 4, "nbformat_minor": 5}
        file.write_text(json.dumps(node))

    def pid(self, session: Session) -> int:
        """The process of a session's kernel."""
        kernel = self.serverapp.kernel_manager.get_kernel(session.kernel_id)
        return int(kernel.provisioner.pid)


@asynccontextmanager
async def running(serverapp: Any, **config: Any) -> AsyncIterator[Engine]:
    """Services on a server; ``config`` sets traits of `OWNERS`."""
    for name, value in {"spare_kernels": 0, **config}.items():
        [owner] = [one for one in OWNERS if name in one.class_own_traits()]
        serverapp.config[owner.__name__][name] = value
    services = Services.build(serverapp, parent=serverapp, limits=Limits())
    try:
        await services.start()
        yield Engine(services=services, serverapp=serverapp)
    finally:
        await asyncio.wait_for(services.close(), 60)
        for owner in OWNERS:
            serverapp.config.pop(owner.__name__, None)
        await serverapp.kernel_manager.shutdown_all(now=True)


def printed(execution: Execution) -> str:
    """What it wrote to standard output."""
    return "".join(
        o.text for o in execution.outputs if isinstance(o, Stream) and o.name == "stdout"
    )


def value(execution: Execution) -> Any:
    """The text of its last expression's value; it has one."""
    results = [o for o in execution.outputs if isinstance(o, Display) and o.is_result]
    assert results, f"{execution.status}, {execution.reason!r}: {execution.outputs}"
    return results[-1].data["text/plain"]
