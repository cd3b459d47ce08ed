"""Real programs against a mock model: what reaches the model of each, offline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .client import Client
from .judging import EXPECTED, words
from .playing import Played, Stage
from .programs import PROGRAMS
from .seeing import cancelled, played, stage
from .table import FILE, read

pytestmark = pytest.mark.timeout(600)  # installs them at the first run

TOLD = read(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One model and one server for all of them."""
    with stage(tmp_path_factory.mktemp("agents")) as one:
        yield one


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda client: client.key)
def client(request: pytest.FixtureRequest) -> Client:
    """Each of them in turn."""
    one: Client = request.param
    return one


@pytest.fixture(scope="module")
def run(client: Client, on: Stage) -> Played:
    """What it put before the model, which several tests look at."""
    return played(client, on)


def test_a_program_makes_all_calls_and_ends(run: Played, on: Stage) -> None:
    assert run.conversation.is_over.is_set(), run.said
    assert on.model.faults == []


def test_what_the_server_answers_is_readable_for_the_model(run: Played) -> None:
    shown = words(run.conversation)

    assert {name: shown[name] for name in EXPECTED if shown[name] not in EXPECTED[name]} == {}


def test_the_page_says_what_reaches_the_model(client: Client, run: Played) -> None:
    told = {name: TOLD[client.name][name] for name in words(run.conversation)}

    assert words(run.conversation) == told, "python -m tests.agents writes it"


def test_the_page_says_what_becomes_of_code_whose_program_is_interrupted(
    client: Client, on: Stage
) -> None:
    assert cancelled(client, on) == TOLD[client.name]["cancel"]
