"""What the buttons of the page do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from jupyter_mcp_ext.errors import Forbidden, UnknownSession
from jupyter_mcp_ext.executions.turns import queue
from jupyter_mcp_ext.governance.life import LifeEvent
from jupyter_mcp_ext.governance.switches import EVERYONE

from .overview import find

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.governance.switches import Switch
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session

    from .people import Person

ALL = "all"
"""Means the agents of all users; everything else means those of the person."""

SWITCHES: Mapping[str, tuple[Switch, Literal["off", "on"]]] = {
    "pause": ("paused", "off"),
    "resume": ("paused", "on"),
    "read-only": ("read_only", "off"),
    "read-write": ("read_only", "on"),
}


class Actions:
    """Carries out what a person asks for on the page."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def rights(self, action: str) -> tuple[Right, ...] | None:
        """The rights that an action needs, in Jupyter's words; None if there is no such action."""
        if action == "interrupt":
            return (("execute", "kernels"),)
        if action == "shutdown":
            return (("write", "kernels"),)
        return (("execute", "kernels"),) if action in SWITCHES else None

    async def carry_out(self, action: str, person: Person, target: str) -> None:
        """Do it. ``target`` is the id of a session, or for switches `ALL` or empty.

        Raises ToolError.
        """
        if action in SWITCHES:
            self._switch(action, person, target)
            return
        session = await find(self._services, person, target)
        if session is None:
            msg = "There is no such session. It may have ended: look at the page again."
            raise UnknownSession(msg)
        self._tell(action, person, session.owner, session)
        if action == "interrupt":
            await self._interrupt(session, person)
        else:
            await self._shut_down(session, person)

    def _switch(self, action: str, person: Person, target: str) -> None:
        if target == ALL and not person.is_administrator:
            msg = "Only administrators switch agents of all users (McpPolicy.admin_users)."
            raise Forbidden(msg)
        subject = EVERYONE if target == ALL else person.subject
        self._tell(action, person, subject)
        switch, position = SWITCHES[action]
        if position == "off":
            self._services.switches.switch_off(switch, subject, by=person.name)
        else:
            self._services.switches.switch_on(switch, subject)

    def _tell(
        self, action: str, person: Person, owner: str, session: Session | None = None
    ) -> None:
        """Have it in the record; ``owner`` is whose agents it is about, or `EVERYONE`."""
        whose = "" if session else ", all agents" if owner == EVERYONE else ", their agents"
        self._services.life.tell(
            LifeEvent(
                kind="page_used",
                session_id=session.id if session is not None else None,
                kernel_id=session.kernel_id if session is not None else None,
                owner=owner,
                detail=f"{action} by {person.subject}{whose}",
            )
        )

    async def _interrupt(self, session: Session, person: Person) -> None:
        """End what runs; what waits behind it is run then."""
        running = next(iter(queue(session.kernel)), None)
        if running is not None:
            running.request_stop("interrupted", f"by {person.name}, on the server's page")
            await self._services.executions.interrupt(running)
        elif self._services.sessions.is_ready(session):
            await session.kernel.interrupt()

    async def _shut_down(self, session: Session, person: Person) -> None:
        now = bool(queue(session.kernel))
        by = f"{person.name}, on the server's page"
        await self._services.sessions.shutdown(session, by=by, now=now)
