"""Which requests are refused before their body is read, and in which words.

Each check looks at one thing of a request and answers with a refusal or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from jupyter_server.base.handlers import JupyterHandler

from .body import MAX_BODY_BYTES
from .identity import password_hash
from .origin import host_is_own, origin_allowed
from .refusal import Refusal

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

Check: TypeAlias = Callable[[JupyterHandler], "Refusal | None"]


def refused(handler: JupyterHandler, checks: Sequence[Check]) -> Refusal | None:
    """The first refusal of some checks."""
    return next(filter(None, (check(handler) for check in checks)), None)


def _unknown_host(handler: JupyterHandler) -> Refusal | None:
    if handler.check_host():
        return None
    return Refusal(
        status=403,
        message=f"This server takes no requests for the name {handler.request.host!r}; "
        "set ServerApp.allow_remote_access if it should.",
        cause="host",
    )


def _rebound_host(handler: JupyterHandler) -> Refusal | None:
    # Without a login only the name tells a page whose own name was rebound to this address.
    is_own = host_is_own(handler.request.host, handler.settings.get("local_hostnames", ()))
    if handler.identity_provider.auth_enabled or is_own:
        return None
    return Refusal(
        status=403,
        message="Without authentication, this server takes no requests for the name "
        f"{handler.request.host!r}; add it to ServerApp.local_hostnames if it is this server's.",
        cause="host",
    )


def _foreign_origin(handler: JupyterHandler) -> Refusal | None:
    if origin_allowed(
        handler.request.headers.get("Origin"),
        handler.request.host,
        allow_origin=handler.allow_origin,
        allow_origin_pat=handler.allow_origin_pat,
    ):
        return None
    return Refusal(
        status=403,
        message="Web pages of another origin may not use this endpoint; "
        "set ServerApp.allow_origin to let one in.",
        cause="origin",
    )


def _token_in_url(handler: JupyterHandler) -> Refusal | None:
    if "token" not in handler.request.query_arguments:
        return None
    return Refusal(
        status=400,
        message="A token in the URL ends up in logs, so it is not accepted here: "
        "send the header `Authorization: Bearer <token>` instead.",
        cause="token in the URL",
    )


def _other_content(handler: JupyterHandler) -> Refusal | None:
    content_type = handler.request.headers.get("Content-Type", "")
    if handler.request.method != "POST" or _media_type(content_type) == "application/json":
        return None
    return Refusal(status=415, message="Send the header `Content-Type: application/json`.")


def _large_body(handler: JupyterHandler) -> Refusal | None:
    if handler.request.method != "POST" or declared_size(handler.request) <= MAX_BODY_BYTES:
        return None
    return Refusal(
        status=413,
        message=f"The body is larger than {MAX_BODY_BYTES // 1024**2} MiB; send less at a time.",
    )


def flooding(wait: float) -> Refusal | None:
    """The refusal of a message whose user has to wait so many seconds after too many calls."""
    if not wait:
        return None
    words = f"There are too many calls; try again in {math.ceil(wait)} s."
    return Refusal(status=429, message=words, retry_after=wait, cause="rate")


ROUTE: tuple[Check, ...] = (_unknown_host, _rebound_host, _foreign_origin, _token_in_url)
"""What is asked before it is known who is calling."""

PAGE: tuple[Check, ...] = (_unknown_host, _rebound_host)
"""What is asked of a browser that wants the page for people."""

CONTENT: tuple[Check, ...] = (_other_content, _large_body)
"""What is asked after that."""


def unauthenticated(handler: JupyterHandler) -> Refusal:
    """The refusal of a request without the right credentials: it says which are taken."""
    ways = []
    challenges = ['Bearer realm="jupyter"']
    has_password = bool(password_hash(handler.identity_provider))
    if handler.identity_provider.token or not has_password:
        ways.append("`Authorization: Bearer <token>` with this Jupyter server's token")
    if has_password:
        ways.append("`Authorization: Basic <base64 of any-name:password>` with its password")
        challenges.append('Basic realm="jupyter"')
    sent = "Authorization" in handler.request.headers
    problem = "The credentials are wrong." if sent else "Authentication is required."
    return Refusal(
        status=401,
        message=f"{problem} Add to the client's configuration the header {' or '.join(ways)}.",
        challenges=tuple(challenges),
        cause="login",
    )


def declared_size(request: HTTPServerRequest) -> int:
    """Bytes that a request says its body has."""
    try:
        return int(request.headers.get("Content-Length", "0"))
    except ValueError:
        return 0  # tornado answers it with a 400 when it comes to the body


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
