"""Reading from and writing to a kernel's socket, with a peer that has one too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import zmq
from zmq.eventloop.zmqstream import ZMQStream

from jupyter_mcp_ext.kernels.links import channel_socket
from jupyter_mcp_ext.kernels.links.channel_socket import HEAVY, ChannelSocket
from jupyter_mcp_ext.kernels.links.incoming import MAX_FRAMES


class Peers:
    """A kernel's socket, and ours, which collects the messages that it receives."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.kernel = context.socket(zmq.DEALER)
        self.kernel.linger = 0
        self.kernel.sndhwm = 0
        port = self.kernel.bind_to_random_port("tcp://127.0.0.1")
        ours = context.socket(zmq.DEALER)
        ours.connect(f"tcp://127.0.0.1:{port}")
        self.heard: list[list[bytes]] = []
        self.turns: list[int] = []
        """For each message, the number of loop iterations before it."""
        self.ended = asyncio.Event()
        self.ours = ChannelSocket(ZMQStream(ours), self.hear)
        self.turn = 0
        self._next_turn()

    def hear(self, frames: list[Any]) -> None:
        self.heard.append([frame.bytes for frame in frames])
        self.turns.append(self.turn)
        if frames[0].bytes == b"end":
            self.ended.set()

    def close(self) -> None:
        self._turning.cancel()
        self.ours.close()
        self.kernel.close()

    def _next_turn(self) -> None:
        self.turn += 1
        self._turning = asyncio.get_running_loop().call_soon(self._next_turn)


@contextmanager
def peers() -> Iterator[Peers]:
    with zmq.Context() as context:
        two = Peers(context)
        try:
            yield two
        finally:
            two.close()


async def test_a_message_of_many_frames_is_read_in_many_turns_and_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel_socket, "SLICE", -1.0)
    with peers() as two:
        two.kernel.send_multipart([b"begin"])
        two.kernel.send_multipart([b"%d" % n for n in range(5_000)])
        two.kernel.send_multipart([b"end"])
        await asyncio.wait_for(two.ended.wait(), 60)

        assert two.heard == [[b"begin"], [b"%d" % n for n in range(MAX_FRAMES)], [b"end"]]
        assert two.turns[1] - two.turns[0] > 4_000


async def test_many_messages_are_read_in_one_turn_as_far_as_its_slice_of_time_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel_socket, "SLICE", 60.0)
    with peers() as two:
        two.ours.listen(is_on=False)
        for number in range(500):
            two.kernel.send(b"%d" % number)
        two.kernel.send(b"end")
        two.ours.socket.poll(60_000)
        two.ours.listen()
        await asyncio.wait_for(two.ended.wait(), 60)

        assert len(two.heard) == 501
        assert len(set(two.turns)) < 100


async def test_after_a_message_that_took_long_other_work_has_its_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with peers() as two:
        # Else a rest is over after one turn in which this process is stopped.
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: two.turn * HEAVY / 4)

        def work(frames: list[Any]) -> None:
            until = time.monotonic() + 2 * HEAVY
            while time.monotonic() < until:
                pass
            hear(frames)

        hear, two.ours._hear = two.hear, work
        for number in range(5):
            two.kernel.send(b"%d" % number)
        two.kernel.send(b"end")
        await two.ended.wait()

        assert len(two.heard) == 6
        assert all(later - earlier > 3 for earlier, later in pairwise(two.turns))


async def test_answers_are_heard_while_messages_are_sent() -> None:
    with peers() as two:
        answering = asyncio.create_task(asyncio.to_thread(echo, two.kernel))
        for number in range(3_000):
            two.ours.send([b"%d" % number, b"content"])
            if number % 10 == 0:
                await asyncio.sleep(0)
        two.ours.send([b"end"])
        await asyncio.wait_for(two.ended.wait(), 60)
        await answering

        assert [frames[0] for frames in two.heard[:-1]] == [b"%d" % n for n in range(3_000)]


async def test_what_a_kernel_does_not_take_is_sent_when_it_does() -> None:
    with peers() as two:
        for number in range(5_000):
            two.ours.send([b"%d" % number, b"x" * 10_000])  # 50 MB: more than the buffers hold
        two.ours.send([b"end"])
        await asyncio.to_thread(echo, two.kernel)
        await asyncio.wait_for(two.ended.wait(), 60)

        assert [frames[0] for frames in two.heard[:-1]] == [b"%d" % n for n in range(5_000)]


async def test_a_closed_socket_is_neither_read_nor_written() -> None:
    with peers() as two:
        two.kernel.send(b"end")
        two.ours.socket.poll(60_000)
        two.ours.close()
        two.ours.close()
        two.ours.send([b"late"])

        for _ in range(5):
            await asyncio.sleep(0)
        assert two.heard == []


def echo(kernel: Any) -> None:
    """Echo every message, up to and including the last one."""
    frames = [b""]
    while frames[0] != b"end":
        frames = kernel.recv_multipart()
        kernel.send_multipart(frames)
