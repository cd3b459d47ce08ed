"""Whose turn it is on a kernel: one execution at a time, first come, first served."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from .execution import Execution


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What an execution waits for, and for how long that has been running."""

    what: str
    """An execution's id, or words for code that is not ours."""
    client: str
    """Whose execution it is; empty for code that is not ours."""
    seconds: float


class Turns:
    """A line of executions for each kernel; the first has the turn."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[Execution, asyncio.Future[None]]] = {}

    def join(self, execution: Execution) -> asyncio.Future[None]:
        """Stand in line; what is returned is done when the turn has come."""
        line = self._lines.setdefault(execution.kernel_id, {})
        turn = line[execution] = asyncio.get_running_loop().create_future()
        self._call_first(line)
        return turn

    def leave(self, execution: Execution) -> None:
        """Give the turn to the next, or leave the line before it has come."""
        line = self._lines[execution.kernel_id]
        del line[execution]
        if line:
            self._call_first(line)
        else:
            del self._lines[execution.kernel_id]

    def line(self, kernel_id: str) -> tuple[Execution, ...]:
        """The executions on a kernel, the one that has the turn first.

        The first may have ended for its caller already, while the kernel is still at its code.
        """
        return tuple(self._lines.get(kernel_id, ()))

    def ahead(self, execution: Execution) -> Execution | None:
        """The execution that has the turn while this one waits for it."""
        line = self.line(execution.kernel_id)
        return line[0] if line and line[0] is not execution else None

    @staticmethod
    def _call_first(line: dict[Execution, asyncio.Future[None]]) -> None:
        turn = next(iter(line.values()))
        if not turn.done():
            turn.set_result(None)
