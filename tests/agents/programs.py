"""The programs: how each is connected, and started without a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .client import Client, Place, Start
from .installing import Package

PROMPT = "Show what the server can do."


def _claude(place: Place) -> Start:
    place.connect("claude-code")
    return claude(place)


def claude(place: Place) -> Start:
    """How Claude Code is started once it is connected."""
    return Start(
        command=["claude", "-p", PROMPT, "--allowedTools", "mcp__jupyter"],
        env={
            "ANTHROPIC_BASE_URL": place.model,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            "IS_SANDBOX": "1",
            # It would ask the model without the tools of a server that takes five seconds to start.
            "MCP_CONNECTION_NONBLOCKING": "0",
            "MCP_CONNECT_TIMEOUT_MS": "60000",
        },
    )


def _codex(place: Place) -> Start:
    folder = place.home / ".codex"
    folder.mkdir()
    (folder / "config.toml").write_text(
        f"""\
model = "mock"
model_provider = "mock"
check_for_update_on_startup = false
# It would ask the model without the tools of a server that takes a second to start.
mcp_optional_startup_grace_ms = 0

[analytics]
enabled = false

[model_providers.mock]
name = "mock"
base_url = "{place.model}/v1"
wire_api = "responses"
env_key = "MOCK_KEY"
"""
    )
    place.connect("codex")
    return Start(
        command=["codex", "exec", "--skip-git-repo-check", PROMPT], env={"MOCK_KEY": "none"}
    )


def _gemini(place: Place) -> Start:
    _write(
        place.home / ".gemini" / "settings.json",
        {
            "general": {"disableAutoUpdate": True},
            "privacy": {"usageStatisticsEnabled": False},
            "security": {"auth": {"selectedType": "gemini-api-key"}},
        },
    )
    place.connect("gemini")
    command = ["gemini", "-m", "gemini-2.5-pro", "--skip-trust", "--approval-mode", "yolo"]
    return Start(
        command=[*command, "-p", PROMPT],
        env={"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": place.model},
    )


def _opencode(place: Place) -> Start:
    model = {
        "attachment": True,
        "tool_call": True,
        "modalities": {"input": ["text", "image"], "output": ["text"]},
    }
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{place.model}/v1", "apiKey": "none"},
        "models": {"mock": model},
    }
    _write(
        place.home / ".config" / "opencode" / "opencode.json",
        {
            "autoupdate": False,
            "share": "disabled",
            "model": "mock/mock",
            "provider": {"mock": provider},
        },
    )
    place.connect("opencode")
    return Start(
        command=["opencode", "run", PROMPT],
        env={"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"},
    )


def _copilot(place: Place) -> Start:
    place.connect("copilot")
    return Start(
        command=["copilot", "--allow-all-tools", "-p", PROMPT],
        env={
            "COPILOT_OFFLINE": "true",
            "COPILOT_PROVIDER_BASE_URL": f"{place.model}/v1",
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_PROVIDER_API_KEY": "none",
            "COPILOT_MODEL": "gpt-4.1",
            "XDG_CACHE_HOME": str(place.home.parent / "cache"),  # it unpacks 235 MB of itself there
        },
    )


def _continue(place: Place) -> Start:
    model = {
        "name": "mock",
        "provider": "openai",
        "model": "mock",
        "apiBase": f"{place.model}/v1",
        "apiKey": "none",
        "roles": ["chat"],
        "capabilities": ["tool_use", "image_input"],
    }
    # YAML holds JSON.
    settings = {"name": "Local Config", "version": "1.0.0", "schema": "v1", "models": [model]}
    _write(place.home / ".continue" / "config.yaml", settings)
    place.connect("continue")
    return Start(command=["cn", "-p", PROMPT])


def _goose(place: Place) -> Start:
    (place.home / ".config" / "goose").mkdir(parents=True)
    place.connect("goose")
    return Start(
        command=["goose-binary-linux-x64", "run", "--text", PROMPT],
        env={
            "GOOSE_PROVIDER": "openai",
            "GOOSE_MODEL": "gpt-4o",
            "GOOSE_MODE": "auto",
            "GOOSE_DISABLE_KEYRING": "1",
            "GOOSE_TELEMETRY_ENABLED": "false",
            "OPENAI_HOST": place.model,
            "OPENAI_API_KEY": "none",
        },
    )


def _write(file: Path, settings: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(settings, indent=2))


PROGRAMS = tuple(
    Client(
        name=name,
        package=Package(name=package),
        start=start,
        is_program=True,
        interrupts=interrupts,
    )
    for name, package, start, interrupts in (
        ("Claude Code", "@anthropic-ai/claude-code", _claude, True),
        ("Codex", "@openai/codex", _codex, True),
        ("Gemini CLI", "@google/gemini-cli", _gemini, False),
        ("OpenCode", "opencode-ai", _opencode, False),
        ("Copilot CLI", "@github/copilot", _copilot, True),
        ("Continue", "@continuedev/cli", _continue, False),
        ("Goose", "@aaif/goose-binary-linux-x64", _goose, True),
    )
)
