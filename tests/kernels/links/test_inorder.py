"""A kernel's messages stay in order while large ones are parsed."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import pytest
import zmq
from jupyter_client.session import Session

from jupyter_mcp_ext.kernels.links import inorder
from jupyter_mcp_ext.kernels.links.excerpts import MAX_PARSED
from jupyter_mcp_ext.kernels.links.exchange import Content
from jupyter_mcp_ext.kernels.links.incoming import MAX_HEADER, Incoming
from jupyter_mcp_ext.kernels.links.inorder import MAX_MESSAGES, MAX_WAITING, InOrder

LARGE = "x" * (MAX_PARSED + 1)


class Hearing:
    """Receives messages and keeps how their text begins."""

    def __init__(self) -> None:
        self.session = Session(key=b"key")
        self.heard: list[str] = []
        self.dropped = 0
        self.held: list[bool] = []
        self.all = asyncio.Event()
        self.beside = asyncio.Event()
        self.order = InOrder(self.handle, self.drop, self.held.append, logging.getLogger("hearing"))

    def frames(self, text: str, **header: Any) -> list[zmq.Frame]:
        message = self.session.msg("stream", {"name": "stdout", "text": text}, header=None)
        message["header"].update(header)
        return [zmq.Frame(part) for part in self.session.serialize(message)]

    def put(self, channel: str, text: str) -> None:
        self.order.put(channel, self.frames(text))

    def handle(self, channel: str, frames: list[Any]) -> None:
        self.order.take(Incoming(self.session, frames), partial(self.hear, channel))

    def hear(self, channel: str, content: Content | None, unread: int) -> None:
        words = content["text"].strip("x")[:20] if content is not None else "nothing"
        self.heard.append(f"{channel} {words}")
        if words == "end":
            self.all.set()
        elif words.startswith("large beside"):
            self.beside.set()

    def drop(self, frames: list[Any]) -> None:
        self.dropped += 1


async def test_what_comes_after_a_large_message_waits_for_it_and_control_does_not() -> None:
    hearing = Hearing()

    hearing.put("iopub", "first" + LARGE)
    hearing.put("shell", "second")
    hearing.put("control", "beside")
    hearing.put("control", "large beside" + LARGE)
    hearing.put("iopub", "third" + LARGE)
    hearing.put("iopub", "end")
    await asyncio.wait_for(hearing.all.wait(), 60)
    await asyncio.wait_for(hearing.beside.wait(), 60)

    assert hearing.heard[0] == "control beside"
    in_order = [line for line in hearing.heard if not line.startswith("control")]
    assert [line.split("\n")[0].rstrip("x") for line in in_order] == [
        "iopub first",
        "shell second",
        "iopub third",
        "iopub end",
    ]


async def test_a_large_message_with_a_wrong_signature_is_logged_and_the_next_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hearing = Hearing()
    frames = hearing.frames("forged" + LARGE)
    frames[1] = zmq.Frame(b"0" * 64)

    hearing.order.put("iopub", frames)
    hearing.put("iopub", "end")
    await asyncio.wait_for(hearing.all.wait(), 60)

    assert hearing.heard == ["iopub end"]
    assert "the signature is wrong" in caplog.text


async def test_of_a_flood_that_waits_the_large_ones_are_dropped() -> None:
    hearing = Hearing()
    text = "y" * (MAX_WAITING // 8)

    hearing.put("iopub", "first" + LARGE)
    for _ in range(12):
        hearing.put("iopub", text)
    hearing.put("iopub", "end")
    await asyncio.wait_for(hearing.all.wait(), 60)

    assert hearing.dropped >= 4
    assert len(hearing.heard) == 14 - hearing.dropped


async def test_what_has_waited_is_handed_on_in_many_turns_of_the_loop_and_in_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inorder, "SLICE", -1.0)
    hearing = Hearing()
    hearing.put("iopub", "first" + LARGE)
    for number in range(300):
        hearing.put("iopub", f"{number}")

    turns = 0
    while len(hearing.heard) < 301:
        if len(hearing.heard) == 150:
            hearing.put("iopub", "late")
        turns += 1
        await asyncio.sleep(0)

    assert turns > 290
    hearing.put("iopub", "end")
    await asyncio.wait_for(hearing.all.wait(), 60)
    waited = [*map(str, range(300)), "late", "end"]
    assert hearing.heard[1:] == [f"iopub {each}" for each in waited]


async def test_when_many_messages_wait_no_more_are_taken_until_they_are_handed_on() -> None:
    hearing = Hearing()
    hearing.put("iopub", "first" + LARGE)
    for _ in range(MAX_MESSAGES):
        assert hearing.held == []
        hearing.put("iopub", "x")
    assert hearing.held == [True]

    while len(hearing.heard) <= MAX_MESSAGES:
        assert hearing.held == [True]
        await asyncio.sleep(0)

    assert hearing.held == [True, False]


def test_of_many_messages_that_cannot_be_read_few_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hearing = Hearing()
    for _ in range(1_000):
        hearing.order.put("iopub", [])
    hearing.put("iopub", "end")

    assert hearing.heard == ["iopub end"]
    assert 0 < len(caplog.records) < 10


def test_headers_are_limited_before_they_are_parsed() -> None:
    hearing = Hearing()

    for frames in (hearing.frames("x", more="y" * MAX_HEADER), hearing.frames("x")[:4], []):
        with pytest.raises(ValueError, match=r"too large|missing"):
            Incoming(hearing.session, frames)


@pytest.mark.parametrize("content", [b"[]", b"null", b'{"a": ' + b"[" * 500_000, b"\xff", b""])
def test_content_that_is_not_an_object_is_not_parsed_and_raises_nothing(content: bytes) -> None:
    hearing = Hearing()
    frames = hearing.frames("x")
    frames[-1] = zmq.Frame(content)
    signature = hearing.session.sign([frame.bytes for frame in frames[2:]])
    frames[1] = zmq.Frame(signature)
    message = Incoming(hearing.session, frames)

    assert message.content() is None
    assert message.read().content == {"name": "stdout", "text": ""}
