"""One model, one server and one run of each client for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .client import Client
from .playing import Played, Stage
from .seeing import played, stage

pytest.register_assert_rewrite("tests.agents.checks")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a module's tests for each of its clients in turn."""
    if "client" in metafunc.fixturenames:
        clients = metafunc.module.CLIENTS
        metafunc.parametrize("client", clients, ids=[c.key for c in clients], scope="module")


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """What the clients of a module play on."""
    with stage(tmp_path_factory.mktemp("agents")) as one:
        yield one


@pytest.fixture(scope="module")
def run(client: Client, on: Stage) -> Played:
    """What a client put before the model, which several tests look at."""
    return played(client, on)
