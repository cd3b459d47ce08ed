"""What runs and waits on kernels, and what an execution waits for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .execution import Execution

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.kernel import Kernel


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What an execution waits for, and for how long that has been running."""

    what: str
    """An execution's id, or words for other code."""
    client: str
    """The client whose execution it is; empty for other code."""
    seconds: float


def queue(kernel: Kernel) -> tuple[Execution, ...]:
    """The unfinished executions on a kernel, the one that has the turn first.

    The first may have ended for its caller already, while the kernel still runs its code.
    """
    return kernel.turn.queue(Execution)


def ahead_of(execution: Execution) -> Ahead | None:
    """What a queued execution waits for; None when it is not queued or nothing is ahead."""
    kernel = execution.kernel
    if kernel is None or execution.status != "queued":
        return None
    first = next((one for one in queue(kernel)[:1] if one is not execution), None)
    since = kernel.foreign_since
    if first is not None and (since is None or first.began is not None):
        return Ahead(what=first.id, client=first.client, seconds=first.duration)
    if since is None:
        return None
    # The execution that has the turn waits in the kernel itself then.
    return Ahead(what="code of a person", client="", seconds=time.time() - since)
