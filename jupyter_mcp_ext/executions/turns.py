"""What runs and waits on kernels, and what an execution waits for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .execution import Execution

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.fleet import Kernels


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What an execution waits for, and for how long that has been running."""

    what: str
    """An execution's id, or words for other code."""
    client: str
    """The client whose execution it is; empty for other code."""
    seconds: float


class Turns:
    """The executions in the queues of the kernels, each kernel's own (`Kernel.turn`)."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels

    def queue(self, kernel_id: str) -> tuple[Execution, ...]:
        """The unfinished executions on a kernel, the one that has the turn first.

        The first may have ended for its caller already, while the kernel still runs its code.
        """
        return self._kernels[kernel_id].turn.queue(Execution)

    def ahead(self, execution: Execution) -> Ahead | None:
        """What a queued execution waits for; None when it is not queued or nothing is ahead."""
        if execution.status != "queued":
            return None
        queue = self.queue(execution.kernel_id)
        first = queue[0] if queue and queue[0] is not execution else None
        since = self._kernels[execution.kernel_id].foreign_since
        if first is not None and (since is None or first.began is not None):
            return Ahead(what=first.id, client=first.client, seconds=first.duration)
        if since is None:
            return None
        # The execution that has the turn waits in the kernel itself then.
        return Ahead(what="code of a person", client="", seconds=time.time() - since)
