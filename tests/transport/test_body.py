from __future__ import annotations

import json

import pytest

from jupyter_mcp_ext.transport.body import refuse_body
from jupyter_mcp_ext.transport.refusal import INVALID_REQUEST, PARSE_ERROR


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {"name": "x"}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 0, "result": {}},
        {"jsonrpc": "2.0", "id": 0, "error": {"code": -1, "message": "no"}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": "no"}},
    ],
)
def test_a_message_is_let_through(message: object) -> None:
    assert refuse_body(json.dumps(message).encode()) is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"hello", b"[" * 100_000, b"1" * 5_000])
def test_a_body_that_is_not_json_is_a_parse_error(body: bytes) -> None:
    refusal = refuse_body(body)

    assert refusal is not None
    assert (refusal.status, refusal.code) == (400, PARSE_ERROR)


@pytest.mark.parametrize(
    "message",
    [
        [],
        [{"jsonrpc": "2.0", "id": 1, "method": "ping"}],
        5,
        "ping",
        None,
        {},
        {"id": 1, "method": "ping"},
        {"jsonrpc": "1.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": None, "method": "ping"},
        {"jsonrpc": "2.0", "id": True, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": None},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "result": {}},
        {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 1, "message": ""}},
        {"jsonrpc": "2.0", "id": 1, "result": 5},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": "1", "message": ""}},
    ],
)
def test_json_that_is_not_a_message_is_an_invalid_request(message: object) -> None:
    refusal = refuse_body(json.dumps(message).encode())

    assert refusal is not None
    assert (refusal.status, refusal.code) == (400, INVALID_REQUEST)


def test_the_refusal_of_a_request_carries_its_id() -> None:
    refusal = refuse_body(b'{"jsonrpc": "2.0", "id": "abc", "method": "ping", "params": null}')

    assert refusal is not None
    assert json.loads(refusal.body())["id"] == "abc"


@pytest.mark.parametrize(
    "params",
    [
        '{"arguments": ' + "[" * 200 + "]" * 200 + "}",
        "{" + ",".join(f'"{n}": 1' for n in range(300_000)) + "}",
        '{"arguments": {"cells": [' + ",".join(["{}"] * 100_000) + "]}}",
    ],
)
def test_a_body_of_too_much_is_refused_before_it_is_parsed(params: str) -> None:
    body = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}'

    refusal = refuse_body(body.encode())

    assert refusal is not None
    assert (refusal.status, refusal.code) == (400, PARSE_ERROR)
    assert "Send less" in refusal.message


def test_commas_and_brackets_in_the_text_of_a_body_are_not_counted_as_items() -> None:
    code = ',[{\\"' * 200_000
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"code": code}}

    assert refuse_body(json.dumps(message).encode()) is None


def test_a_number_of_ten_thousand_digits_is_a_parse_error() -> None:
    body = f'{{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {{"n": {"9" * 10_000}}}}}'

    refusal = refuse_body(body.encode())

    assert refusal is not None
    assert refusal.code == PARSE_ERROR
