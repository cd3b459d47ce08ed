"""Which web pages may use the endpoint: compares the ``Origin`` header with what the server allows.

Jupyter skips this for requests with a token; the MCP specification demands it for all of them.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from jupyter_server.utils import origin_matches_pat

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_allowed(
    origin: str | None, host: str, *, allow_origin: str = "", allow_origin_pat: str | None = None
) -> bool:
    """Whether a request with this ``Origin`` may be served.

    A program sends none. A page of the server itself has the request's own host and port; the
    scheme is not compared, since a proxy in front may speak TLS for us.
    """
    if origin is None or allow_origin == "*":
        return True
    origin = origin.lower()
    parts = urlsplit(origin)
    default_port = _DEFAULT_PORTS.get(parts.scheme, "")
    if parts.netloc and _same(parts.netloc, host.lower(), default_port):
        return True
    if allow_origin:
        return origin == allow_origin.lower()
    return origin_matches_pat(allow_origin_pat or "", origin)


def host_is_own(host: str, local_hostnames: Iterable[str]) -> bool:
    """Whether a ``Host`` header names this machine itself.

    Without authentication, this keeps out a page whose own name was made to point here (DNS
    rebinding): such a page cannot have an address or this machine's name as its host.
    """
    name = urlsplit(f"//{host}").hostname or ""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in {"localhost", own, own.partition(".")[0], *local_hostnames}
    return True


def _same(netloc: str, host: str, default_port: str) -> bool:
    return netloc.removesuffix(default_port) == host.removesuffix(default_port)
