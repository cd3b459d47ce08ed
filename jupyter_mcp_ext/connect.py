"""What a person needs to connect a client to the server that was just started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Login:
    """How a client proves who it is; at most one of the three is shown."""

    token: str = ""
    """What to write for the token: itself, or where it is found."""
    password: bool = False
    custom: bool = False
    """An identity provider that is not Jupyter's own decides."""


def announcement(url: str, login: Login) -> str:
    """Say where MCP is and how Claude Code is connected; other clients take the same two things."""
    command = f"claude mcp add --transport http jupyter {url}"
    lines = [f"MCP is served at {url}"]
    if login.token:
        lines += [
            "Connect Claude Code:",
            f'  {command} --header "Authorization: Bearer {login.token}"',
        ]
    elif login.password:
        basic = "Basic $(printf %s me:PASSWORD | base64)"
        lines += [
            "A password is set; with it in place of PASSWORD, connect Claude Code:",
            f'  {command} --header "Authorization: {basic}"',
        ]
    elif login.custom:
        lines += [
            "Connect Claude Code, with what your identity provider accepts:",
            f'  {command} --header "Authorization: Bearer <token>"',
        ]
    else:
        lines += [
            "Authentication is switched off: everybody who reaches this address runs code.",
            "Connect Claude Code:",
            f"  {command}",
        ]
    return "\n".join(lines) + "\n"
