"""Whether there is a Jupyter server at the address, and whether it serves MCP."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from packaging.version import InvalidVersion, Version

from jupyter_mcp_ext.clients.asking import Reply

from .case import Case
from .finding import Finding, fault, ok, warning
from .proxies import shown_by
from .wire import modern

OLDEST = "2.21.1"
"""The oldest jupyter_server that MCP works in."""

_STATIC = "static/mcp/mcp_page.css"
"""A file that Jupyter serves once the extension is loaded, whether it serves MCP or not."""

_REPORT = "report-uri "
_REPORTED = "/api/security/csp-report"
_ISSUED_LATER, _EXPIRED, _OTHER_NAME = 9, 10, (62, 64)
"""OpenSSL's codes for a certificate that is not accepted."""


async def look_at_jupyter(case: Case) -> Sequence[Finding]:
    """Whether a Jupyter server answers."""
    try:
        reply = await case.wire.ask("GET", "api", with_token=False)
    except httpx2.HTTPError as err:
        return [_unreached(case, err)]
    case.proxy = shown_by(reply)
    case.hub = reply.headers.get("x-jupyterhub-version", "")
    about = reply.json()
    if reply.status == 200 and isinstance(about, dict) and "version" in about:
        case.is_jupyter = True
        return list(_welcome(case, str(about["version"])))
    return [_another(case, reply)]


def _welcome(case: Case, version: str) -> Iterator[Finding]:
    words = [f"Jupyter server {version}", case.server.words]
    if case.server.pid:
        words.append(f"process {case.server.pid}")
    if case.hub:
        words.append(f"of JupyterHub {case.hub}")
    if case.proxy:
        words.append(f"behind {case.proxy}")
    yield ok(", ".join(words) + ".")
    try:
        is_old = Version(version) < Version(OLDEST)
    except InvalidVersion:
        return
    if is_old:
        yield fault(
            f"jupyter_server {version} is too old for MCP, which needs {OLDEST} or later.",
            f'In the server\'s environment: pip install --upgrade "jupyter_server>={OLDEST}", and '
            "restart the server.",
        )


def _another(case: Case, reply: Reply) -> Finding:
    """What answers in place of a Jupyter server at this base URL."""
    parts = urlsplit(case.server.url)
    if case.hub:
        home = f"{parts.scheme}://{parts.netloc}{_prefix(parts.path)}hub/home"
        return fault(
            f"JupyterHub {case.hub} answers with {reply.status}: no server runs at {parts.path}.",
            f"Start the server at {home}, or correct the user's name in the URL.",
        )
    base = _base_url(reply)
    if base and base != parts.path:
        return fault(
            f"A Jupyter server answers, with the base URL {base} and not {parts.path}.",
            f"Use {parts.scheme}://{parts.netloc}{base}mcp. If a proxy takes a prefix away, set "
            f"ServerApp.base_url to {parts.path!r} and have the proxy leave it.",
        )
    if base and reply.status == 403:
        return fault(
            "The Jupyter server takes no requests for the host name with which they come.",
            "Set ServerApp.local_hostnames or ServerApp.allow_remote_access, or have the proxy "
            "send the Host that the server expects.",
        )
    if reply.status in (502, 503, 504):
        return fault(
            f"A proxy answers with {reply.status}: it does not reach the Jupyter server.",
            "See whether the server runs, and whether the proxy has its address and port.",
        )
    where = f"{reply.status}, {reply.headers.get('server', 'no name')}"
    return fault(
        f"Another program answers at {case.server.url} ({where}), not a Jupyter server.",
        "Correct the port or the path; `jupyter server list` shows the servers of this account.",
    )


def _prefix(path: str) -> str:
    """The Hub's own base URL, for the path of a user's server."""
    before, found, _ = path.partition("/user/")
    return before + "/" if found else "/"


def _base_url(reply: Reply) -> str:
    """The base URL that a Jupyter server tells in its content security policy."""
    for directive in reply.headers.get("content-security-policy", "").split(";"):
        text = directive.strip()
        if text.startswith(_REPORT) and text.endswith(_REPORTED):
            return text.removeprefix(_REPORT).removesuffix(_REPORTED) + "/"
    return ""


def _unreached(case: Case, err: httpx2.HTTPError) -> Finding:
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
        what = f"{case.server.words} does not answer."
        return fault(what, "See whether the server hangs, or a firewall drops what is sent to it.")
    if isinstance(err, httpx2.ConnectError):
        what = f"Nothing listens at {case.server.words}."
        return fault(what, _start(case))
    what = f"{case.server.url} ends the connection without an answer."
    return fault(what, "If the server has a certificate, use https:// in place of http://.")


def _start(case: Case) -> str:
    if case.server.is_local:
        return "Start a server with `jupyter mcp`; `jupyter server list` shows those that run."
    return "See whether the server runs and listens on other addresses than its own (--ip)."


def _untrusted(case: Case, err: ssl.SSLCertVerificationError) -> Finding:
    parts = urlsplit(case.server.url)
    if err.verify_code == _EXPIRED:
        what = "The certificate of the server has expired."
        return fault(what, "Renew it and restart the server or its proxy; or set this clock right.")
    if err.verify_code == _ISSUED_LATER:
        what = "The certificate of the server is not valid yet."
        return fault(what, "Set the clocks of this machine and of the server right.")
    if err.verify_code in _OTHER_NAME:
        what = f"The certificate of the server is not for the name {parts.hostname}."
        return fault(what, "Use the name that it is for, or issue it for this one too.")
    what = f"The certificate of the server is not trusted here ({err.verify_message})."
    return fault(
        what,
        "Name its authority with --cafile, and for clients with SSL_CERT_FILE (Python) or "
        "NODE_EXTRA_CA_CERTS (Node.js).",
    )


def _causes(err: BaseException | None) -> Iterator[BaseException]:
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__


async def look_at_mcp(case: Case) -> Sequence[Finding]:
    """Whether the server serves MCP, and where."""
    status = (await _health(case, case.wire.path)).status
    found = []
    other = case.setting("McpApp.path")
    if status == 404 and other and other != case.wire.path:
        elsewhere = (await _health(case, other)).status
        if elsewhere != 404:
            where = case.server.endpoint(other)
            what = f"MCP is served at {other}, not at {case.wire.path} (McpApp.path)."
            found.append(warning(what, f"Clients need the URL {where}."))
            case.wire.path, status = other, elsewhere
    if status == 503:
        status = await _after_start(case)
    if status == 200:
        case.is_served = True
        return [*found, ok(f"MCP is served at {case.wire.endpoint}.")]
    if status == 503:
        what = "MCP is not served now: the server starts or stops, or MCP could not start."
        do = "Try again in some seconds; then the server's log says why."
        return [*found, fault(what, do)]
    if status != 404:
        what = f"{case.wire.endpoint}/health answers with {status}."
        return [*found, fault(what, "See which program or proxy answers there.")]
    return [*found, await _not_served(case)]


async def _after_start(case: Case) -> int:
    """The status of the health page once a server that has just started is ready.

    A message that is let in waits for that.
    """
    message, headers = modern("server/discover")
    try:
        await case.wire.post(message, headers)
    except httpx2.TimeoutException:
        return 503
    return (await _health(case, case.wire.path)).status


async def _health(case: Case, path: str) -> Reply:
    return await case.wire.ask("GET", f"{path}/health")


async def _not_served(case: Case) -> Finding:
    """Why a Jupyter server has nothing at the path of MCP."""
    if (await case.wire.ask("GET", _STATIC)).status == 200:
        mode = case.setting("McpSandbox.mode") or ("auto" if _has_flag(case) else "")
        wanted = f" It is to have the sandbox {mode!r}." if mode and mode != "none" else ""
        return fault(
            f"The extension is loaded and does not serve MCP at {case.wire.path}.{wanted}",
            "The server's log has a line that begins with `MCP is not served:` and says why. If "
            "there is none, McpApp.path is another one: give it with --path.",
        )
    environment = _environment(case)
    do = "jupyter server extension enable jupyter_mcp_ext, in the server's environment"
    if environment and environment != sys.prefix:
        do = (
            f"The server runs in {environment}, this command in {sys.prefix}: install "
            f"jupyter-mcp-ext there, or start the server from here"
        )
    return fault(
        "The extension jupyter_mcp_ext is not enabled in this server.", f"{do}. Restart it."
    )


def _has_flag(case: Case) -> bool:
    return "--sandbox" in case.command_line


def _environment(case: Case) -> str:
    """The environment of the server's Python; empty if it is not known."""
    program = Path(case.command_line[0]) if case.command_line else Path()
    is_path = program.is_absolute() and program.parent.name in ("bin", "Scripts")
    return str(program.parent.parent) if is_path else ""
