"""JSON with a digest by a key."""

from __future__ import annotations

import json

import pytest

from jupyter_mcp_ext.sealed import canonical, digest, is_digest, is_sealed, seal

KEY = b"k" * 32
CONTENT = {"version": 1, "name": "sales", "list": [1, {"b": 2, "a": None}]}


def test_what_was_sealed_is_known_after_a_round_through_json() -> None:
    assert is_sealed(json.loads(canonical(seal(CONTENT, KEY))), KEY)
    assert is_sealed(json.loads(json.dumps(seal(CONTENT, KEY), indent=1)), KEY)


@pytest.mark.parametrize(
    "content",
    [
        {**seal(CONTENT, KEY), "name": "sale"},
        {**seal(CONTENT, KEY), "more": 1},
        {**seal(CONTENT, KEY), "digest": 1},
        {**seal(CONTENT, KEY), "digest": "ü\udc80"},
        seal(CONTENT, b"another"),
        CONTENT,
        {},
    ],
)
def test_what_was_changed_or_has_no_digest_is_not_sealed(content: dict[str, object]) -> None:
    assert not is_sealed(content, KEY)


def test_a_digest_is_compared_as_text_and_as_bytes() -> None:
    found = digest(b"line", KEY)

    assert is_digest(found, b"line", KEY)
    assert is_digest(found.encode(), b"line", KEY)
    assert not is_digest(found, b"another line", KEY)
