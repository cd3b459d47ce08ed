"""The Jupyter servers that can be reached from here: those that run, or one that a URL names.

Jupyter keeps a file for each server that runs, with its address and token. Only files of this
account count, of processes of this account that still run.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import psutil
from jupyter_core.paths import jupyter_runtime_dir

from jupyter_mcp_ext.measured import loads
from jupyter_mcp_ext.outputs.characters import escaped

TOKEN_VARIABLE = "JUPYTER_TOKEN"  # noqa: S105  # a name
"""The variable of the environment that holds the token for clients."""

KEPT_IN = "jupyter_mcp_ext.token"
"""The file in Jupyter's data directory in which ``jupyter mcp`` keeps its token."""

MAX_FILE = 65_536
"""Bytes of a file that describes a server; Jupyter writes some hundreds."""

MAX_ITEMS = 100
"""Members of it; Jupyter writes eleven."""

ODD = (ValueError, TypeError, KeyError, OverflowError)
"""What other contents of such a file raise than those that Jupyter writes."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "localhost"}  # noqa: S104  # not listened on
"""Addresses to listen on, and what of this machine belongs to each."""


class NotUsed(Exception):
    """A file of the runtime directory that describes no server of this account; it says why."""


class NoServer(Exception):
    """No server, or not the one that was meant; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Jupyter server."""

    url: str
    """Its base URL, with a slash at its end."""
    token: str = field(default="", repr=False)
    """Empty if it is not known, or if none is needed."""
    socket: str = ""
    """The path of the unix socket on which it listens; empty for a port."""
    root_dir: str = ""
    """The folder that it serves; empty for a server on another machine."""
    pid: int = 0
    has_given_token: bool = False
    """Whether its token is that of the environment, and not of its file."""

    def endpoint(self, path: str = "/mcp") -> str:
        """The URL of MCP; ``path`` is that of `McpApp.path`."""
        return self.url + path.lstrip("/")

    @property
    def port(self) -> int | None:
        """Its port; None if it listens on a socket."""
        if self.socket:
            return None
        parts = urlsplit(self.url)
        return parts.port or {"http": 80, "https": 443}.get(parts.scheme)

    @property
    def is_local(self) -> bool:
        """Whether requests to it stay on this machine, past any proxy."""
        host = urlsplit(self.url).hostname or ""
        return bool(self.socket or self.pid) or _is_loopback(host)

    @property
    def words(self) -> str:
        """Its address and its folder, without the token, in one line for a terminal."""
        where = self.socket or self.url
        return escaped(f"{where} ({self.root_dir})" if self.root_dir else where)


def running_servers(runtime_dir: Path | None = None) -> tuple[Server, ...]:
    """The servers of this account that run on this machine, the latest first."""
    found = []
    for file in _files(runtime_dir):
        with suppress(NotUsed):
            found.append(_described(file))
    return tuple(found)


def passed_over(runtime_dir: Path | None = None) -> tuple[tuple[Path, str], ...]:
    """The files that describe no server of this account that runs, each with the reason."""
    found = []
    for file in _files(runtime_dir):
        try:
            _described(file)
        except NotUsed as err:  # noqa: PERF203  # that is what is looked for
            found.append((file, str(err)))
    return tuple(found)


def _files(runtime_dir: Path | None) -> list[Path]:
    folder = runtime_dir or Path(jupyter_runtime_dir())
    try:
        return sorted(folder.glob("jpserver-*.json"), key=_age)
    except OSError:
        return []


def named_server(url: str) -> Server:
    """A server by its base URL or its URL of MCP, with the token of the environment.

    Raises NoServer for what is no URL, or has a login in it.
    """
    parts = _url_parts(url)
    if parts is None:
        msg = f"{url!r} is not a URL of a Jupyter server, like http://localhost:8888/."
        raise NoServer(msg)
    if parts.username or parts.password or parts.query or parts.fragment:
        msg = (
            "The URL must have no login, query or fragment. "
            f"Put the token into the environment variable {TOKEN_VARIABLE}."
        )
        raise NoServer(msg)
    base = parts.path.rstrip("/").removesuffix("/mcp") + "/"
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not _is_sendable(token):
        msg = f"{TOKEN_VARIABLE} has characters that no request can have. Set it to the token."
        raise NoServer(msg)
    url = f"{parts.scheme}://{parts.netloc}{base}"
    return Server(url=url, token=token, has_given_token=bool(token))


def chosen_server(servers: Sequence[Server], wanted: str | None = None, *others: str) -> Server:
    """The server that is meant; ``wanted`` is a port, a socket, a folder, a process id or a URL.

    What it is first in this order counts: a port stays as it is, and any process can have its
    number. For a URL the token of the environment comes first, then that of a server that runs
    there. ``others`` are further names of the server: they choose among several that fit, or where
    none does. Raises NoServer if there is none, or more than one.
    """
    if wanted and "://" in wanted:
        named = named_server(wanted)
        ports = [server for server in servers if not server.socket]
        known = next((server for server in ports if _is_same(server.url, named.url)), named)
        if not named.token:
            return replace(known, url=named.url)
        return replace(known, url=named.url, token=named.token, has_given_token=True)
    fits = list(servers) if wanted is None else _fitting(servers, wanted)
    for other in others:
        fits = _fitting(fits or servers, other) or fits
    if len(fits) > 1:  # the number of a server that was killed may be another process's now
        fits = [server for server in fits if not _is_deaf(server)] or fits
    if len(fits) == 1:
        return fits[0]
    listed = "; ".join(server.words for server in fits or servers)
    if fits:
        msg = f"{len(fits)} servers fit: {listed}. Name one by its port, folder or URL."
    elif servers:
        names = " or ".join(map(repr, (wanted, *others)))
        msg = f"No server fits {names}. There are: {listed}. Name one of these, or start that one."
    else:
        msg = "No Jupyter server of this account runs here. Start one with: jupyter mcp"
    raise NoServer(msg)


def _url_parts(url: str) -> SplitResult | None:
    """The parts of a URL that a request can be sent to; None for others."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and parts.port != 0
        host = (parts.hostname or "").encode("idna")
    except ValueError:  # of the port, the address or a name
        return None
    return parts if is_usable and host and url.isprintable() and " " not in url else None


def _fitting(servers: Sequence[Server], wanted: str) -> list[Server]:
    rules: tuple[Callable[[Server], bool], ...] = (
        lambda server: bool(server.port) and wanted == str(server.port),
        lambda server: bool(server.socket) and wanted == server.socket,
        lambda server: bool(server.root_dir) and _folder(wanted) == _folder(server.root_dir),
        lambda server: bool(server.pid) and wanted == str(server.pid),
    )
    found = ([server for server in servers if rule(server)] for rule in rules)
    return next((fits for fits in found if fits), [])


def _folder(path: str) -> str:
    """A path as it is compared with others; one that leads nowhere is as good as any."""
    return os.path.realpath(os.path.expanduser(path))  # noqa: PTH111  # raises for no account


def _is_same(one: str, other: str) -> bool:
    """Whether two base URLs are of the same server; all names of this machine are one."""
    a, b = urlsplit(one), urlsplit(other)
    hosts = a.hostname or "", b.hostname or ""
    is_one_host = hosts[0] == hosts[1] or all(map(_is_loopback, hosts))
    return is_one_host and (a.scheme, a.port, a.path) == (b.scheme, b.port, b.path)


def _age(path: Path) -> float:
    try:
        return -path.lstat().st_mtime
    except OSError:
        return 0.0


def _is_deaf(server: Server) -> bool:
    """Whether nothing listens where a server of this machine should."""
    try:
        if server.socket:
            with socket.socket(socket.AF_UNIX) as tried:
                tried.settimeout(1)
                tried.connect(server.socket)
        else:
            host = urlsplit(server.url).hostname or ""
            socket.create_connection((host, server.port or 0), timeout=1).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except OSError:
        return False
    return False


def _described(file: Path) -> Server:
    """The server that a file describes. Raises NotUsed."""
    try:
        server = server_of(loads(_own_text(file), max_items=MAX_ITEMS))
    except OSError as err:
        msg = f"cannot be read ({err.strerror or err})"
        raise NotUsed(msg) from err
    except (*ODD, RecursionError) as err:
        msg = "is not what Jupyter writes"  # or is being written
        raise NotUsed(msg) from err
    if not is_own_process(server.pid):
        msg = f"names the process {server.pid}, which has ended or is of another account"
        raise NotUsed(msg)
    return server


def _own_text(file: Path) -> bytes:
    """Raises OSError, and NotUsed for what is not a regular file of this account."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(file, flags)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            msg = "is not a file"
            raise NotUsed(msg)
        if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            msg = "is of another account"
            raise NotUsed(msg)
        return opened.read(MAX_FILE)


def server_of(info: Any) -> Server:
    """The server that Jupyter describes so.

    Raises `ODD` for what Jupyter would not write.
    """
    sock, base_url, host = str(info["sock"]), str(info["base_url"]), str(info["hostname"])
    parts = urlsplit(str(info["url"]))
    scheme = "https" if info["secure"] else "http"
    if host == "localhost" and parts.hostname == socket.gethostname().lower():
        host = ""  # Jupyter names no host then
    if sock:
        address = "localhost"
    elif host in _EVERYWHERE:  # the name of the machine, as in the URL, may lead to another
        local = "localhost" if info["secure"] else _EVERYWHERE[host]  # certificates have the name
        address = f"{local}:{int(info['port'])}"
    elif parts.scheme in ("http", "https"):
        address = parts.netloc
    else:
        msg = "no address"
        raise ValueError(msg)
    url = f"{scheme}://{address}{base_url.rstrip('/')}/"
    known = _url_parts(url)
    # A base URL such as "@host/" would make another host of the address.
    if known is None or known.netloc != address or "@" in address:
        msg = "no address"
        raise ValueError(msg)
    os.path.realpath(str(info["root_dir"]))  # raises for what no file system has
    return Server(
        url=url,
        token=str(info["token"]) if _is_sendable(str(info["token"])) else "",
        socket=unquote(sock),
        root_dir=str(info["root_dir"]),
        pid=int(info["pid"]),
    )


def _is_sendable(token: str) -> bool:
    """Whether a header can have it."""
    return token.isascii() and token.isprintable()


def is_own_process(pid: int) -> bool:
    """Whether a process of this account runs under this number."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:  # it has ended, and its parent has not looked
            return False
        return not hasattr(os, "geteuid") or process.uids().effective == os.geteuid()
    except (psutil.Error, ValueError):
        return False


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
