"""The clients that can be connected, as they were in 2026-11."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.clients.servers import TOKEN_VARIABLE

from .client import NAME, Client, Entry, Machine, Target
from .editing.text import Item

START_SECONDS = 60
"""Clients whose default is shorter wait so long for the bridge to start."""

_VARIABLE = f"${{{TOKEN_VARIABLE}}}"
"""How several clients refer to the variable with the token."""

_CODEX = f"${TOKEN_VARIABLE}"
"""Stands for the reference of Codex, which is a setting of its own."""

_PROMPT = {
    "id": "jupyter-token",
    "type": "promptString",
    "description": "Token of the Jupyter server",
    "password": True,
}


def _headers(target: Target) -> Entry:
    return {"headers": target.headers} if target.headers else {}


def _env(target: Target) -> dict[str, str]:
    return {**target.env, **({TOKEN_VARIABLE: target.token} if target.token else {})}


def _starts(target: Target, **more: Any) -> Entry:
    """A server that is started, as most clients write it."""
    return {**more, "command": target.command, "args": list(target.args), "env": _env(target)}


def _reaches(target: Target, key: str = "url", **more: Any) -> Entry:
    """A server with an address, as most clients write it."""
    return {**more, key: target.url, **_headers(target)}


def _copilot(way: Callable[..., Entry], kind: str) -> Callable[[Target], Entry]:
    return lambda target: {**way(target, type=kind), "tools": ["*"]}


def _codex_starts(target: Target) -> Entry:
    entry: Entry = {"command": target.command, "args": list(target.args)}
    if target.token == _CODEX:
        entry["env_vars"] = [TOKEN_VARIABLE]
        env = dict(target.env)
    else:
        env = _env(target)
    if env:
        entry["env"] = env
    # Without it `codex exec` refuses the tools that run code.
    return {**entry, "startup_timeout_sec": START_SECONDS, "default_tools_approval_mode": "approve"}


def _codex_reaches(target: Target) -> Entry:
    login: Entry = {}
    if target.token == _CODEX:
        login = {"bearer_token_env_var": TOKEN_VARIABLE}
    elif target.token:
        login = {"http_headers": target.headers}
    return {"url": target.url, **login, "default_tools_approval_mode": "approve"}


def _opencode_starts(target: Target) -> Entry:
    return {
        "type": "local",
        "command": [target.command, *target.args],
        "environment": _env(target),
        "enabled": True,
        "timeout": START_SECONDS * 1000,
    }


def _goose(target: Target, **way: Any) -> Entry:
    return {
        "name": NAME,
        "description": "Runs code in Jupyter kernels and works with notebooks.",
        "enabled": True,
        **way,
        # The variables that it passes on, and puts into headers.
        "env_keys": [TOKEN_VARIABLE] if target.token == _VARIABLE else [],
        "timeout": 300,
    }


def _goose_starts(target: Target) -> Entry:
    env = dict(target.env) if target.token == _VARIABLE else _env(target)
    return _goose(target, type="stdio", cmd=target.command, args=list(target.args), envs=env)


def _goose_reaches(target: Target) -> Entry:
    return _goose(target, type="streamable_http", uri=target.url, **_headers(target))


def _claude_folder(machine: Machine) -> Path:
    return machine.folder("CLAUDE_CONFIG_DIR", "")


def _codex_folder(machine: Machine) -> Path:
    return machine.folder("CODEX_HOME", ".codex")


def _gemini_folder(machine: Machine) -> Path:
    return machine.folder("GEMINI_CLI_HOME", "") / ".gemini"


def _copilot_folder(machine: Machine) -> Path:
    return machine.folder("COPILOT_HOME", ".copilot")


def _continue_folder(machine: Machine) -> Path:
    return machine.folder("CONTINUE_GLOBAL_DIR", ".continue")


def _windsurf_folder(machine: Machine) -> Path:
    return machine.home / ".codeium/windsurf"


def _zed_folder(machine: Machine) -> Path:
    return machine.config / "Zed" if machine.system == "windows" else machine.xdg / "zed"


def _goose_folder(machine: Machine) -> Path:
    if machine.system == "windows":
        return machine.config / "Block/goose/config"
    return machine.xdg / "goose"


def _opencode_files(machine: Machine) -> tuple[Path, ...]:
    folder = machine.xdg / "opencode"
    return folder / "opencode.json", folder / "opencode.jsonc"


def _in(folder: Callable[[Machine], Path], *names: str) -> Callable[[Machine], tuple[Path, ...]]:
    return lambda machine: tuple(folder(machine) / name for name in names)


CLIENTS = (
    Client(
        id="claude-code",
        title="Claude Code",
        programs=("claude",),
        files=_in(_claude_folder, ".claude.json"),
        folders=lambda machine: (machine.folder("CLAUDE_CONFIG_DIR", ".claude"),),
        shown="~/.claude.json",
        path=("mcpServers", NAME),
        bridge=partial(_starts, type="stdio"),
        http=partial(_reaches, type="http"),
        reference=_VARIABLE,
        command=lambda url, token: (
            f"claude mcp add --scope user --transport http {NAME} {url} "
            f"--header 'Authorization: Bearer {token}'"
        ),
    ),
    Client(
        id="claude-desktop",
        title="Claude Desktop",
        programs=("claude-desktop",),
        files=_in(lambda machine: machine.config / "Claude", "claude_desktop_config.json"),
        folders=_in(lambda machine: machine.config, "Claude"),
        shown="~/.config/Claude/claude_desktop_config.json",
        path=("mcpServers", NAME),
        bridge=_starts,
        replaces="",
    ),
    Client(
        id="codex",
        title="Codex",
        programs=("codex",),
        files=_in(_codex_folder, "config.toml"),
        folders=_in(_codex_folder, ""),
        shown="~/.codex/config.toml",
        format="toml",
        path=("mcp_servers", NAME),
        bridge=_codex_starts,
        http=_codex_reaches,
        reference=_CODEX,
        replaces="",
        trusts="CODEX_CA_CERTIFICATE",
    ),
    Client(
        id="vscode",
        title="VS Code",
        programs=("code",),
        files=_in(lambda machine: machine.config / "Code/User", "mcp.json"),
        folders=_in(lambda machine: machine.config, "Code"),
        shown=".vscode/mcp.json",
        path=("servers", NAME),
        bridge=partial(_starts, type="stdio"),
        http=partial(_reaches, type="http"),
        reference="${input:jupyter-token}",
        companion=(("inputs", Item(key="id", value="jupyter-token")), _PROMPT),
    ),
    Client(
        id="cursor",
        title="Cursor",
        programs=("cursor", "cursor-agent"),
        files=_in(lambda machine: machine.home / ".cursor", "mcp.json"),
        folders=_in(lambda machine: machine.home, ".cursor"),
        shown="~/.cursor/mcp.json",
        path=("mcpServers", NAME),
        bridge=_starts,
        http=_reaches,
        reference=f"${{env:{TOKEN_VARIABLE}}}",
    ),
    Client(
        id="gemini",
        title="Gemini CLI",
        programs=("gemini",),
        files=_in(_gemini_folder, "settings.json"),
        folders=_in(_gemini_folder, ""),
        shown="~/.gemini/settings.json",
        path=("mcpServers", NAME),
        bridge=_starts,
        http=partial(_reaches, type="http"),
        reference=f"${TOKEN_VARIABLE}",
        replaces=r"\$[\w{]",
        command=lambda url, token: (
            f"gemini mcp add {NAME} {url} --scope user --transport http "
            f"--header 'Authorization: Bearer {token}'"
        ),
    ),
    Client(
        id="opencode",
        title="OpenCode",
        programs=("opencode",),
        files=_opencode_files,
        folders=_in(lambda machine: machine.xdg, "opencode"),
        shown="~/.config/opencode/opencode.json",
        path=("mcp", NAME),
        bridge=_opencode_starts,
        http=lambda target: {**_reaches(target, type="remote"), "enabled": True},
        reference=f"{{env:{TOKEN_VARIABLE}}}",
        replaces=r"\{(env|file):",
        new='{\n  "$schema": "https://opencode.ai/config.json"\n}\n',
    ),
    Client(
        id="copilot",
        title="Copilot CLI",
        programs=("copilot",),
        files=_in(_copilot_folder, "mcp-config.json"),
        folders=_in(_copilot_folder, ""),
        shown="~/.copilot/mcp-config.json",
        path=("mcpServers", NAME),
        bridge=_copilot(_starts, "local"),
        http=_copilot(_reaches, "http"),
        reference=_VARIABLE,
        replaces=r"\$[\w{]",
    ),
    Client(
        id="windsurf",
        title="Windsurf",
        programs=("windsurf",),
        files=_in(_windsurf_folder, "mcp_config.json"),
        folders=_in(_windsurf_folder, ""),
        shown="~/.codeium/windsurf/mcp_config.json",
        path=("mcpServers", NAME),
        bridge=_starts,
        http=partial(_reaches, key="serverUrl"),
        reference=f"${{env:{TOKEN_VARIABLE}}}",
    ),
    Client(
        id="zed",
        title="Zed",
        programs=("zed", "zeditor"),
        files=_in(_zed_folder, "settings.json"),
        folders=_in(_zed_folder, ""),
        shown="~/.config/zed/settings.json",
        path=("context_servers", NAME),
        bridge=_starts,
        http=_reaches,
        replaces="",
        trusts="SSL_CERT_FILE",
    ),
    Client(
        id="continue",
        title="Continue",
        programs=("cn",),
        files=_in(_continue_folder, "config.yaml"),
        folders=_in(_continue_folder, ""),
        shown="~/.continue/config.yaml",
        format="yaml",
        path=("mcpServers", Item(key="name", value=NAME)),
        bridge=partial(_starts, name=NAME, type="stdio"),
        http=lambda target: {
            "name": NAME,
            "type": "streamable-http",
            "url": target.url,
            **({"requestOptions": _headers(target)} if target.token else {}),
        },
        reference=f"${{{{ secrets.{TOKEN_VARIABLE} }}}}",
        new="name: Local Config\nversion: 1.0.0\nschema: v1\n",
    ),
    Client(
        id="goose",
        title="Goose",
        programs=("goose",),
        files=_in(_goose_folder, "config.yaml"),
        folders=_in(_goose_folder, ""),
        shown="~/.config/goose/config.yaml",
        format="yaml",
        path=("extensions", NAME),
        bridge=_goose_starts,
        http=_goose_reaches,
        reference=_VARIABLE,
        replaces="",
        trusts="SSL_CERT_FILE",
    ),
)
"""In the order in which they are named to people."""

BY_ID = {client.id: client for client in CLIENTS}
