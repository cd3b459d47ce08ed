"""What a person needs to connect a client to the server that was just started."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable


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
    """A Jupyter server that prints where MCP is served."""

    def announce(self, url: str) -> None:
        """Print it; called once the server listens."""
        ...


def announcement(url: str, login: Login) -> str:
    """Where MCP is and how Claude Code is connected; other clients need the same address and token.

    The token occurs at most once: the command has the client read it from its environment, so that
    it is not stored in the client's configuration.
    """
    command = f"claude mcp add --scope user --transport http jupyter {shlex.quote(url)}"
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
            "Connect Claude Code, with a token for your identity provider in JUPYTER_TOKEN:",
            bearer,
        ]
    else:
        lines += [
            "Authentication is switched off: any program that reaches this address can run code.",
            "Connect Claude Code:",
            f"  {command}",
        ]
    return "\n".join(lines) + "\n"


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
    bearer = "Authorization: Bearer"
    claude = f"claude mcp add --scope user --transport http jupyter {shlex.quote(url)}"
    gemini = f"gemini mcp add jupyter {shlex.quote(url)} --scope user --transport http"
    claude += f" --header '{bearer} ${{JUPYTER_TOKEN}}'"
    gemini += f" --header '{bearer} $JUPYTER_TOKEN'"
    return (
        Snippet(client="Claude Code", where="Run", text=claude),
        Snippet(client="Codex", where="~/.codex/config.toml", text=_codex(url)),
        Snippet(client="VS Code", where=".vscode/mcp.json", text=_vs_code(url)),
        Snippet(client="Cursor", where="~/.cursor/mcp.json", text=_cursor(url)),
        Snippet(client="Gemini CLI", where="Run", text=gemini),
    )


def _codex(url: str) -> str:
    return (
        f'[mcp_servers.jupyter]\nurl = {json.dumps(url)}\nbearer_token_env_var = "JUPYTER_TOKEN"\n'
        'default_tools_approval_mode = "approve"'
    )


def _vs_code(url: str) -> str:
    headers = {"Authorization": "Bearer ${input:jupyter-token}"}
    token = {
        "id": "jupyter-token",
        "type": "promptString",
        "description": "Token of the Jupyter server",
        "password": True,
    }
    server = {"type": "http", "url": url, "headers": headers}
    return json.dumps({"servers": {"jupyter": server}, "inputs": [token]}, indent=2)


def _cursor(url: str) -> str:
    server = {"url": url, "headers": {"Authorization": "Bearer ${env:JUPYTER_TOKEN}"}}
    return json.dumps({"mcpServers": {"jupyter": server}}, indent=2)
