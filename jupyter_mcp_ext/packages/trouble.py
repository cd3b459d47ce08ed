"""Advice on an installer that failed, by the kind of failure. Pure.

Installers say of an index that they cannot reach that it does not have the package, or end in the
words of a TLS library. Other packages or versions are then the wrong advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

Trouble: TypeAlias = Literal["certificate", "login", "network", "requirements"]

SIGNS: tuple[tuple[Trouble, tuple[str, ...]], ...] = (
    (
        "certificate",
        (
            *("unknownissuer", "invalid peer certificate", "certificate_verify_failed"),
            *("certificate verify failed", "self-signed certificate", "sslerror"),
            *("sslcertverificationerror", "certificate has expired", "invalid certificate"),
        ),
    ),
    (
        "login",
        (
            *("401 client error", "403 client error", "407 proxy authentication"),
            *("client error (401", "client error (403", "407 proxy", "unauthorized)"),
            *("401 error,credentials not correct", "status code: 401", "status code: 403"),
        ),
    ),
    (
        "network",
        (
            *("connection refused", "connection reset", "connection aborted", "connection broken"),
            *("failed to establish a new connection", "connecttimeout", "readtimeout"),
            *("timed out", "dns error", "failed to lookup address", "name resolution"),
            *("name or service not known", "network is unreachable", "no route to host"),
            *("tunnel error", "proxyerror", "error sending request", "max retries exceeded"),
            *("server error (5", "server error: 5", "network connectivity is disabled"),
            *("request failed after", "httperror: 5", "too many 5"),
        ),
    ),
)
"""Phrases of uv and pip, in lower case, for each kind; the first that matches decides."""

MAX_UNFETCHED = 3

ADVICE: dict[Trouble, str] = {
    "certificate": (
        "The package is not at fault: the certificate of the index is not trusted. Have a "
        "person add its authority to those that the machine trusts, or name it in SSL_CERT_FILE "
        "(uv) or PIP_CERT (pip, uv) in the Jupyter server's environment."
    ),
    "login": (
        "The package is not at fault: the index asks for a login. Have a person look at "
        "McpPackages.index_url or the index in the server's environment."
    ),
    "network": (
        "The package is not at fault: the index cannot be reached from the server. Try again "
        "later, or have a person look at its network, proxy and index."
    ),
    "requirements": "Ask for other packages or versions.",
}


TELLING = ("error", "warning", "cause", "hint", "could not fetch url", "\N{MULTIPLICATION SIGN}")
"""How an installer's own lines on a failure begin; other lines come from a build."""


def trouble(lines: Sequence[str]) -> Trouble:
    """The kind of failure, from the output of an installer."""
    told = [line.strip().lower() for line in lines]
    if any("(from versions:" in line and "(from versions: none" not in line for line in told):
        return "requirements"  # pip got an answer, if not at its first try
    said = "\n".join(line for line in told if line.startswith(TELLING))
    for kind, signs in SIGNS:
        if any(sign in said for sign in signs):
            return kind
    return "requirements"


def unfetched(log: Iterable[str]) -> list[str]:
    """The lines in pip's log on pages that it could not fetch, which its output does not name."""
    sign = "Could not fetch URL"
    return [sign + line.partition(sign)[2].rstrip() for line in log if sign in line][:MAX_UNFETCHED]
