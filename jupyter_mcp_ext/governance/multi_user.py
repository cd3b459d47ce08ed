"""What a server needs on which users are who do not trust each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .authorizer import OwnersAuthorizer
from .policy import PolicyUnusable

if TYPE_CHECKING:
    from jupyter_server.auth.authorizer import Authorizer

    from .policy import McpPolicy

AUTHORIZER = f"{OwnersAuthorizer.__module__}.{OwnersAuthorizer.__name__}"

KNOWN = frozenset({"jupyter_mcp_ext", "jupyter_server_terminals"})
"""Extensions whose every handler asks."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a server has to keep its users apart."""

    sandbox: str
    """What confines the kernels of agents; ``none`` if nothing does."""
    network: str
    """What these kernels reach: ``none``, or ``host``."""
    audit_path: str
    authorizer: Authorizer
    has_one_login: bool
    """Whether the identity provider knows one user only."""


def check(policy: McpPolicy, means: Means) -> None:
    """Raise PolicyUnusable, which names all that is missing, if users are to be kept apart."""
    if policy.multi_user and (missing := list(_missing(policy, means))):
        *first, last = missing
        words = f"{', '.join(first)} and {last}" if first else last
        msg = f"McpPolicy.multi_user needs {words}"
        raise PolicyUnusable(msg)


def warn_of_others(policy: McpPolicy, enabled: Iterable[str]) -> None:
    """Log which extensions of Jupyter serve what this package does not know."""
    others = sorted({*enabled} - KNOWN)
    if policy.multi_user and others:
        policy.log.warning(
            "McpPolicy.multi_user: users are kept apart in what these extensions serve only where "
            "they ask Jupyter's authorizer: %s. Disable those that are not needed",
            ", ".join(others),
        )


def _missing(policy: McpPolicy, means: Means) -> Iterator[str]:
    if means.has_one_login:
        yield "a ServerApp.identity_provider_class that tells users apart"
    if means.sandbox == "none":
        yield "a sandbox (McpSandbox.mode = 'auto')"
    elif (means.sandbox, means.network) == ("landlock", "host"):  # every Unix socket is a way out
        yield "McpSandbox.network = 'none', or bubblewrap in place of Landlock"
    if not means.audit_path:
        yield "an audit file (McpAudit.path)"
    if not isinstance(means.authorizer, OwnersAuthorizer):
        yield f"ServerApp.authorizer_class = '{AUTHORIZER}'"
    if policy.attach == "all":
        yield "McpPolicy.attach = 'none' or 'listed'"
