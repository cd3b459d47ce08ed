"""The dashboard and the alert rules of the documentation, with a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_events import yaml

from tests.mcp_client import NEW, McpClient
from tests.monitoring.prometheus import DOCS, Prometheus, reading
from tests.servers import JupyterServer

RULES = DOCS / "alerts.yml"
CASES = Path(__file__).parent / "alerts.yml"
VARIABLES = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*"}
"""What Grafana puts in their place."""
FOREVER = "import time\nprint('begun', flush=True)\ntime.sleep(600)"
TOO_MANY = 102
"""Executions, of which more wait than an alert allows."""
NAME = re.compile(r"\b(?:jupyter|process)_[a-z_]+\b")


def alerts() -> dict[str, str]:
    """The expressions of the alert rules."""
    [group] = yaml.loads(RULES.read_text())["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def panels() -> list[tuple[str, str]]:
    """The titles and expressions of the dashboard."""
    found = []
    for panel in json.loads((DOCS / "grafana.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found.append((panel["title"], expression))
    return found


def promtool(*arguments: str) -> str:
    """What it says of something that is right."""
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, check=False, cwd=CASES.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prometheus(
    start_server: Callable[..., JupyterServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """It reads a server where something has happened of all that is counted.

    More executions of the client ``flooding`` wait than an alert allows.
    """
    server = start_server(
        "--Application.log_level=DEBUG", f"--McpCalls.max_queued_per_session={TOO_MANY}"
    )
    client = McpClient(server, NEW, name="working")
    client.run("x = 1")
    client.call("shutdown_kernel", session_id="default")
    client.run("import os; os._exit(7)")
    flooding = McpClient(server, NEW, name="flooding")
    flooding.begin(FOREVER)
    for _ in range(TOO_MANY - 1):
        flooding.run("1", wait=0)
    flooding.refused("execute_code", code="1")
    with reading(server, tmp_path_factory.mktemp("prometheus")) as prometheus:
        prometheus.until_read(2)  # a rate is one of two values
        yield prometheus


def test_the_rules_are_valid() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", str(RULES))


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    cases = CASES.read_text()

    promtool("test", "rules", str(CASES))

    for name in alerts():
        assert f"alertname: {name}}}" in cases, name
        assert f'alertname="{name}"' in cases, name


def test_every_metric_that_is_named_exists(prometheus: Prometheus) -> None:
    expressions = [*alerts().values(), *(expression for _, expression in panels())]

    named = {name for each in expressions for name in NAME.findall(each)}

    assert len(named) > 15
    assert [name for name in sorted(named) if not prometheus.query(name)] == []


@pytest.mark.parametrize("title", dict(panels()))
def test_every_panel_of_the_dashboard_shows_something(prometheus: Prometheus, title: str) -> None:
    for expression in (each for name, each in panels() if name == title):
        assert prometheus.query(expression) != [], expression


def firing(prometheus: Prometheus) -> set[str]:
    """The alerts that fire; a busy machine may be a reason for that of the event loop."""
    found = {name for name, expression in alerts().items() if prometheus.query(expression)}
    return found - {"JupyterMcpEventLoopBlocked"}


def test_an_alert_fires_as_long_as_there_is_reason(prometheus: Prometheus) -> None:
    before = firing(prometheus)
    McpClient(prometheus.server, NEW, name="flooding").call(
        "shutdown_kernel", session_id="default", force=True
    )
    prometheus.until_read()
    left = firing(prometheus)

    assert before == {"JupyterMcpLongQueue"}
    assert left == set()
