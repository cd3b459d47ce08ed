"""The real programs read what ``jupyter mcp connect`` has written, and reach a real server."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.configuring.client import Machine, Target, Way
from jupyter_mcp_ext.clients.configuring.clients import BY_ID
from tests.npm import binaries
from tests.servers import JupyterServer, environment, running_server
from tests.snippets import blocks

pytestmark = pytest.mark.timeout(600)  # installs packages at the first run

NPM = Path(__file__).parents[2] / "agents" / "npm"
ADDRESS = "http://localhost:8888/mcp"
PROGRAM = "/path/to/environment/bin/jupyter-mcp"
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "NO_COLOR": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
}


@pytest.fixture(scope="module")
def path() -> str:
    return binaries(NPM, "claude")[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[JupyterServer]:
    with running_server(folder) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder in which Gemini CLI trusts the work folder, as a person has said once."""
    (tmp_path / "work").mkdir()
    (tmp_path / ".gemini").mkdir()
    trusted = {str(tmp_path / "work"): "TRUST_FOLDER"}
    (tmp_path / ".gemini/trustedFolders.json").write_text(json.dumps(trusted))
    return tmp_path


def said(home: Path, path: str, *command: str, env: Mapping[str, str] | None = None) -> str:
    """What a program prints in a home folder; it gets nothing of Jupyter's but ``env``."""
    clean = {
        name: value
        for name, value in environment(home).items()
        if not name.startswith(("JUPYTER", "XDG", "CLAUDE", "CODEX", "GEMINI", "COPILOT"))
    }
    cache = str(home.parent / "cache")  # of all tests: Copilot CLI unpacks 235 MB of itself there
    done = subprocess.run(
        command,
        env={**clean, **QUIET, "XDG_CACHE_HOME": cache, "PATH": path, **(env or {})},
        cwd=home / "work",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


LISTS = {
    "claude-code": (["claude", "mcp", "list"], "✔ Connected"),
    "gemini": (["gemini", "mcp", "list"], "- Connected"),
    "opencode": (["opencode", "mcp", "list"], "connected"),
    "codex": (["codex", "mcp", "list"], "enabled"),
    "copilot": (["copilot", "mcp", "get", "jupyter"], "Status: Enabled"),
}
"""The last two do not connect for it."""


@pytest.mark.parametrize("way", ["bridge", "http"])
@pytest.mark.parametrize("name", LISTS)
def test_the_program_says_that_it_is_connected(
    name: str, way: Way, home: Path, path: str, server: JupyterServer, folder: Path
) -> None:
    command = [sys.executable, "-m", "jupyter_mcp_ext", "connect", name, "--via", way]
    described = {"JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    connected = said(home, path, *command, env=described)
    token = {"JUPYTER_TOKEN": server.token} if way == "http" else {}

    asked, words = LISTS[name]
    listed = said(home, path, *asked, env=token)

    assert f"{BY_ID[name].title} is connected" in connected
    [status] = [line for line in listed.splitlines() if words in line]
    assert "disconnected" not in status.lower()
    assert server.token not in listed
    removed = said(home, path, *command[:-2], "--remove", env=described)
    assert "is not connected any more" in removed
    if name != "copilot":  # which ends with an error where there is no such server
        assert words not in said(home, path, *asked, env=token)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR"),
        ("codex", "CODEX_HOME"),
        ("copilot", "COPILOT_HOME"),
        ("gemini", "GEMINI_CLI_HOME"),
        ("opencode", "XDG_CONFIG_HOME"),
    ],
)
def test_a_configuration_that_was_moved_is_found_by_both(
    name: str, variable: str, home: Path, path: str, server: JupyterServer, folder: Path
) -> None:
    (home / "moved").mkdir()
    (home / ".gemini").rename(home / "moved/.gemini")
    moved = {variable: str(home / "moved"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    command = [sys.executable, "-m", "jupyter_mcp_ext", "connect", name]

    said(home, path, *command, env=moved)

    asked, words = LISTS[name]
    assert words in said(home, path, *asked, env=moved)


LEFT_OUT = {
    "claude-code": set[str](),
    "codex": {"startup_timeout_sec", "default_tools_approval_mode"},
    "gemini": {"env"},
    "opencode": {"enabled"},
    "copilot": {"env"},
}
"""What a client's own command does not write of an entry."""
HAND = [
    pytest.param(name, block.text, id=f"{name}-{'http' if ADDRESS in block.text else 'bridge'}")
    for name in LEFT_OUT
    for block in blocks(f"clients/{name}")
    if block.heading == "By hand"
]


@pytest.mark.parametrize(("name", "command"), HAND)
def test_the_clients_own_command_writes_the_same_entry(
    name: str, command: str, home: Path, path: str
) -> None:
    client = BY_ID[name]

    said(home, path, *shlex.split(command))

    here = Machine(system="linux", home=home, env={}, which=lambda _: None)
    written = client.present(client.file(here).read_text())
    way: Way = "http" if ADDRESS in command else "bridge"
    token = client.reference if way == "http" else ""
    bridge = ("bridge", "--server", "8888")
    target = Target(url=ADDRESS, token=token, command=PROGRAM, args=bridge)
    entry = client.entry(target, way)
    assert written.items() <= entry.items()
    assert entry.keys() - written.keys() <= LEFT_OUT[name]


def test_an_installed_program_is_found(home: Path, path: str) -> None:
    command = [sys.executable, "-m", "jupyter_mcp_ext", "connect", "--list"]

    listed = said(home, path, *command, env={"JUPYTER_RUNTIME_DIR": str(home)})

    installed = {line.split()[0] for line in listed.splitlines() if "  installed" in line}
    assert set(LISTS) <= installed
    assert os.pathsep in path


@pytest.mark.parametrize("name", ["claude-code", "gemini", "opencode"])
def test_the_program_takes_for_a_variable_what_is_refused_for_it_and_nothing_else(
    name: str, home: Path, path: str
) -> None:
    client = BY_ID[name]
    texts = ["$FOLDER", "${FOLDER}", "{env:FOLDER}"]
    (home / "real").mkdir()
    program = home / "real/program"
    program.write_text(f'#!/bin/sh\ntouch "{home}/ran-$1"\n')
    program.chmod(0o755)
    text = "{}"
    for number, odd in enumerate(texts):
        entry = client.bridge(Target(command=f"{home}/{odd}/program", args=(str(number),)))
        text = client.editor.put(text, (*client.path[:-1], f"odd-{number}"), entry)
    file = home / client.shown.removeprefix("~/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)

    said(home, path, *LISTS[name][0], env={"FOLDER": "real"})

    ran = {odd for number, odd in enumerate(texts) if (home / f"ran-{number}").exists()}
    assert ran == {odd for odd in texts if client.fault(odd)}
