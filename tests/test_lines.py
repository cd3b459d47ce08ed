"""The lines that the pages have a person type are run as they are, with another port and home."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.ports import free_port
from tests.servers import READY, TOKEN, JupyterServer, environment, running_server
from tests.snippets import Block, block_of

PORT = "8888"
SCRIPTS = str(Path(sys.executable).parent)
CONFIG = """
c.ServerApp.allow_root = True
c.ServerApp.open_browser = False
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = {port}
c.ServerApp.port_retries = 0
c.IdentityProvider.token = "{token}"
c.McpSessions.spare_kernels = 0
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[JupyterServer]:
    with running_server(home) as server:
        yield server


def typed(home: Path, line: str, env: Mapping[str, str] | None = None) -> str:
    """What a line prints that a person types in a shell of this environment."""
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env=environment(home, {"PATH": path, **(env or {})}),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "block",
    [
        block_of("README", "jupyter mcp connect claude-code"),
        block_of("clients/index", "jupyter mcp connect claude-code"),
    ],
    ids=lambda block: block.page,
)
def test_the_line_that_connects_a_client_connects_it(
    home: Path, server: JupyterServer, block: Block
) -> None:
    (home / ".claude").mkdir(exist_ok=True)

    typed(home, block.text)

    entry = json.loads((home / ".claude.json").read_text())["mcpServers"]["jupyter"]
    assert entry["args"][0] == "bridge"
    assert entry["args"][-2:] == ["--server", str(server.port)]


def test_the_line_for_the_token_exports_the_one_that_is_kept(home: Path) -> None:
    data = home / "data"
    data.mkdir()
    (data / "jupyter_mcp_ext.token").write_text("the-token")
    line = block_of("clients/index", "export JUPYTER_TOKEN").text

    said = typed(home, f'{line}printf %s "$JUPYTER_TOKEN"', {"JUPYTER_DATA_DIR": str(data)})

    assert said == "the-token"


def test_the_same_entry_is_for_other_clients_as_for_the_bridge() -> None:
    assert block_of("clients/index", '"mcpServers"').text == block_of("bridge", '"mcpServers"').text


@pytest.mark.parametrize(
    "line",
    [
        *block_of("troubleshooting", "jupyter mcp doctor\n").text.splitlines(),
        *block_of("troubleshooting", "--no-kernel").text.splitlines(),
        *block_of("proxies", "--hold 120").text.splitlines(),
    ],
)
def test_a_line_of_the_doctor_finds_a_server_well(
    home: Path, server: JupyterServer, line: str
) -> None:
    words = shlex.split(line)
    own = [
        server.url if word.startswith("https:") else word.replace(PORT, str(server.port))
        for word in words
    ]
    # A stream is held open for as long as that; one line of them looks at a kernel.
    if own[-1] != "doctor":
        own.append("--no-kernel")
    shorter = shlex.join(own).replace("--hold 120", "--hold 1")

    said = typed(home, shorter.replace("'JUPYTER_TOKEN=…'", f"JUPYTER_TOKEN={TOKEN}"))

    assert "fault " not in said
    assert '"fault"' not in said


@contextmanager
def started(folder: Path, line: str, env: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a line that starts a server until MCP is served; its port."""
    port = free_port()
    config = folder / ".jupyter"
    config.mkdir(exist_ok=True)
    (config / "jupyter_server_config.py").write_text(CONFIG.format(port=port, token=TOKEN))
    command = line.partition("#")[0].replace(PORT, str(port)).replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment(folder, {"PATH": path, **(env or {})}),
    )
    assert process.stdout is not None
    with process:
        try:
            said: list[str] = []
            for said_line in process.stdout:
                said.append(said_line)
                if READY in said_line:
                    break
            else:
                pytest.fail("".join(said))
            yield port
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("line", "base_url"),
    [
        (block_of("operations", "--root-dir ~/work --port").text, "/"),
        (block_of("operations", "jupyter lab").text.splitlines()[0], "/"),
        (block_of("operations", "jupyter lab").text.splitlines()[1], "/some/where/"),
        (block_of("operations", 'jpserver_extensions="').text, "/"),
    ],
    ids=["mcp", "lab", "server", "by hand"],
)
def test_a_line_that_starts_a_server_serves_mcp(tmp_path: Path, line: str, base_url: str) -> None:
    (tmp_path / "work").mkdir()

    with started(tmp_path, line) as port:
        said = typed(tmp_path, f"jupyter mcp doctor --no-kernel --server {port}")

    assert f"{base_url}mcp" in said
    assert "fault " not in said


def test_the_command_of_the_docker_image_serves_mcp(tmp_path: Path) -> None:
    dockerfile = block_of("recipes", "FROM python:").text
    [command] = [line for line in dockerfile.splitlines() if line.startswith("CMD ")]
    line = shlex.join(json.loads(command.removeprefix("CMD ")))

    with started(tmp_path, line, {"JUPYTER_TOKEN": TOKEN}) as port:
        said = typed(tmp_path, f"jupyter mcp doctor --no-kernel --server {port}")

    assert "fault " not in said


def test_the_command_of_the_kubeflow_image_serves_mcp_below_its_prefix(tmp_path: Path) -> None:
    line = block_of("recipes", "NB_PREFIX").text
    env = {"JUPYTER_TOKEN": TOKEN, "NB_PREFIX": "/notebook/team/my-notebook/"}

    with started(tmp_path, line, env) as port:
        url = f"http://localhost:{port}/notebook/team/my-notebook/mcp"
        said = typed(tmp_path, f"jupyter mcp doctor --no-kernel {url}", {"JUPYTER_TOKEN": TOKEN})

    assert "fault " not in said


def test_the_probes_ask_for_what_is_there(server: JupyterServer) -> None:
    probes = yaml.safe_load(block_of("operations", "readinessProbe").text)

    for probe in probes.values():
        answer = server.request("GET", path=probe["httpGet"]["path"])
        assert answer.status == 200, probe
