"""What a person needs to connect a client to the server that was just started."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from .clients.configuring.client import Client, Target
from .clients.configuring.clients import CLIENTS
from .clients.servers import TOKEN_VARIABLE


@dataclass(frozen=True, kw_only=True)
class Login:
    """How a client authenticates; at most one way is shown."""

    token: str = field(default="", repr=False)
    """The token, if it is to be shown."""
    token_file: Path | None = None
    """The file in which it is kept for the next start."""
    own_token: bool = False
    """The token was set by the person, who knows it."""
    password: bool = False
    custom: bool = False
    """The identity provider is not one of Jupyter's own."""


@runtime_checkable
class Announces(Protocol):
    """A Jupyter server that is there for MCP."""

    def announce(self, url: str) -> None:
        """Print where it is served; called once the server listens."""
        ...

    def give_up(self, why: str) -> None:
        """End with the reason why it cannot be served."""
        ...


def announcement(url: str, login: Login, *options: str) -> str:
    """Where MCP is and how a client is connected, with the options that this server needs.

    The token occurs at most once: clients get it from the bridge or from their environment, so that
    it is not stored in their configuration.
    """
    connect = f"  {shlex.join(('jupyter', 'mcp', 'connect', CLIENTS[0].id, *options))}"
    lines = [f"MCP is served at {url}"]
    if login.token:
        kept = f", kept in {login.token_file} for the next start" if login.token_file else ""
        lines += [
            f"Its token{kept}, for other programs:",
            f"  export {TOKEN_VARIABLE}={login.token}",
        ]
    elif login.password:
        basic = "Basic $(printf %s me:PASSWORD | base64)"
        lines += [
            "A password is set; with it in place of PASSWORD, connect Claude Code:",
            f"  claude mcp add --scope user --transport http jupyter {shlex.quote(url)} "
            f'--header "Authorization: {basic}"',
        ]
        return "\n".join(lines) + "\n"
    elif login.custom:
        lines.append(f"Put a token for your identity provider into {TOKEN_VARIABLE} first.")
    elif not login.own_token:
        lines.append(
            "Authentication is switched off: any program that reaches this address can run code."
        )
    return "\n".join([*lines, "Connect a client, for example Claude Code:", connect]) + "\n"


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """How one client is connected; it reads the token from ``JUPYTER_TOKEN`` or asks for it."""

    client: str
    where: str
    """What a person does with the text."""
    text: str


def snippets(url: str) -> tuple[Snippet, ...]:
    """The configuration of clients for the address of this server.

    A browser may have sent the host's name: it stays one word of a command.
    """
    return tuple(
        _snippet(client, url) for client in CLIENTS if client.http is not None and client.reference
    )


def _snippet(client: Client, url: str) -> Snippet:
    if client.command is not None:
        text = client.command(shlex.quote(url), client.reference)
        return Snippet(client=client.title, where="Run", text=text)
    target = Target(url=url, token=client.reference)
    text = client.connected("", target, "http").rstrip("\n")
    return Snippet(client=client.title, where=client.shown, text=text)
