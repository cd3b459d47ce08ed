"""Who is calling, by Jupyter's identity provider and the request's headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider, User

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

SHARED_SUBJECT = "jupyter"
"""The one subject under a stock identity provider: it has one token and one password for all."""

PRINCIPAL_KEY = "jupyter_mcp_ext.principal"
"""Where the ASGI scope carries the `Principal`."""

GONE_KEY = "jupyter_mcp_ext.gone"
"""Where it carries a function that tells whether the peer has closed its connection."""

_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_stock(provider: IdentityProvider) -> bool:
    """Whether a provider knows one person only.

    Compared by exact type: a subclass may tell users apart. ``LegacyIdentityProvider`` does, since
    it asks a login handler of another package.
    """
    return type(provider) in (IdentityProvider, PasswordIdentityProvider)


def subject_of(provider: IdentityProvider, user: User) -> str:
    """The name of the owner of sessions.

    The stock providers give a request with a token a new random user name each time, so that name
    means nothing.
    """
    return SHARED_SUBJECT if is_stock(provider) else user.username


def password_hash(provider: IdentityProvider) -> str:
    """The hash of the server's password, or ``""``; custom providers check their own."""
    if is_stock(provider) and isinstance(provider, PasswordIdentityProvider):
        return str(provider.hashed_password)
    return ""


def session_scope(request: HTTPServerRequest) -> str | None:
    """The requested scope: ``""`` if there is none, ``None`` if it is malformed."""
    value = request.headers.get("Jupyter-Session", "")
    if not value:
        given = request.query_arguments.get("session", [b""])
        value = given[-1].decode("utf-8", "replace")
    return value if not value or _SCOPE.fullmatch(value) else None
