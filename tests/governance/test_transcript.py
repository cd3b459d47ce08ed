"""The transcript is short whatever agents send, and each user's own."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.governance.transcript import (
    MAX_ARGUMENTS,
    MAX_CALLS,
    MAX_CLIENTS,
    MAX_SUBJECTS,
    MAX_TEXT,
    Entry,
    Transcript,
    first_text,
    shortened,
)


def entry(answer: str = "") -> Entry:
    return Entry(
        tool="execute_code",
        status="ok",
        client="tests",
        session_id=None,
        duration=0.1,
        arguments=(),
        answer=answer,
    )


def caller(subject: str = "alice", client: str = "tests", version: str = "1") -> Caller:
    return Caller(subject=subject, username=subject, client=client, client_version=version)


def test_the_newest_calls_come_first_and_the_oldest_go() -> None:
    transcript = Transcript()

    for number in range(MAX_CALLS + 2):
        transcript.add("alice", entry(str(number)))

    answers = [call.answer for call in transcript.calls("alice")]
    assert answers == [str(number) for number in range(MAX_CALLS + 1, 1, -1)]
    assert transcript.calls("bob") == ()


def test_the_clients_heard_of_last_are_kept() -> None:
    transcript = Transcript()

    for number in range(MAX_CLIENTS + 2):
        transcript.hear(caller(client=f"client-{number}"))
    transcript.hear(caller(client="client-5"))

    clients = transcript.clients("alice")
    assert len(clients) == MAX_CLIENTS
    assert (clients[0].name, clients[0].requests) == ("client-5", 2)
    assert {"client-0", "client-1"}.isdisjoint(client.name for client in clients)


def test_the_users_heard_of_last_are_kept() -> None:
    transcript = Transcript()

    for number in range(MAX_SUBJECTS + 1):
        transcript.add(f"user-{number}", entry())

    assert transcript.calls("user-0") == ()
    assert len(transcript.calls("user-1")) == 1


def test_listeners_hear_whose_call_has_ended() -> None:
    transcript, told = Transcript(), list[str]()
    transcript.changed.add(told.append)

    transcript.add("alice", entry())

    assert told == ["alice"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), values))
def test_arguments_are_texts_of_a_bounded_length(arguments: dict[str, Any]) -> None:
    for name, value in shortened(arguments):
        assert len(name) <= 101
        assert len(value) <= MAX_TEXT + 1


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000_000, list(range(1_000_000)), {"a": ["b" * 1_000_000] * 9}, 10**4_000],
    ids=["text", "list", "nested", "number"],
)
def test_large_arguments_are_cut(value: object) -> None:
    ((_, shown),) = shortened({"value": value})

    assert len(shown) <= MAX_TEXT + 1


def test_many_arguments_are_cut() -> None:
    arguments = {f"{letter}{number}": 1 for letter in string.ascii_letters for number in range(10)}

    assert len(shortened(arguments)) == MAX_ARGUMENTS
    assert shortened(None) == ()


def test_an_answer_is_the_beginning_of_its_texts() -> None:
    assert first_text(["[ok]", "[image/png]"]) == "[ok]\n[image/png]"
    assert first_text([]) == ""
    long = first_text("x" * 600 for _ in range(10**9))
    assert len(long) == MAX_TEXT + 1
    assert long.endswith("…")


@pytest.mark.parametrize("enabled", [True, False])
async def test_nothing_is_kept_on_a_server_without_the_page(
    jp_configurable_serverapp: Any, jp_server_config: dict[str, Any], enabled: bool
) -> None:
    config = {**jp_server_config, "McpPage": {"enabled": enabled}}
    serverapp = jp_configurable_serverapp(config=config)
    [app] = serverapp.extension_manager.extension_apps["jupyter_mcp_ext"]
    transcript = app.services.transcript

    transcript.hear(caller())
    transcript.add("alice", entry())

    assert (len(transcript.clients("alice")), len(transcript.calls("alice"))) == (enabled, enabled)
