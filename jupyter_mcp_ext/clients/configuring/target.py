"""How a client gets to a server: which way, and what is written of the token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from jupyter_mcp_ext.clients.servers import Server

from .client import Client, Target, Way
from .program import program

Showing: TypeAlias = Literal["none", "reference", "clear"]
"""What is written of the token: nothing, the name of its variable, or itself."""

JUPYTER_FILES = (
    "JUPYTER_RUNTIME_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_PLATFORM_DIRS",
    "XDG_DATA_HOME",
)
"""Variables that say where Jupyter describes its servers; clients do not pass all of them on."""


class NoWay(Exception):
    """A client that cannot reach a server so; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    via: Way | None = None
    in_clear: bool = False
    path: str = "/mcp"
    cafile: str = ""


@dataclass(frozen=True, kw_only=True)
class Road:
    """How a client gets to a server."""

    way: Way
    showing: Showing
    target: Target


def road(client: Client, server: Server, wish: Wish, env: Mapping[str, str]) -> Road:
    """How a client gets to a server, by the most robust way unless one was asked for.

    The bridge finds a server of this account, with its token, each time it starts, so that a new
    token needs no change. Of other servers it knows no token. Raises NoWay.
    """
    if client.fault(server.root_dir):
        server = replace(server, root_dir="")  # its port names it as well
    is_found = server.pid != 0
    way = wish.via or _best(client, server, wish, is_found=is_found)
    if way == "http":
        _check_http(client, server)
    needs_token = bool(server.token) and not (way == "bridge" and is_found)
    showing: Showing = "none"
    if needs_token:
        showing = "clear" if wish.in_clear else "reference"
    if showing == "reference" and not client.reference:
        other = "" if way == "bridge" or not is_found else ", or --via bridge"
        msg = (
            f"{client.title} cannot read the token from its environment. "
            f"Use --token-in-clear to write it into its configuration{other}."
        )
        raise NoWay(msg)
    token = {"none": "", "reference": client.reference, "clear": server.token}[showing]
    command, *first = program()
    target = Target(
        url="" if server.socket else server.endpoint(wish.path),
        command=command,
        args=(*first, *bridge_arguments(server, wish)),
        env={name: env[name] for name in JUPYTER_FILES if env.get(name)} if is_found else {},
        token=token,
        is_clear=showing == "clear",
    )
    return Road(way=way, showing=showing, target=target)


def bridge_arguments(server: Server, wish: Wish) -> tuple[str, ...]:
    """The arguments of the bridge to a server.

    A server of this machine is named by its folder, which stays when it comes back on another port,
    and then by its port, which stays when it comes back in another folder.
    """
    place = server.socket or str(server.port)
    names = [*filter(None, [server.root_dir]), place] if server.pid else [server.url]
    arguments = ["bridge"]
    for name in names:
        arguments += ["--server", name]
    if wish.path != "/mcp":
        arguments += ["--path", wish.path]
    if wish.cafile:
        arguments += ["--cafile", str(Path(wish.cafile).expanduser().absolute())]
    return tuple(arguments)


def _best(client: Client, server: Server, wish: Wish, *, is_found: bool) -> Way:
    """The bridge, but for a server whose token is not found and a client that has its own way."""
    can_send = client.http is not None and not server.socket
    if can_send and wish.in_clear:
        return "http"
    if is_found or wish.cafile or not can_send:
        return "bridge"
    return "http" if client.reference or not server.token else "bridge"


def _check_http(client: Client, server: Server) -> None:
    if client.http is None:
        msg = f"{client.title} starts a program and cannot send a header. Use --via bridge."
        raise NoWay(msg)
    if server.socket:
        msg = f"The server listens on the socket {server.socket}. Use --via bridge."
        raise NoWay(msg)
