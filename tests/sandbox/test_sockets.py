"""The names that the server gives the sockets of a kernel."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from jupyter_mcp_ext.sandbox.sockets import KernelSockets


async def test_a_socket_that_gets_its_name_again_keeps_no_other_from_getting_one(
    tmp_path: Path,
) -> None:
    sockets = KernelSockets(tmp_path)
    made = sockets.open()
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.bind(str(made / "k-1"))
        (made / "k-1").rename(made / "other")
        (made / "other").rename(made / "k-1")
        await asyncio.sleep(0)
        second.bind(str(made / "k-2"))
        await asyncio.to_thread(made.stat)
        sockets.close()

    assert sorted(path.name for path in tmp_path.iterdir() if path != made) == ["k-1", "k-2"]
