"""The page on deployment is true: its configuration is used, and each of its commands is run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hub.hubs import Hub, running_hub
from tests.mcp_client import McpClient
from tests.servers import JupyterServer
from tests.snippets import block_of

LOGS = "/var/log/jupyter"
ADDRESS = "http://localhost:8000"
FOR_SERVICE = "a-token-for-prometheus"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A Hub as the page has it, with Alice's server."""

    hub: Hub
    alice: JupyterServer
    env: Mapping[str, str]

    def run(self, commands: str) -> str:
        """Run commands of the page as its reader does; what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands.replace(ADDRESS, self.address)],
            env=dict(self.env),
            cwd=self.alice.root_dir,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.hub.port}"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    logs = folder / "log"
    logs.mkdir(mode=0o700)
    etc = folder / "etc"
    etc.mkdir()
    config = block_of("deployment", "c.McpSandbox").text
    assert config.count(LOGS) == 1
    (etc / "jupyter_server_config.py").write_text(config.replace(LOGS, str(logs)))
    where = f"c.Spawner.environment.update({{'JUPYTER_CONFIG_PATH': {str(etc)!r}}})\n"
    env = {"PROMETHEUS_TOKEN": FOR_SERVICE}
    with running_hub(folder, block_of("deployment", "c.JupyterHub").text + where, env=env) as hub:
        alice = hub.start("alice")
        yield Deployment(
            hub=hub,
            alice=alice,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(folder / "alice"),
                "JUPYTER_CONFIG_PATH": str(etc),
                "ADMIN_TOKEN": hub.token,
                "TOKEN": alice.token,
                **env,
            },
        )


def test_an_administrator_makes_a_token_for_an_agent(deployment: Deployment) -> None:
    made = json.loads(deployment.run(block_of("deployment", "/tokens").text))

    agent = McpClient(deployment.alice, headers={"Authorization": f"Bearer {made['token']}"})
    assert agent.run("6 * 7").text.endswith("42")
    headers = {"Authorization": f"token {made['token']}"}
    assert deployment.hub.request("GET", "/hub/api/users", headers=headers).status == 403


def test_the_configuration_is_in_force(deployment: Deployment) -> None:
    status = McpClient(deployment.alice).call("get_kernel_status") if _ran(deployment) else None

    assert status is not None
    assert "sandbox: " in status.text
    assert "sandbox: none" not in status.text
    assert "2 GB" in status.text


def test_the_checks_say_that_all_is_well(deployment: Deployment) -> None:
    _ran(deployment)

    said = deployment.run(block_of("deployment", "mcp/health").text)

    assert said.startswith('{"status": "ok"}')
    assert '"sandbox"' in said
    assert re.search(r"^jupyter_mcp_calls_total{.*execute_code.*} [1-9]", said, re.MULTILINE)


def test_the_audit_file_is_whole_and_tells_what_was_done(deployment: Deployment) -> None:
    _ran(deployment)

    said = deployment.run(block_of("deployment", "audit verify").text)

    assert "execute_code" in said
    assert "alice" in said


def test_the_commands_of_the_audit_file_run(deployment: Deployment) -> None:
    _ran(deployment)

    said = deployment.run(block_of("operations", "jupyter mcp audit verify").text)

    assert "execute_code" in said


def test_the_sessions_on_the_disk_are_listed(deployment: Deployment) -> None:
    client = McpClient(deployment.alice, name="listed")
    client.run("1")

    said = deployment.run(block_of("deployment", "sessions list").text)

    assert "listed" in said


def test_prometheus_is_told_where_the_metrics_are() -> None:
    written = block_of("deployment", "scrape_configs").text

    assert "metrics_path: /user/alice/metrics" in written
    assert f'targets: ["{ADDRESS.removeprefix("http://")}"]' in written


def test_the_image_installs_what_the_sandbox_needs() -> None:
    written = block_of("deployment", "FROM quay.io").text

    assert "bubblewrap" in written
    assert (
        f"/etc/jupyter/\nRUN install --directory --owner=${{NB_UID}} --mode=0700 {LOGS}" in written
    )


def _ran(deployment: Deployment) -> bool:
    """Have Alice's agent run code."""
    return not McpClient(deployment.alice).run("1").is_error
