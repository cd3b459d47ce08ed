"""Whether there is a Jupyter server at the address, or what is there in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urljoin, urlsplit

import httpx2
from packaging.version import InvalidVersion, Version

from jupyter_mcp_ext.clients.asking import Reply
from jupyter_mcp_ext.clients.printable import address

from .case import Case
from .finding import Finding, fault, ok
from .proxies import shown_by
from .unreached import unreached

OLDEST = "2.21.1"
"""The oldest jupyter_server that MCP works in."""

_REPORT = "report-uri "
_REPORTED = "/api/security/csp-report"


async def look_at_jupyter(case: Case) -> Sequence[Finding]:
    """Whether a Jupyter server answers."""
    try:
        reply = await case.wire.ask("GET", "api", with_token=False)
    except httpx2.HTTPError as err:
        return [unreached(case, err)]
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
    if 300 <= reply.status < 400 and (target := reply.headers.get("location")):
        return fault(
            f"{case.server.url} leads elsewhere, to {_leads(case.server.url, target)}.",
            "Use the address to which it leads, if that is the Jupyter server; if it is a login "
            "page, have the proxy leave the login of the path of MCP to Jupyter.",
        )
    where = f"{reply.status}, {reply.headers.get('server', 'no name')[:40]}"
    return fault(
        f"Another program answers at {case.server.url} ({where}), not a Jupyter server.",
        "Correct the port or the path; `jupyter server list` shows the servers of this account.",
    )


def _leads(url: str, target: str) -> str:
    try:
        return address(urljoin(url, target))
    except ValueError:
        return "what is no address"


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
