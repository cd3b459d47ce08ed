"""What the health page tells those who are logged in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.version import __version__

if TYPE_CHECKING:
    from .disk import DiskMeter
    from .faults import Faults
    from .state import State


@dataclass(frozen=True, kw_only=True)
class Health:
    """Counts, and words of this server only; nothing of a user's."""

    state: State
    disk: DiskMeter
    faults: Faults

    async def detail(self) -> dict[str, Any]:
        """The page, for JSON."""
        disk = await self.disk.measured()
        return {
            "version": __version__,
            "sandbox": self.state.kernels.sandbox.summary,
            "sessions": self.state.sessions_by_kernel(),
            "kernels": self.state.kernels_by_owner(),
            "executions": self.state.executions_by_status(),
            "disk": None if disk is None else {"sessions": disk.used, "free": disk.free},
            "audit": self._audit(),
            "errors": [
                {"at": _iso(fault.at), "kind": fault.kind, "detail": fault.detail}
                for fault in self.faults.latest
            ],
        }

    def _audit(self) -> str:
        trail = self.state.trail
        if not trail.is_on:
            return "none"
        return f"failing: {trail.fault}" if trail.fault else "written"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
