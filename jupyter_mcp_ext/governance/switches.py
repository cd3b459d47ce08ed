"""What people have switched off for agents, until they switch it on again or the server ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from jupyter_mcp_ext.concurrency import Listeners
from jupyter_mcp_ext.errors import Forbidden
from jupyter_mcp_ext.wording import ago

from .tool_names import ToolNames

Switch = Literal["paused", "read_only"]
"""``paused``: agents do nothing. ``read_only``: they read, and neither change nor run anything."""

EVERYONE = ""
"""Stands for the agents of all users."""


@dataclass(frozen=True, kw_only=True)
class Switched:
    """Who has switched something off, and when, in seconds since the epoch."""

    by: str
    at: float


class Switches:
    """Refuses what people have switched off, for the agents of one user or of all."""

    def __init__(self, names: ToolNames | None = None) -> None:
        """``names`` are those of all tools."""
        self._names = ToolNames() if names is None else names
        self._off: dict[tuple[Switch, str], Switched] = {}
        self.changed: Listeners[str] = Listeners()
        """Are called with the subject whose agents something was switched for, or `EVERYONE`."""

    def __bool__(self) -> bool:
        """Whether anything is switched off."""
        return bool(self._off)

    def switch_off(self, switch: Switch, subject: str, *, by: str) -> None:
        """Have it refused from now on."""
        self._off.setdefault((switch, subject), Switched(by=by, at=time.time()))
        self.changed.tell(subject)

    def switch_on(self, switch: Switch, subject: str) -> None:
        """Have it refused no longer."""
        self._off.pop((switch, subject), None)
        self.changed.tell(subject)

    def get(self, switch: Switch, subject: str) -> Switched | None:
        """Who has switched it for exactly this subject, or `EVERYONE`."""
        return self._off.get((switch, subject))

    def check_running(self, subject: str) -> None:
        """Raise Forbidden if agents of this user are paused."""
        if self._off and (off := self._for(subject, "paused")):
            msg = (
                f"{off.by} paused the agents on this server {ago(time.time() - off.at)}. Stop "
                "here, and tell the person you work for; they go on when a person resumes them."
            )
            raise Forbidden(msg)

    def check_tool(self, subject: str, tool: str) -> None:
        """Raise Forbidden if a tool changes something, and to read is all that is left."""
        if not self._off or self._names.reads(tool):
            return
        if off := self._for(subject, "read_only"):
            msg = (
                f"{off.by} switched this server to read-only for agents "
                f"{ago(time.time() - off.at)}. Read what is there, and ask the person you work "
                "for before you go on."
            )
            raise Forbidden(msg)

    def _for(self, subject: str, switch: Switch) -> Switched | None:
        return self.get(switch, EVERYONE) or self.get(switch, subject)
