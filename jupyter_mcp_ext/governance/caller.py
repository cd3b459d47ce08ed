"""Who is calling: what Jupyter's login says, and what the client says about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_server.auth.identity import User
    from jupyter_server.base.handlers import JupyterHandler


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Whom Jupyter's identity provider recognised in one HTTP request.

    ``subject`` is what sessions and executions belong to: one fixed word for all users under
    Jupyter's stock identity providers, whose token, password, cookie and switched-off
    authentication are the same person, else the user name.
    """

    subject: str
    user: User
    scope: str = ""
    """The header ``Jupyter-Session`` or the query's ``session``: which default session is meant."""
    handler: JupyterHandler = field(repr=False, compare=False)
    """The request's handler, which Jupyter's ``Authorizer`` wants to see."""

    @property
    def groups(self) -> frozenset[str]:
        """The groups that the identity provider gives."""
        return groups_of(self.user)

    @property
    def origin(self) -> str:
        """The server's address as the request has it: scheme, host and port."""
        request = self.handler.request
        return f"{request.protocol}://{request.host}"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A principal with the MCP client that speaks for it."""

    subject: str
    username: str
    client: str
    """The client's name without `` (via …)``; ``"unknown"`` when it gives none."""
    client_version: str = ""
    scope: str = ""
    mcp_session: str = ""
    """Tells protocol sessions apart; empty where the protocol has none."""
    may_attach: bool = True
    """Whether it may use the kernels and notebooks that people have open."""

    @property
    def label(self) -> str:
        """How people see it where they work together: the agent, and for whom it works."""
        client = "An agent" if self.client == "unknown" else self.client
        return f"{client} (for {self.username})"

    @property
    def reader(self) -> str:
        """Tells the readers of answers apart: what one was told, another was not."""
        return "\n".join((self.subject, self.client, self.scope))


def groups_of(user: User) -> frozenset[str]:
    """The groups that the identity provider gives: as ``groups``, or as JupyterHub has them."""
    given = getattr(user, "groups", None)
    if given is None:
        given = _of_hub(user).get("groups")
    if isinstance(given, str):
        given = (given,)
    every = given if isinstance(given, Iterable) else ()
    return frozenset(name for name in every if isinstance(name, str) and name)


def is_hubs_administrator(user: User) -> bool:
    """Whether JupyterHub says that a user is an administrator."""
    return _of_hub(user).get("admin") is True


def _of_hub(user: User) -> Mapping[str, Any]:
    """What JupyterHub tells of a user; empty without it."""
    told = getattr(user, "hub_user", None)
    return told if isinstance(told, dict) else {}
