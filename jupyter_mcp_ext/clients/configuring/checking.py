"""Whether a server can be reached by clients, before their configuration leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import httpx2

from jupyter_mcp_ext.clients.asking import TIMEOUT, ask, standing
from jupyter_mcp_ext.clients.servers import TOKEN_VARIABLE, NoServer, Server


def checked(
    server: Server, env: Mapping[str, str], *, path: str = "/mcp", cafile: str = ""
) -> Server:
    """A server that lets its token in and serves MCP. Raises NoServer, with what to do.

    Where Jupyter does not describe the token, that of the environment is tried.
    """
    if not server.token and env.get(TOKEN_VARIABLE):
        # Without a process it counts as one whose token the bridge cannot find.
        server = replace(server, token=env[TOKEN_VARIABLE], pid=0)
    try:
        match standing(server, cafile=cafile):
            case "ok":
                _check_mcp(server, path, cafile)
                return server
            case "token":
                said = _refused(server)
            case "untrusted":
                said = (
                    f"The certificate of {server.words} is not trusted here. "
                    "Name a file with the certificate of its issuer: --cafile FILE"
                )
            case "other":
                said = f"Another program than Jupyter answers at {server.words}. Name the server."
            case "silent":
                said = f"Nothing answers at {server.words}. Start the server again: jupyter mcp"
            case "late":
                said = _late(server)
    except OSError as err:
        said = (
            f"The certificates in {cafile!r} cannot be used: {err}. "
            "Name a file of certificates in the form PEM."
        )
    raise NoServer(said)


def _refused(server: Server) -> str:
    if not server.token:
        return (
            f"The server {server.words} has no token that is known here, as where it has only a "
            f"password, and clients log in with a token. Start it with one as well: "
            f"{TOKEN_VARIABLE}=... jupyter mcp; if it has one, put it into {TOKEN_VARIABLE}."
        )
    where = f" in {TOKEN_VARIABLE}" if not server.pid else ""
    return (
        f"The server {server.words} does not let in the token{where}. "
        f"Set {TOKEN_VARIABLE} to its token, or start the server again."
    )


def _late(server: Server) -> str:
    return (
        f"The server {server.words} has not answered within {TIMEOUT:.0f} s. "
        "Try again when it is less busy, or start it again."
    )


def _check_mcp(server: Server, path: str, cafile: str) -> None:
    try:
        said = ask(server, path, cafile=cafile).json()
    except httpx2.ReadTimeout as err:
        raise NoServer(_late(server)) from err
    except (httpx2.HTTPError, httpx2.InvalidURL):
        said = None
    # Other addresses of Jupyter, and pages of proxies, answer as well.
    if not isinstance(said, dict) or "jsonrpc" not in said:
        msg = (
            f"The server {server.words} does not serve MCP at {path!r}. Install jupyter-mcp-ext in "
            "its environment and start it again, or name McpApp.path with --path."
        )
        raise NoServer(msg)
