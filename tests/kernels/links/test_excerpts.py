"""Excerpts of messages that are too large to be parsed, given as literal JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from jupyter_mcp_ext.kernels.links.excerpts import END, MAX_PARSED, Excerpt, excerpt, is_cheap

LARGE = MAX_PARSED + 2 * END


def read(msg_type: str, content: Any, *, is_ascii: bool = False) -> Excerpt:
    """The excerpt of a message, written as a Python kernel or another kernel would."""
    return excerpt(msg_type, memoryview(json.dumps(content, ensure_ascii=is_ascii).encode()))


def text_of(found: Excerpt) -> str:
    assert found.content is not None
    return str(found.content["text"])


def test_a_long_text_is_cheap_and_many_items_are_not() -> None:
    assert is_cheap(json.dumps({"text": "x" * 10_000_000}).encode())
    assert is_cheap(json.dumps({"text": "," * 900_000}).encode())
    assert not is_cheap(b"[" + b"[]," * 600_000 + b"[]]")
    assert not is_cheap(b'"' + b"x" * MAX_PARSED + b'"')


def test_text_that_only_looks_like_many_items_is_read_whole() -> None:
    text = "a,b,c\n" * 1_000_000

    found = read("stream", {"name": "stderr", "text": text})

    assert found.content == {"name": "stderr", "text": text}
    assert found.unread < 100


# Escapes and multi-byte characters, wherever the text is cut.
@pytest.mark.parametrize("unit", ["x", "\\", '"', "\n", 'a\\"', "é", "\u4e2d", "\U0001f600", "\0b"])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_both_ends_of_a_long_text_are_kept_whatever_is_in_it(unit: str, is_ascii: bool) -> None:
    bytes_each = len(json.dumps(unit, ensure_ascii=is_ascii).encode()) - len('""')
    text = "first " + unit * (LARGE // bytes_each + 1_000) + " last"

    found = text_of(read("stream", {"text": text, "name": "stdout"}, is_ascii=is_ascii))

    head, _, tail = found.partition("\n[… ")
    left_out, _, tail = tail.partition(" bytes of this text are not kept …]\n")
    assert text.startswith(head.rstrip("?"))
    assert len(head) > 80_000
    assert int(left_out.replace(",", "")) > MAX_PARSED - 2 * END
    if unit != "\\":  # where one of them begins cannot be told
        assert text.endswith(tail.lstrip("?"))
        assert len(tail) > 80_000


def test_a_display_keeps_the_ends_of_its_text_and_its_place() -> None:
    content = {
        "data": {"text/html": "<b>", "text/plain": "first" + "x" * LARGE + "last"},
        "metadata": {},
        "transient": {"display_id": "d1"},
        "execution_count": 7,
    }

    found = read("execute_result", content).content

    assert found is not None
    assert found["data"]["text/plain"].startswith("firstx")
    assert found["data"]["text/plain"].endswith("xlast")
    assert found["transient"] == {"display_id": "d1"}
    assert found["execution_count"] == 7


def test_a_display_without_text_says_what_it_was() -> None:
    found = read("display_data", {"data": {"image/png": "x" * LARGE}, "metadata": {}})

    assert found.content is not None
    assert "image/png" in found.content["data"]["text/plain"]
    assert found.unread > LARGE


def test_keys_inside_of_texts_are_not_taken_for_keys() -> None:
    text = json.dumps({"text": "inner", "name": "stderr"}) * 800_000

    found = read("stream", {"name": "stdout", "text": text})

    assert found.content is not None
    assert found.content["name"] == "stdout"
    assert text_of(found).startswith('{"text": "inner"')
    assert text_of(found).endswith('"name": "stderr"}')


def test_an_error_keeps_its_name_and_the_ends_of_what_it_says() -> None:
    content = {
        "traceback": ["a", "b" * LARGE, "c"],
        "ename": "ValueError",
        "evalue": "first" + "x" * LARGE + "last",
    }

    found = read("error", content).content

    assert found is not None
    assert found["ename"] == "ValueError"
    assert found["evalue"].startswith("firstx")
    assert found["evalue"].endswith("xlast")
    assert [part[0] for part in found["traceback"]] == ["a", "b", "c"]


def test_a_reply_of_many_items_keeps_its_status() -> None:
    payload: list[list[int]] = [[] for _ in range(1_200_000)]
    reply = {"status": "ok", "execution_count": 3, "payload": payload, "user_expressions": {}}

    found = read("execute_reply", reply)

    assert found.content is not None
    assert (found.content["status"], found.content["execution_count"]) == ("ok", 3)
    assert found.unread > 4_000_000


def test_messages_that_no_excerpt_shows_are_counted() -> None:
    found = read("comm_msg", {"data": "x" * LARGE})

    assert found == Excerpt(content=None, unread=LARGE + 12)


def test_reading_takes_a_time_that_grows_with_the_size_only() -> None:
    """No regular expression here backtracks."""
    for unit in (b"\\", b'"', b'\\"', b'"text/plain', b'"a/', b" ", b'"a":'):
        content = memoryview(b'{"data": {' + unit * (4_000_000 // len(unit)))
        begun = time.process_time()
        for msg_type in ("stream", "display_data", "execute_reply"):
            excerpt(msg_type, content)
        assert time.process_time() - begun < 20, unit
