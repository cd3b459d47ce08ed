"""The pipe through which a save answers."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from jupyter_mcp_ext.kernels.evaluation import NotEvaluated
from jupyter_mcp_ext.sessions.saving.reply import MAX_REPLY, Reply

SLACK = 1 << 20


async def test_no_more_of_an_endless_answer_is_read_than_may_be_used(tmp_path: Path) -> None:
    reply = Reply.open(tmp_path, "snapshot.pickle")
    assert reply is not None
    written = []

    def flood() -> None:
        pipe = os.open(reply.path, os.O_WRONLY)
        try:
            while True:
                written.append(os.write(pipe, b"x" * 65_536))
        except BrokenPipeError:
            os.close(pipe)

    writer = threading.Thread(target=flood)
    writer.start()
    try:
        with pytest.raises(NotEvaluated, match="more than"):
            await reply.read(timeout=60)
    finally:
        reply.close()
        await asyncio.to_thread(writer.join)

    assert sum(written) < MAX_REPLY + SLACK
