"""What tools of other packages have of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_mcp_ext.errors import ContentsError, Forbidden, ToolError
from jupyter_mcp_ext.operations.run import run_code
from jupyter_mcp_ext.outputs.model import Stream
from jupyter_mcp_ext.tools.answer import Answer
from jupyter_mcp_ext.tools.confirmations import confirm
from jupyter_mcp_ext.tools.execution import awaited
from jupyter_mcp_ext.tools.types import used

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.tools.call import Call as OwnCall
    from jupyter_mcp_ext.tools.definition import Tool

T = TypeVar("T")

MAX_BYTES = 16_000_000
"""Bytes of a file, or characters of output, that a tool is given at most."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of code that a tool has run."""

    status: str
    """``ok``, ``error``, ``running`` and so on, as the first line of a result has it."""
    stdout: str
    """What it printed."""
    error: str
    """The exception that it raised, in a line; empty if none."""
    execution_id: str
    answer: Answer
    """What ``execute_code`` would have answered. A tool may return it."""


class Call:
    """One call of a tool: who makes it, and what the tool can do for that user.

    All of it is within the user's own rights. Its methods are coroutines of the tool's own loop.
    """

    def __init__(self, call: OwnCall, tool: Tool) -> None:
        self._call = call
        self._tool = tool
        self._home = asyncio.get_running_loop()
        self._is_over = False

    @property
    def username(self) -> str:
        """The user whose agent makes the call."""
        return self._call.caller.subject

    @property
    def client(self) -> str:
        """The name that the client gives itself."""
        return self._call.caller.client

    async def require(self, action: str, resource: str) -> None:
        """Return if the user has a right that only some calls need. Raises ToolError."""
        right: Right = (action, resource)  # type: ignore[assignment]  # the authorizer decides
        await self._at_home(self._call.require(right))

    async def run(
        self,
        code: str,
        *,
        session_id: str | None = None,
        timeout: float | None = None,
        wait: float = 40,
    ) -> Ran:
        """Run code as ``execute_code`` does, in the agent's session. Raises ToolError."""
        return await self._at_home(self._run(code, session_id, timeout, wait))

    async def read(self, path: str) -> bytes:
        """The bytes of a file, by its path from Jupyter's root. Raises ToolError."""
        return await self._at_home(self._read(path))

    async def confirm(self, message: str) -> bool:
        """Ask the person at the client; whether the answer is yes. Raises ToolError.

        Ask before anything is done: with newer clients the tool is run again with the answer.
        """
        return await self._at_home(confirm(self._call, self._tool.name, message))

    def close(self) -> None:
        """Refuse all that is asked for from now on."""
        self._is_over = True

    async def _at_home(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the server's event loop; to be cancelled is to cancel it."""
        if self._is_over:
            work.close()
            msg = "The call has ended. Do all that a tool does before it returns."
            raise ToolError(msg)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

    async def _run(
        self, code: str, session_id: str | None, timeout: float | None, wait: float
    ) -> Ran:
        call = self._call
        if self._tool.annotations["readOnlyHint"]:
            msg = f"{self._tool.name} says that it changes nothing, and so may not run code."
            raise Forbidden(msg)
        await call.require(("execute", "kernels"), tool="execute_code")
        session = await used(call, session_id)
        execution = run_code(
            call.services, session, code, caller=call.caller, require=call.require, timeout=timeout
        )
        answer = await awaited(call, execution, wait, stops=True)
        streams = [output for output in execution.outputs if isinstance(output, Stream)]
        printed = [stream.text for stream in streams if stream.name == "stdout"]
        error = execution.error
        return Ran(
            status=execution.status,
            stdout="".join(printed)[:MAX_BYTES],
            error=f"{error.ename}: {error.evalue}" if error is not None else "",
            execution_id=execution.id,
            answer=answer,
        )

    async def _read(self, path: str) -> bytes:
        call = self._call
        await call.require(("read", "contents"), tool="read_file")
        found = await call.services.files.download(
            path, folder="", hides=call.hides, offset=0, limit=MAX_BYTES
        )
        if found.size > MAX_BYTES:
            msg = f"{found.path} has {found.size:,} bytes, and a tool reads at most {MAX_BYTES:,}."
            raise ContentsError(msg)
        return found.data
