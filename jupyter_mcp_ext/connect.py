"""What a person needs to connect a client to the server that was just started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True)
class Login:
    """How a client proves who it is; at most one of the three is shown."""

    token: str = field(default="", repr=False)
    """The token, where it is shown."""
    token_file: Path | None = None
    """Where it is kept for the next start."""
    own_token: bool = False
    """The person has set it, and knows it."""
    password: bool = False
    custom: bool = False
    """An identity provider that is not Jupyter's own decides."""


@runtime_checkable
class Announces(Protocol):
    """A Jupyter server that tells a person where MCP is served."""

    def announce(self, url: str) -> None:
        """Say it; called once the server listens."""
        ...


def announcement(url: str, login: Login) -> str:
    """Say where MCP is and how Claude Code is connected; other clients take the same two things.

    The token stands in it once, if at all: the command has the client read it from its environment,
    so that it is not stored in the client's configuration.
    """
    command = f"claude mcp add --scope user --transport http jupyter {url}"
    bearer = f"  {command} --header 'Authorization: Bearer ${{JUPYTER_TOKEN}}'"
    lines = [f"MCP is served at {url}"]
    if login.token:
        kept = f", kept in {login.token_file} for the next start" if login.token_file else ""
        lines += [
            f"Its token{kept}, for the environment of clients:",
            f"  export JUPYTER_TOKEN={login.token}",
            "Connect Claude Code:",
            bearer,
        ]
    elif login.own_token:
        lines += ["Connect Claude Code, with your token in JUPYTER_TOKEN:", bearer]
    elif login.password:
        basic = "Basic $(printf %s me:PASSWORD | base64)"
        lines += [
            "A password is set; with it in place of PASSWORD, connect Claude Code:",
            f'  {command} --header "Authorization: {basic}"',
        ]
    elif login.custom:
        lines += [
            "Connect Claude Code, with what your identity provider accepts in JUPYTER_TOKEN:",
            bearer,
        ]
    else:
        lines += [
            "Authentication is switched off: any program that reaches this address can run code.",
            "Connect Claude Code:",
            f"  {command}",
        ]
    return "\n".join(lines) + "\n"
