"""``python -m tests.sandbox.proxy.names_asked FOLDER``: which names the proxy has looked up.

Runs where it can set up a network and the resolver. Prints what a program in a sandbox is told, and
the names that the name server was asked for, as JSON.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
from pathlib import Path

from jupyter_mcp_ext.sandbox.proxy.patterns import patterns
from jupyter_mcp_ext.sandbox.proxy.process import Proxy
from tests.sandbox.internet import run
from tests.sandbox.reached import say

from .test_process import asked, sandboxed

HOST = "data.example.org"
NO_SUCH_NAME = b"\x81\x83"


def serve(server: socket.socket, names: list[str]) -> None:
    """Be a name server that knows no name."""
    while True:
        question, client = server.recvfrom(512)
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode())
            at += 1 + length
        names.append(".".join(labels))
        server.sendto(
            question[:2] + NO_SUCH_NAME + question[4:6] + bytes(6) + question[12:], client
        )


async def main() -> None:
    """Have a name looked up."""
    resolver = Path(sys.argv[1]) / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\nsearch cluster.example\noptions ndots:5\n")
    run(f"mount --bind {resolver} /etc/resolv.conf")
    run("ip link set lo up")
    names: list[str] = []
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    threading.Thread(target=serve, args=(server, names), daemon=True).start()
    proxy = Proxy(patterns([HOST]), logging.getLogger(), lambda _: None)
    async with sandboxed() as (program, pid):
        await proxy.enter("one", pid)
        say("told", await asked(program, HOST))
        await proxy.close()
    say("names", sorted(set(names)))


if __name__ == "__main__":
    asyncio.run(main())
