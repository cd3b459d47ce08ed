"""The server ends at a signal, whatever it is doing."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import pytest

from tests.ports import free_port
from tests.servers import READY, environment, running_server

PIPE = 4_096
"""Bytes of the log that are written before it is read."""


def until(log: IO[bytes], text: bytes) -> None:
    """Read the log as far as a text."""
    said = b""
    while text not in said:
        more = log.read(1)
        assert more, said
        said += more


@pytest.mark.parametrize(
    ("command", "more"),
    [("jupyter_mcp_ext", {}), ("jupyter_server", {"PYTHONUNBUFFERED": "1"})],
)
def test_a_signal_that_comes_while_a_line_of_the_log_is_written_ends_the_server(
    tmp_path: Path, command: str, more: dict[str, str]
) -> None:
    env = environment(tmp_path)
    del env["PYTHONUNBUFFERED"]
    env.update(more)
    port = free_port()
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            command,
            "--allow-root",
            f"--ServerApp.port={port}",
            "--ServerApp.open_browser=False",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
        pipesize=PIPE,
        env=env,
        cwd=tmp_path,
    ) as process:
        log = process.stderr
        assert log is not None
        try:
            until(log, READY.encode())
            asked = http.client.HTTPConnection("127.0.0.1", port)
            asked.request("GET", f"/{'n' * 3 * PIPE}")
            until(log, b"404 GET")  # the rest of the line does not fit
            process.send_signal(signal.SIGTERM)
            threading.Thread(target=log.read, daemon=True).start()
            assert process.wait(60) == 0
            asked.close()
        finally:
            process.kill()


SLOW = """
import asyncio

from jupyter_server.extension.application import ExtensionApp


class Slow(ExtensionApp):
    name = "slow"

    async def stop_extension(self):
        self.log.warning("slow begins to stop")
        await asyncio.to_thread(open, {gate!r})


def _jupyter_server_extension_points():
    return [{{"module": "slow", "app": Slow}}]
"""
"""An extension that stops when a pipe is opened."""


def test_a_second_signal_begins_no_second_stop_beside_the_first(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (tmp_path / "slow.py").write_text(SLOW.format(gate=str(gate)))
    option = "--ServerApp.jpserver_extensions=slow=True"
    env = {"PYTHONPATH": str(tmp_path)}
    command = ("-m", "jupyter_mcp_ext")
    with running_server(tmp_path, option, command=command, env=env) as server:

        def told(words: str) -> int:
            return sum(words in line for line in server.log)

        for number in (1, 2):
            server.process.send_signal(signal.SIGTERM)
            with server.heard:
                heard = server.heard.wait_for(lambda: told("received signal") == number, 60)  # noqa: B023
            assert heard
        server.until_logged("slow begins to stop")
        gate.write_text("")

        assert server.process.wait(60) == 0
    assert told("slow begins to stop") == 1
    assert told("Traceback") == 0
