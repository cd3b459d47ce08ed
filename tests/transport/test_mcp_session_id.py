"""Ids of protocol sessions: what they carry, for whom, and what they never reveal."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_ext.transport.mcp_session_id import MAX_SEALED, Opening, Seal, nonce

KEY = b"k" * 32
PARAMS: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "clientInfo": {"name": "gemini-cli", "version": "1.2", "title": "left out"},
    "capabilities": {"elicitation": {"form": {}}},
}


def opening(**changes: Any) -> Opening:
    found = Opening.of({**PARAMS, **changes})
    assert found is not None
    return found


def test_an_id_says_to_its_user_and_server_what_opens_its_session_again() -> None:
    session_id = Seal(KEY).close(opening(), "alice")

    found = Seal(KEY).open(session_id, "alice")

    assert found == opening()
    assert found is not None
    assert found.params() == {**PARAMS, "clientInfo": {"name": "gemini-cli", "version": "1.2"}}


def test_each_session_has_an_id_of_its_own() -> None:
    one, two = (Seal(KEY).close(opening(), "alice") for _ in range(2))

    assert one != two
    assert nonce(one) != nonce(two)


@pytest.mark.parametrize("name", ["another user", "another key", "changed", "another version"])
def test_an_id_that_was_not_made_for_this_user_by_this_server_says_nothing(name: str) -> None:
    session_id = Seal(KEY).close(opening(), "alice")
    other = Seal(KEY).close(opening(protocolVersion="2025-11-25"), "alice")
    given = {
        "another user": (Seal(KEY), session_id, "bob"),
        "another key": (Seal(b"x" * 32), session_id, "alice"),
        "changed": (
            Seal(KEY),
            f"{other.rpartition('.')[0]}.{session_id.rpartition('.')[2]}",
            "alice",
        ),
        "another version": (Seal(KEY), "2" + session_id[1:], "alice"),
    }
    seal, words, subject = given[name]

    assert seal.open(words, subject) is None


@pytest.mark.parametrize("words", ["", "a" * 32, "1.2.3.4", "....", "\N{SNOWMAN}.a.b.c", "1.a.!.b"])
def test_any_other_word_is_not_an_id(words: str) -> None:
    assert Seal(KEY).open(words, "alice") is None
    assert nonce("a" * 32) == ""


def test_a_client_that_says_much_gets_an_id_that_fits_into_a_header() -> None:
    much = {f"x{n}": {"schema": f"{n * 7919}" * 50} for n in range(100)}

    session_id = Seal(KEY).close(opening(capabilities={"elicitation": {}, **much}), "alice")

    assert len(session_id) < MAX_SEALED + 100
    found = Seal(KEY).open(session_id, "alice")
    assert found is not None
    assert "elicitation" in found.capabilities


@pytest.mark.parametrize("params", [None, [], {}, {"protocolVersion": 1, "clientInfo": {}}])
def test_what_does_not_open_a_protocol_session_is_not_taken_for_it(params: object) -> None:
    assert Opening.of(params) is None
