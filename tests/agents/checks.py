"""The tests of clients, which are the same for programs and libraries."""

from __future__ import annotations

from .client import Client
from .installing import pinned_version
from .judging import EXPECTED, words
from .playing import Played, Stage
from .seeing import cancelled, plotted_over_http
from .table import FILE, read

TOLD = read(FILE.read_text(encoding="utf-8"))


class Checks:
    """What is tested of each client; its run is shared by the tests that look at it."""

    def test_the_client_makes_all_calls_and_ends(self, run: Played, on: Stage) -> None:
        assert run.conversation.unanswered in ("", "input"), run.said
        assert on.model.faults == []

    def test_what_the_server_answers_is_readable_for_the_model(self, run: Played) -> None:
        shown = words(run.conversation)

        assert {name: shown[name] for name in EXPECTED if shown[name] not in EXPECTED[name]} == {}

    def test_the_page_says_what_reaches_the_model(self, client: Client, run: Played) -> None:
        told = {name: TOLD[client.name][name] for name in words(run.conversation)}

        assert words(run.conversation) == told, "python -m tests.agents writes it"

    def test_a_plot_reaches_the_model_without_the_bridge_as_the_page_says(
        self, client: Client, on: Stage
    ) -> None:
        shown = plotted_over_http(client, on) if client.is_program else None

        assert shown == TOLD[client.name].get("http")

    def test_the_page_says_what_becomes_of_code_whose_client_is_interrupted(
        self, client: Client, on: Stage
    ) -> None:
        assert cancelled(client, on) == TOLD[client.name]["cancel"]

    def test_the_page_has_the_version_that_is_pinned(self, client: Client) -> None:
        assert TOLD[client.name]["version"] == pinned_version(client.package)
