"""Checks that a request's body is one JSON-RPC message, before the SDK sees it.

For some of the bodies refused here, the SDK answers with a dump of its validator. The parameters
of each method are left to it.
"""

from __future__ import annotations

import json
from typing import TypeGuard, cast

from jupyter_mcp_ext import measured

from .refusal import INVALID_REQUEST, PARSE_ERROR, Refusal

MAX_BODY_BYTES = 4 * 1024 * 1024

MAX_ITEMS = 50_000
"""Objects, arrays and members in a body: examining each takes time for which all wait."""

_ONE_MESSAGE = "Send one JSON-RPC 2.0 message as a JSON object in each POST."


def refuse_body(body: bytes) -> Refusal | None:
    """What is wrong with a POST's body; None if it is one JSON-RPC message."""
    try:
        message: object = measured.loads(body, max_items=MAX_ITEMS)
    except measured.TooMuch:
        sentence = (
            f"The body has more than {MAX_ITEMS:,} items or is nested over {measured.MAX_DEPTH} "
            "deep. Send less in one request."
        )
        return Refusal(status=400, code=PARSE_ERROR, message=sentence)
    except (ValueError, RecursionError):
        return Refusal(
            status=400, code=PARSE_ERROR, message=f"The body is not JSON. {_ONE_MESSAGE}"
        )
    if not _is_unicode(body, message):
        sentence = "The body has a lone surrogate, which is not a character. Send valid Unicode."
        return Refusal(status=400, code=PARSE_ERROR, message=sentence)
    if isinstance(message, list):
        return _invalid(f"JSON-RPC batches are not supported. {_ONE_MESSAGE}")
    if not isinstance(message, dict):
        return _invalid(f"The body is JSON, but not an object. {_ONE_MESSAGE}")
    return _refuse_envelope(cast("dict[str, object]", message))


def _is_unicode(body: bytes, message: object) -> bool:
    """Whether everything in the message can be encoded again."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return True
    try:
        json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_envelope(message: dict[str, object]) -> Refusal | None:
    request_id = message.get("id")
    known_id = request_id if _is_id(request_id) else None
    if message.get("jsonrpc") != "2.0":
        return _invalid('The message has no "jsonrpc": "2.0".', known_id)
    if "id" in message and known_id is None and "error" not in message:
        return _invalid('"id" must be a string or an integer; leave it out in a notification.')
    if "method" in message:
        return _refuse_call(message, known_id)
    answers = [key for key in ("result", "error") if key in message]
    if len(answers) != 1 or "id" not in message:
        return _invalid(
            'The message needs a "method", or an "id" with a "result" or an "error".',
            known_id,
        )
    return _refuse_answer(message, answers[0], known_id)


def _refuse_call(message: dict[str, object], known_id: str | int | None) -> Refusal | None:
    if not isinstance(message["method"], str):
        return _invalid('"method" must be a string.', known_id)
    if "params" in message and not isinstance(message["params"], dict):
        return _invalid('"params" must be an object; leave it out when there are none.', known_id)
    return None


def _refuse_answer(
    message: dict[str, object], answer: str, known_id: str | int | None
) -> Refusal | None:
    value = message[answer]
    if not isinstance(value, dict):
        return _invalid(f'"{answer}" must be an object.', known_id)
    if answer == "error" and not (
        _is_integer(value.get("code")) and isinstance(value.get("message"), str)
    ):
        return _invalid('"error" needs an integer "code" and a string "message".', known_id)
    return None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: object) -> TypeGuard[str | int]:
    return isinstance(value, str) or _is_integer(value)


def _invalid(sentence: str, request_id: str | int | None = None) -> Refusal:
    return Refusal(status=400, code=INVALID_REQUEST, message=sentence, request_id=request_id)
