"""What is known of clients: files on each system, entries, and whose an entry is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp_ext.clients.configuring.client import (
    Client,
    Machine,
    NotWritable,
    Target,
    Way,
    is_ours,
)
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
            meant = target(client, token)
            text = client.connected(before, meant, way)

            assert client.led_to(text, before, meant.url)
            assert not client.led_to(text, text, meant.url)
            assert not client.led_to(before, before, meant.url)
            for other in {*FILES[client.format]} - {before}:
                assert (
                    not client.led_to(text, other, meant.url)
                    or client.connected(other, meant, way) == text
                )


def parsed(client: Client, text: str) -> Any:
    """What another parser than ours reads."""
    match client.format:
        case "json":
            return json.loads(text)
        case "yaml":
            return yaml.safe_load(text)
        case _ if sys.version_info >= (3, 11):
            import tomllib  # Python 3.10 has none

            return tomllib.loads(text)
        case _:
            return client.editor.get(text, ())


ODD: st.SearchStrategy[str] = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("$%{}\\\"'` \n~!&|;#:"),
    min_size=1,
    max_size=9,
)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
@given(ODD, ODD, st.dictionaries(ODD, ODD, max_size=2), ODD)
@settings(max_examples=15, deadline=None)
def test_what_is_written_is_what_another_parser_reads(
    client: Client, command: str, argument: str, env: dict[str, str], token: str
) -> None:
    there = Target(url=URL + argument, command=command, args=(argument,), env=env, token=token)
    for way in ("bridge", *(("http",) if client.http else ())):
        entry = client.entry(there, way)

        found = parsed(client, client.connected("", there, way))

        for step in client.path[:-1]:
            found = found[step]
        assert (found[0] if isinstance(found, list) else found["jupyter"]) == entry


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("claude-code", "/home/${me}/jupyter-mcp"),
        ("vscode", "/home/${workspaceFolder}/x"),
        ("cursor", "${env:HOME}"),
        ("gemini", "/home/$me/jupyter-mcp"),
        ("opencode", "/home/{file:x}/jupyter-mcp"),
        ("copilot", "/data/$me"),
        ("windsurf", "/data/${env:x}"),
        ("continue", "/data/${{ secrets.x }}"),
    ],
)
def test_a_text_that_the_client_would_replace_is_refused(name: str, text: str) -> None:
    client = BY_ID[name]

    for there in (
        Target(command=text),
        Target(command="x", env={"A": text}),
        Target(command="x", args=(text,)),
    ):
        with pytest.raises(NotWritable, match=r"' cannot be written: .* would take a part of"):
            client.check(client.bridge(there), "")
    with pytest.raises(NotWritable, match="The token cannot be written") as told:
        client.check(client.bridge(Target(command="x", token=text)), text)
    assert text not in str(told.value)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_a_reference_and_plain_texts_are_not_refused(client: Client) -> None:
    for way, token in WAYS:
        there = target(client, token)
        client.check(client.entry(there, way), there.token)

    client.check(client.bridge(Target(command="/a b/%PATH%/\\c\u3000")), "")
    with pytest.raises(NotWritable, match=r"'/\\udcff' cannot be written: it is not"):
        client.check(client.bridge(Target(command="/\udcff")), "")
