"""The protocol's own test suite, through our transport and against the real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tests.conformance.renaming import renaming
from tests.npm import binaries
from tests.servers import JupyterServer

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
EVERYTHING = (
    "--ServerApp.jpserver_extensions=tests.conformance.extension=True",
    "--ServerApp.jpserver_extensions=jupyter_mcp_ext=False",
)
# Extensions of the protocol: one is tested separately, the other is not served.
ASIDE = ("tasks-", "sep-2640-skills-")
TASKS = {
    "tasks-lifecycle": 9,
    "tasks-capability-negotiation": 5,
    "tasks-wire-fields": 4,
    "tasks-request-state-removal": 3,
    "tasks-mrtr-input": 4,
    "tasks-request-headers": 5,
    "tasks-dispatch-and-envelope": 9,
    "tasks-required-task-error": 3,
    "tasks-mrtr-composition": 2,
}
"""Checks of the scenarios on tasks; the tenth, on notifications, skips itself."""
CHECKS = re.compile(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z/checks\.json")
"""Where the suite writes the checks of a scenario."""
SUMMARY = re.compile(r"^[✓✗] (\S+): (\d+) passed, (\d+) failed", re.MULTILINE)

NOTEBOOKS = ("text", "watched", "123")
NAMES = {
    "test://static-text": "jupyter://notebooks/text.ipynb",
    "test://watched-resource": "jupyter://notebooks/watched.ipynb",
    "test://template/123/data": "jupyter://notebooks/123.ipynb",
    "test_prompt_with_arguments": "analyse_file",
    "arg1": "path",
    "arg2": "question",
}
"""What the suite asks for, and what the real server has instead."""
BOTH = ("2025-11-25", "2026-07-28")
RENAMED = {
    "resources-read-text": BOTH,
    "resources-templates-read": BOTH,
    "resources-subscribe": BOTH[:1],
    "resources-unsubscribe": BOTH[:1],
    "completion-complete": BOTH,
    "prompts-get-with-args": BOTH,
}
"""The scenarios of these, and the versions that have them.

Not: binary resources, prompts without arguments, and prompts with images or resources.
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def node() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of the pinned npm packages, which are installed if they are missing."""
    found, path = binaries(HERE, "conformance")

    def run(command: str, *arguments: str, env: Mapping[str, str] | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN202  # the fixture says what
        return subprocess.run(
            [str(found / command), *arguments],
            env={**os.environ, **(env or {}), "PATH": path},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def everything(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """The suite's "everything" server behind our handler; the suite sends no credentials."""
    return start_server(*EVERYTHING, token="")


def results(output: str) -> dict[str, tuple[int, int]]:
    """Passed and failed checks of each scenario that is served."""
    return {
        name: (int(passed), int(failed))
        for name, passed, failed in SUMMARY.findall(output)
        if not name.startswith(ASIDE)
    }


@pytest.mark.parametrize(("version", "checks"), [("2025-11-25", 84), ("2026-07-28", 152)])
def test_the_transport_conforms(
    node: Callable[..., subprocess.CompletedProcess[str]],
    everything: JupyterServer,
    version: str,
    checks: int,
) -> None:
    done = node(
        "conformance",
        "server",
        "--url",
        everything.url,
        "--suite",
        "all",
        "--spec-version",
        version,
    )

    scenarios = results(done.stdout)
    failed = {name: counts for name, counts in scenarios.items() if counts[1]}
    assert not failed, done.stdout[-8000:]
    assert sum(passed for passed, _ in scenarios.values()) == checks


@pytest.fixture(scope="module")
def checked(
    node: Callable[..., subprocess.CompletedProcess[str]],
    everything: JupyterServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Sequence[Mapping[str, object]]]:
    """The checks of each scenario, of one run of all that belong to any version or to none."""
    folder = tmp_path_factory.mktemp("checks")
    node("conformance", "server", "--url", everything.url, "--suite", "all", "-o", str(folder))
    found = {path: CHECKS.search(path.as_posix()) for path in folder.glob("*/checks.json")}
    return {name[1]: json.loads(path.read_text()) for path, name in found.items() if name}


@pytest.mark.parametrize(("scenario", "checks"), TASKS.items())
def test_the_tasks_conform(
    checked: Mapping[str, Sequence[Mapping[str, object]]], scenario: str, checks: int
) -> None:
    outcomes = Counter(check["status"] for check in checked[scenario])

    assert outcomes["SUCCESS"] == checks, checked[scenario]
    assert not outcomes["FAILURE"] + outcomes["WARNING"], checked[scenario]


@pytest.fixture(scope="module")
def open_server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """The real server, without a token, with notebooks."""
    server = start_server(token="")
    for name in NOTEBOOKS:
        node = new_notebook(cells=[new_markdown_cell(f"Data for ID: {name}")])  # type: ignore[no-untyped-call]
        (server.root_dir / f"{name}.ipynb").write_text(nbformat.writes(node))  # type: ignore[no-untyped-call]
    return server


@pytest.fixture(scope="module")
def renamed(open_server: JupyterServer) -> Iterator[str]:
    """The real server under the names that the suite asks for."""
    with renaming(open_server.port, NAMES) as url:
        yield url


@pytest.mark.parametrize(
    ("scenario", "version"),
    [
        ("server-initialize", "2025-11-25"),
        ("server-session-lifecycle", "2025-11-25"),
        ("ping", "2025-11-25"),
        ("tools-list", "2025-11-25"),
        ("dns-rebinding-protection", "2025-11-25"),
        ("resources-list", "2025-11-25"),
        ("prompts-list", "2025-11-25"),
        ("tools-list", "2026-07-28"),
        ("resources-list", "2026-07-28"),
        ("prompts-list", "2026-07-28"),
        ("sep-2164-resource-not-found", "2026-07-28"),
        ("caching", "2026-07-28"),
        ("http-header-validation", "2026-07-28"),
        ("dns-rebinding-protection", "2026-07-28"),
    ],
)
def test_the_real_server_conforms(
    node: Callable[..., subprocess.CompletedProcess[str]],
    open_server: JupyterServer,
    scenario: str,
    version: str,
) -> None:
    done = node(
        "conformance",
        "server",
        *("--url", open_server.url, "--scenario", scenario, "--spec-version", version),
    )

    assert done.returncode == 0, done.stdout[-8000:]


@pytest.mark.parametrize(
    ("scenario", "version"),
    [(scenario, version) for scenario, versions in RENAMED.items() for version in versions],
)
def test_the_real_server_conforms_with_its_own_resources_and_prompts(
    node: Callable[..., subprocess.CompletedProcess[str]],
    renamed: str,
    scenario: str,
    version: str,
) -> None:
    asked = ("--scenario", scenario, "--spec-version", version)

    done = node("conformance", "server", "--url", renamed, *asked)

    assert done.returncode == 0, done.stdout[-8000:]


def test_the_real_server_subscribes_and_announces_as_the_newer_protocol_wants(
    node: Callable[..., subprocess.CompletedProcess[str]],
    open_server: JupyterServer,
    tmp_path: Path,
) -> None:
    scenario = ("--scenario", "server-stateless", "--spec-version", "2026-07-28")

    node("conformance", "server", "--url", open_server.url, *scenario, "-o", str(tmp_path))

    [file] = tmp_path.glob("*/checks.json")
    checks = json.loads(file.read_text())
    other = {c["id"]: c for c in checks if c["status"] != "SUCCESS"}
    # They need a tool of the suite's, or a list that changes.
    fixtures = {name for name, check in other.items() if check["details"].get("untestable")}
    skipped = {name for name, check in other.items() if check["status"] == "SKIPPED"}
    assert fixtures | skipped == set(other), other
    assert len(fixtures) <= 4
    assert len(skipped) <= 2
    passed = {check["id"] for check in checks} - set(other)
    assert {name for name in passed if "subscription" in name or "notification" in name} == {
        "sep-2575-server-sends-subscription-ack",
        "sep-2575-server-tags-subscription-id",
        "sep-2575-server-honors-notification-filter",
    }
    assert "sep-2575-discover-capabilities-match-handlers" in passed


def test_the_inspector_lists_the_tools(
    node: Callable[..., subprocess.CompletedProcess[str]],
    start_server: Callable[..., JupyterServer],
    tmp_path: Path,
) -> None:
    server = start_server()
    header = f"Authorization: Bearer {server.token}"
    target = ("--cli", server.url, "--transport", "http", "--header", header)

    listed = node("mcp-inspector", *target, "--method", "tools/list", env={"HOME": str(tmp_path)})

    assert '"execute_code"' in listed.stdout, listed.stderr


def test_the_inspector_runs_code(
    node: Callable[..., subprocess.CompletedProcess[str]],
    start_server: Callable[..., JupyterServer],
    tmp_path: Path,
) -> None:
    server = start_server()
    header = f"Authorization: Bearer {server.token}"
    call = ("--method", "tools/call", "--tool-name", "execute_code", "--tool-arg", "code=1+1")

    done = node(
        "mcp-inspector",
        *("--cli", server.url, "--transport", "http", "--header", header),
        *call,
        env={"HOME": str(tmp_path)},
    )

    assert '"text"' in done.stdout, done.stderr
    assert "2" in done.stdout
