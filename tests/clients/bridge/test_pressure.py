"""What a client or a server could flood the bridge with, and ends of either side."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from jupyter_mcp_ext.clients.bridge.connection import MAX_EVENT
from jupyter_mcp_ext.clients.bridge.relay import HELD, OPEN
from jupyter_mcp_ext.clients.bridge.stdio import MAX_LINE
from tests.mcp_client import ERAS, NEW
from tests.servers import JupyterServer, environment

from .bridges import COMMAND, Bridge, bridged
from .programs import Program, served

MANY = 3 * HELD
HUGE = 100_000_000


@contextmanager
def answering(size: int, kind: str = "application/json") -> Iterator[str]:
    """The URL of a program that answers each request with a result of some bytes."""

    class Large(Program):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.asked())
            body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"x": ""}}).encode()
            filler = b"x" * min(size, 1_000_000)
            head, tail = body[:-3], body[-3:]
            mark = (b"data: ", b"\n\n") if kind == "text/event-stream" else (b"", b"")
            length = sum(map(len, (*mark, head, tail))) + len(filler) * (size // len(filler))
            self.begin(200, kind, length)
            try:
                self.wfile.write(mark[0] + head)
                for _ in range(size // len(filler)):
                    self.wfile.write(filler)
                self.wfile.write(tail + mark[1])
            except ConnectionError:
                pass  # the bridge has read enough

    with served(Large, waiting=OPEN) as url:
        yield url


def peak(bridge: Bridge) -> int:
    """The most bytes of memory that a bridge has had."""
    lines = Path(f"/proc/{bridge.process.pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_a_client_that_reads_late_gets_all_answers_and_the_bridge_holds_few(folder: Path) -> None:
    size = 100_000
    with (
        answering(size) as url,
        bridged(folder, "--server", url, version=NEW) as bridge,
    ):
        before = peak(bridge)
        sent: list[int] = []
        sending = threading.Thread(
            target=lambda: sent.extend(
                bridge.send("tools/call", name="x", arguments={}) for _ in range(MANY)
            )
        )
        sending.start()
        for number in range(1, MANY + 1):
            assert len(bridge.answer(number)["result"]["x"]) == size
        sending.join()

        assert len(sent) == MANY
        assert peak(bridge) - before < MANY * size / 2


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_a_line_of_a_hundred_megabytes_is_refused_in_bounded_memory(
    server: JupyterServer, folder: Path
) -> None:
    with bridged(folder, version=NEW) as bridge:
        assert not bridge.call("list_sessions").is_error
        before = peak(bridge)

        bridge.write(b'{"id":1,"method":"' + b"x" * HUGE + b'"}')

        assert "longer than 32 MiB" in bridge.read()["error"]["message"]
        assert peak(bridge) - before < 2.5 * MAX_LINE
        assert not bridge.call("list_sessions").is_error


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_answer_of_a_hundred_megabytes_is_told_in_bounded_memory(
    folder: Path, kind: str
) -> None:
    with (
        answering(HUGE, kind) as url,
        bridged(folder, "--server", url, version=NEW) as bridge,
    ):
        before = peak(bridge)

        told = bridge.call("x")

        assert told.is_error
        assert "over 64 MiB, which is not passed on" in told.text
        assert peak(bridge) - before < 3 * MAX_EVENT


@pytest.mark.parametrize("version", ERAS)
def test_a_second_request_of_an_id_in_flight_is_refused_and_the_first_is_answered(
    server: JupyterServer, folder: Path, tmp_path: Path, version: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with bridged(folder, version=version) as bridge:
        for code in (f"open({str(pipe)!r}).read(); 'first'", "'second'"):
            params = {"name": "execute_code", "arguments": {"code": code}}
            bridge.write(bridge.line("tools/call", params, 7))

        told = bridge.answer(None)
        pipe.write_text("")

        assert "The id 7 is that of a request that is not answered yet" in str(told)
        assert "first" in str(bridge.answer(7))


def test_half_a_line_before_the_end_is_no_message(server: JupyterServer, folder: Path) -> None:
    half = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_se'
    ran = subprocess.run(
        COMMAND, input=half, capture_output=True, env=environment(folder), check=False
    )

    assert (ran.returncode, ran.stdout) == (0, b"")
    assert b"Traceback" not in ran.stderr


def test_a_client_that_closes_its_end_of_stdout_ends_the_bridge(
    server: JupyterServer, folder: Path
) -> None:
    with bridged(folder, version=NEW) as bridge:
        assert bridge.process.stdout is not None
        bridge.process.stdout.close()
        bridge.send("tools/list")

        assert bridge.process.wait(30) == 0
        assert "Traceback" not in bridge.said()


@pytest.mark.parametrize("end", ["unread", "closed"])
def test_a_client_that_does_not_read_stderr_gets_all_answers(tmp_path: Path, end: str) -> None:
    with bridged(tmp_path, version=NEW) as bridge:  # without a server each call is a line of stderr
        assert bridge.process.stderr is not None
        if end == "closed":
            bridge.process.stderr.close()
        elif hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(bridge.process.stderr, fcntl.F_SETPIPE_SZ, 4096)
        for _ in range(100):
            assert "Start one with: jupyter mcp" in bridge.call("list_sessions").text


PARENT = """
import subprocess, sys
bridge = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(bridge.pid, flush=True)
bridge.wait()
"""


def test_a_client_that_is_killed_takes_its_bridge_with_it(
    server: JupyterServer, folder: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *COMMAND], stdout=subprocess.PIPE, env=environment(folder)
    ) as parent:
        assert parent.stdout is not None
        bridge = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)

        bridge.wait(30)
