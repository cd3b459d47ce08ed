"""Who may call which tool: asks Jupyter's ``Authorizer``, with Jupyter's actions and resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from jupyter_core.utils import ensure_async

from jupyter_mcp_ext.errors import Forbidden

if TYPE_CHECKING:
    from jupyter_server.auth.authorizer import Authorizer

    from .caller import Principal

Action = Literal["read", "write", "execute"]
Resource = Literal["kernels", "kernelspecs", "sessions", "contents"]

Right: TypeAlias = tuple[Action, Resource]
"""An action and a resource, like ``("read", "contents")``, as Jupyter's own handlers ask for."""


class Policy:
    """Decides each call. The tools refuse a user what Jupyter's REST API would refuse."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def decide(self, principal: Principal, *rights: Right) -> None:
        """Check that the principal has all of the rights. Raises Forbidden."""
        for action, resource in rights:
            allowed = await ensure_async(
                self._authorizer.is_authorized(principal.handler, principal.user, action, resource)
            )
            if allowed is not True:
                msg = (
                    f"This server does not let you {action} {resource}. Ask its operator for the "
                    "right."
                )
                raise Forbidden(msg)
