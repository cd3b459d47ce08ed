"""Who is at the page, what they may see of whom, and as what sessions know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mcp_ext.governance.caller import Caller, Principal

if TYPE_CHECKING:
    from jupyter_mcp_ext.sessions.session import Session


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person who is logged in."""

    principal: Principal
    is_administrator: bool
    is_named: bool
    """Whether the server tells users apart: else their names mean nothing."""
    shares: bool
    """Whether all people may see what people have open."""

    @property
    def subject(self) -> str:
        """What their agents' sessions belong to."""
        return self.principal.subject

    @property
    def name(self) -> str:
        """How others know them."""
        if not self.is_named:
            return "A person"
        user = self.principal.user
        return user.display_name or user.name or user.username

    @property
    def caller(self) -> Caller:
        """As what sessions know them."""
        may_attach = self.shares or self.is_administrator
        return Caller(subject=self.subject, username=self.subject, client="", may_attach=may_attach)

    def owns(self, session: Session) -> bool:
        """Whether they may see its name and contents."""
        return session.owner == self.subject or (self.shares and not session.owner)

    def sees(self, subject: str) -> bool:
        """Whether they may see that something changed for the agents of this user."""
        return self.is_administrator or subject in ("", self.subject)
