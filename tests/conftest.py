"""Fixtures for tests against a Jupyter server: a real one in its own process, or one in-process.

- ``start_server`` starts a server in a subprocess as often as a test asks, with any options;
  ``server`` is one with a token and nothing else, shared by a module's tests.
- ``jp_serverapp``, ``jp_fetch`` (pytest-jupyter) run a server in the test's own process, under
  ``/a%40b/``, with the extension enabled by ``jp_server_config`` below.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from tests import forked_kernels
from tests.servers import JupyterServer, running_server

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

pytest_plugins = ["pytest_jupyter.jupyter_server"]

# What the many processes of the tests import is compiled once, not in each: some images set this.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


BROWSER = "tests/browser/"
"""Tests that share a browser and the servers that it has open."""
LONGEST = (
    "agents/test_programs.py",
    "agents/test_libraries.py",
    "browser/test_edits.py",
    "test_peers.py",
    "executions/test_service.py",
    "sessions/test_states.py",
    "test_results.py",
    "soak/test_soak.py",
    "vscode/test_workbench.py",
    "test_endurance.py",
    "test_sessions.py",
    "test_session_faults.py",
    "test_older_pythons.py",
    "kernels/links/test_counting.py",
    "packages/test_packages.py",
    "test_states.py",
    "test_other_kernels.py",
    "test_bad_input.py",
    "sessions/saving/test_snapshots.py",
    "kernels/test_other_kernels.py",
    "test_cli.py",
    "test_package.py",
    "executions/test_death.py",
    "rendering/test_rendering.py",
    "test_patterns.py",
    "sessions/test_service.py",
    "conformance/test_conformance.py",
    "test_queue.py",
    "test_input.py",
    "test_packages.py",
    "kernels/test_service.py",
    "sessions/comeback/test_restoring.py",
    "variables/test_service.py",
    "sessions/test_spares.py",
    "test_tasks.py",
)
"""The files that take longest, the longest first."""


def pytest_xdist_auto_num_workers() -> int:
    """Two for each processor: tests wait for servers and kernels much of their time."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that none of them is what the others wait for at the end."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist is published without types
    """A file stays with one process, and so do all tests in the browser."""

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Group tests as above, unless the command line has another way."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    """Enable the extension in pytest-jupyter's in-process server."""
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_mcp_ext": True}},
        "McpSessions": {"spare_kernels": 0},
        "KernelProvisionerFactory": {"default_provisioner_name": forked_kernels.NAME},
    }


@pytest.fixture(scope="module")
def start_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., JupyterServer]]:
    """Start servers in subprocesses: ``start_server(*options, token=..., env=..., command=...)``.

    They are ended with the module. Each has a root folder, a home and a runtime folder of its own.
    """
    with ExitStack() as stack:

        def start(*options: str, **more: Any) -> JupyterServer:
            folder: Path = tmp_path_factory.mktemp("server")
            return stack.enter_context(running_server(folder, *options, **more))

        yield start


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A server in a subprocess with a token, as a person starts it."""
    return start_server()
