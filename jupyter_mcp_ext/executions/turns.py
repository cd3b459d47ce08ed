"""Whose turn it is on a kernel: one execution at a time, first come, first served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from .execution import Execution


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What an execution waits for, and for how long that has been running."""

    what: str
    """An execution's id, or words for other code."""
    client: str
    """The client whose execution it is; empty for other code."""
    seconds: float


class Turns:
    """A queue of executions for each kernel; the first has the turn."""

    def __init__(self, foreign_since: Callable[[str], float | None]) -> None:
        """``foreign_since`` tells since when a kernel runs code that did not come from here."""
        self._foreign_since = foreign_since
        self._queues: dict[str, dict[Execution, asyncio.Future[None]]] = {}

    def join(self, execution: Execution) -> asyncio.Future[None]:
        """Join the queue; the returned future is done when the turn has come."""
        queue = self._queues.setdefault(execution.kernel_id, {})
        turn = queue[execution] = asyncio.get_running_loop().create_future()
        self._call_first(queue)
        return turn

    def leave(self, execution: Execution) -> None:
        """Give the turn to the next, or leave the queue before the turn has come."""
        queue = self._queues[execution.kernel_id]
        del queue[execution]
        if queue:
            self._call_first(queue)
        else:
            del self._queues[execution.kernel_id]

    def queue(self, kernel_id: str) -> tuple[Execution, ...]:
        """The unfinished executions on a kernel, the one that has the turn first.

        The first may have ended for its caller already, while the kernel still runs its code.
        """
        return tuple(self._queues.get(kernel_id, ()))

    def ahead(self, execution: Execution) -> Ahead | None:
        """What a queued execution waits for; None when it is not queued or nothing is ahead."""
        if execution.status != "queued":
            return None
        queue = self.queue(execution.kernel_id)
        first = queue[0] if queue and queue[0] is not execution else None
        since = self._foreign_since(execution.kernel_id)
        if first is not None and (since is None or first.began is not None):
            return Ahead(what=first.id, client=first.client, seconds=first.duration)
        if since is None:
            return None
        # The execution that has the turn waits in the kernel itself then.
        return Ahead(what="code of a person", client="", seconds=time.time() - since)

    @staticmethod
    def _call_first(queue: dict[Execution, asyncio.Future[None]]) -> None:
        turn = next(iter(queue.values()))
        if not turn.done():
            turn.set_result(None)
