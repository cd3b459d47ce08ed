"""Why there is no answer at an address: names, ports, time-outs and certificates."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timezone
from urllib.parse import urlsplit

import httpx2
import psutil
from jupyter_core.paths import jupyter_runtime_dir

from .case import Case
from .finding import Finding, fault

_ISSUED_LATER, _EXPIRED, _OTHER_NAME = 9, 10, (62, 64)
"""OpenSSL's codes for a certificate that is not accepted."""


def unreached(case: Case, err: httpx2.HTTPError) -> Finding:
    """Why there is no answer at all."""
    causes = list(_causes(err))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _untrusted(case, cause)
        if isinstance(cause, ssl.SSLError):
            what = f"What answers at {case.server.url} does not speak TLS."
            return fault(what, "Use http:// in place of https://, if this is the right port.")
        if isinstance(cause, socket.gaierror):
            what = f"The name {urlsplit(case.server.url).hostname!r} is not known here."
            return fault(what, "Correct the name, or see to the name servers of this machine.")
    if isinstance(err, httpx2.TimeoutException):
        what = f"{case.server.words} does not answer within {case.options.seconds:g} s."
        return fault(what, "See whether the server hangs, or a firewall drops what is sent to it.")
    if isinstance(err, httpx2.ConnectError):
        return _nothing(case)
    what = f"{case.server.url} gives no answer that can be read ({type(err).__name__})."
    return fault(
        what,
        "If the server has a certificate, use https:// in place of http://; else another program "
        "has this port: correct it.",
    )


def _nothing(case: Case) -> Finding:
    """Nothing listens, though a file of Jupyter's may say that a server does."""
    pid = case.server.pid
    what = f"Nothing listens at {case.server.words}."
    if not pid:
        return fault(what, _start(case))
    try:
        name = psutil.Process(pid).name()
    except psutil.Error:
        return fault(what, "The server has ended since: start it again with `jupyter mcp`.")
    return fault(
        f"{what} Jupyter's file of that server names the process {pid}, which is now `{name}`.",
        f"If that is not a server that starts just now, delete jpserver-{pid}.json in "
        f"{jupyter_runtime_dir()}, and start a server with `jupyter mcp`.",
    )


def _start(case: Case) -> str:
    if case.server.is_local:
        return "Start a server with `jupyter mcp`; `jupyter server list` shows those that run."
    return "See whether the server runs and listens on other addresses than its own (--ip)."


def _untrusted(case: Case, err: ssl.SSLCertVerificationError) -> Finding:
    parts = urlsplit(case.server.url)
    if err.verify_code == _EXPIRED:
        what = f"The certificate of the server has expired, by the clock here ({_now()})."
        return fault(what, "Renew it and restart the server or its proxy; or set this clock right.")
    if err.verify_code == _ISSUED_LATER:
        what = f"The certificate of the server is not valid yet, by the clock here ({_now()})."
        return fault(
            what,
            "Set this clock right if it is wrong; else wait, or have the certificate made again on "
            "a machine whose clock is right.",
        )
    if err.verify_code in _OTHER_NAME:
        what = f"The certificate of the server is not for the name {parts.hostname}."
        return fault(what, "Use the name that it is for, or issue it for this one too.")
    what = f"The certificate of the server is not trusted here ({err.verify_message})."
    return fault(
        what,
        "Name its authority with --cafile, and for clients with SSL_CERT_FILE (Python) or "
        "NODE_EXTRA_CA_CERTS (Node.js).",
    )


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"


def _causes(err: BaseException | None) -> Iterator[BaseException]:
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__
