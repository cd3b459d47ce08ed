"""What is known of clients: files on each system, entries, and whose an entry is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.clients.configuring.client import Client, Machine, Target, Way, is_ours
from jupyter_mcp_ext.clients.configuring.clients import BY_ID, CLIENTS

URL = "http://localhost:8888/mcp"
HOME = Path("/home/me")


def machine(system: Any = "linux", **env: str) -> Machine:
    return Machine(system=system, home=HOME, env=env, which=lambda _: None)


def target(client: Client, token: str = "") -> Target:
    return Target(
        url=URL,
        command="/env/bin/jupyter-mcp",
        args=("bridge", "--server", "8888"),
        env={"JUPYTER_RUNTIME_DIR": "/run/jupyter"},
        token=client.reference if token == "reference" else token,
    )


WAYS: tuple[tuple[Way, str], ...] = (
    ("bridge", ""),
    ("bridge", "reference"),
    ("bridge", "in-clear"),
    ("http", ""),
    ("http", "reference"),
    ("http", "in-clear"),
)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_each_way_can_follow_each_other_and_be_taken_back(client: Client) -> None:
    text = client.new
    for way, token in [*WAYS, *reversed(WAYS)]:
        there = target(client, token)
        text = client.connected(text, there, way)

        assert client.present(text) == client.entry(there, way)
        assert client.connected(text, there, way) == text
        assert ("in-clear" in text) == (token == "in-clear")
    assert not client.present(client.removed(text))
    assert client.removed(client.removed(text)) == client.removed(text)
    assert "jupyter-token" not in client.removed(text)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_an_entry_of_ours_is_known_and_that_of_a_person_is_not(client: Client) -> None:
    ours = [client.entry(target(client, token), way) for way, token in WAYS[:5]]
    others = [
        {"command": "uvx", "args": ["jupyter-mcp-server@latest"], "env": {"JUPYTER_TOKEN": "x"}},
        {"command": "/env/bin/jupyter-mcp-server", "args": ["bridge"]},
        {"url": "https://elsewhere/mcp", "headers": {"Authorization": "Bearer other"}},
        {"url": "https://elsewhere/mcp"},
        {},
        "text",
    ]

    assert all(is_ours(client, entry, URL) for entry in ours)
    assert not any(is_ours(client, entry, URL) for entry in others)


@pytest.mark.parametrize(
    ("name", "system", "env", "file"),
    [
        ("claude-code", "linux", {}, HOME / ".claude.json"),
        ("claude-code", "windows", {"CLAUDE_CONFIG_DIR": "/c"}, Path("/c/.claude.json")),
        ("claude-desktop", "linux", {}, HOME / ".config/Claude/claude_desktop_config.json"),
        (
            "claude-desktop",
            "mac",
            {},
            HOME / "Library/Application Support/Claude/claude_desktop_config.json",
        ),
        (
            "claude-desktop",
            "windows",
            {"APPDATA": "/r"},
            Path("/r/Claude/claude_desktop_config.json"),
        ),
        ("codex", "mac", {}, HOME / ".codex/config.toml"),
        ("codex", "linux", {"CODEX_HOME": "/x"}, Path("/x/config.toml")),
        ("vscode", "linux", {"XDG_CONFIG_HOME": "/x"}, Path("/x/Code/User/mcp.json")),
        ("vscode", "windows", {}, HOME / "AppData/Roaming/Code/User/mcp.json"),
        ("cursor", "windows", {}, HOME / ".cursor/mcp.json"),
        ("gemini", "linux", {"GEMINI_CLI_HOME": "/g"}, Path("/g/.gemini/settings.json")),
        ("opencode", "mac", {}, HOME / ".config/opencode/opencode.json"),
        ("copilot", "linux", {"COPILOT_HOME": "/c"}, Path("/c/mcp-config.json")),
        ("windsurf", "mac", {}, HOME / ".codeium/windsurf/mcp_config.json"),
        ("zed", "mac", {}, HOME / ".config/zed/settings.json"),
        ("zed", "windows", {"APPDATA": "/r"}, Path("/r/Zed/settings.json")),
        ("continue", "linux", {}, HOME / ".continue/config.yaml"),
        ("goose", "mac", {}, HOME / ".config/goose/config.yaml"),
        ("goose", "windows", {"APPDATA": "/r"}, Path("/r/Block/goose/config/config.yaml")),
    ],
)
def test_the_file_is_where_the_client_looks(
    name: str, system: str, env: dict[str, str], file: Path
) -> None:
    assert BY_ID[name].file(machine(system, **env)) == file


def test_opencode_keeps_the_file_that_is_there(tmp_path: Path) -> None:
    here = Machine(system="linux", home=tmp_path, env={}, which=lambda _: None)
    commented = tmp_path / ".config/opencode/opencode.jsonc"
    commented.parent.mkdir(parents=True)
    commented.touch()

    assert BY_ID["opencode"].file(here) == commented


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_a_client_is_installed_where_its_program_or_its_folder_is(
    client: Client, tmp_path: Path
) -> None:
    def here(program: str = "") -> Machine:
        return Machine(
            system="linux",
            home=tmp_path,
            env={},
            which=lambda name: name if name == program else None,
        )

    assert not client.is_installed(here())
    assert client.is_installed(here(client.programs[0]))
    client.folders(here())[0].mkdir(parents=True)
    assert client.is_installed(here())


FILES = {
    "json": [
        "",
        "{}",
        '{"a": 1}// c',
        '{\n\t"a": {}, // c\n}\n',
        '{"mcpServers": {}, "inputs": []}',
    ],
    "toml": ["", "# c", "a = nan\n\n\n", "[mcp_servers]\n", "mcp_servers = {} # c"],
    "yaml": ["", "# c", "a: 1\n...\n", "{a: 1}", "extensions: ~ # c\nmcpServers:\n"],
}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_a_configuration_with_an_entry_is_known_to_be_the_one_before_it(client: Client) -> None:
    for before in FILES[client.format]:
        for way, token in WAYS:
            text = client.connected(before, target(client, token), way)

            assert client.led_to(text, before)
            assert not client.led_to(text, text)
            assert not client.led_to(before, before)
            for other in {*FILES[client.format]} - {before}:
                assert (
                    not client.led_to(text, other)
                    or client.connected(other, target(client, token), way) == text
                )
