"""The latest things that went wrong, in words of this server only."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.life import LifeEvent, LifeKind

MAX_FAULTS = 20

FAULTS: frozenset[LifeKind] = frozenset({"kernel_died", "limit_hit", "snapshot_refused"})
"""The life events that operators want to know of."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that went wrong; never with code, outputs or names that users gave."""

    kind: str
    detail: str
    at: float = field(default_factory=time.time)


class Faults:
    """The latest faults, oldest first."""

    def __init__(self) -> None:
        self._latest: deque[Fault] = deque(maxlen=MAX_FAULTS)

    @property
    def latest(self) -> tuple[Fault, ...]:
        """`MAX_FAULTS` at most."""
        return tuple(self._latest)

    def failed(self, what: str, reference: str) -> None:
        """A request failed at an error in this package; the log has the reference."""
        self._latest.append(Fault(kind="internal_error", detail=f"{what}, reference {reference}"))

    def happened(self, event: LifeEvent) -> None:
        """Keep a life event if it is a fault."""
        if event.kind in FAULTS:
            self._latest.append(Fault(kind=event.kind, detail=event.detail))
