"""A server that is stopped while a call is open, one that goes on, and calls that take long."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from jupyter_mcp_ext.commands.bridge import parser
from tests.mcp_client import ERAS, NEW, OLD
from tests.servers import environment, running_server

from .bridges import COMMAND, bridged, result_of

INFO = {"name": "tests", "version": "1"}
SOON = ("--answer-within", "5")
WAITS = """
open("pipe", "w").close()
open("go", "r").close()
print("it went on")
"""
"""Code that says in a pipe that it has begun, and ends when another pipe is opened."""


@pytest.mark.parametrize("version", ERAS)
def test_a_call_at_a_server_that_stops_is_answered_and_goes_on_when_the_server_does(
    tmp_path: Path, version: str
) -> None:
    with (
        running_server(tmp_path) as server,
        bridged(tmp_path, *SOON, version=version) as bridge,
    ):
        assert bridge.call("execute_code", code="1 + 1").status == "ok"
        for name in ("pipe", "go"):
            os.mkfifo(server.root_dir / name)
        begun = bridge.send("tools/call", name="execute_code", arguments={"code": WAITS})
        assert (server.root_dir / "pipe").read_text() == ""  # once it has begun
        server.process.send_signal(signal.SIGSTOP)

        told = result_of(bridge.answer(begun))
        between = bridge.call("execute_code", code="open('twice', 'w')")

        server.process.send_signal(signal.SIGCONT)
        after = bridge.call("get_output", wait=0)
        (server.root_dir / "go").write_text("")
        ended = bridge.call("get_output", wait=50)

        assert told.is_error
        assert "is there but has answered nothing for 5 seconds" in told.text
        assert "get_output()" in told.text
        assert "is there but answers nothing" in between.text
        assert after.status == "running"
        assert "it went on" in ended.text
        assert not (server.root_dir / "twice").exists()
        assert begun not in bridge.answers


def test_a_call_that_is_silent_for_long_is_not_ended_while_the_server_answers(
    tmp_path: Path,
) -> None:
    with (
        running_server(tmp_path, "--log-level=DEBUG") as server,
        bridged(tmp_path, *SOON) as bridge,
    ):
        for name in ("pipe", "go"):
            os.mkfifo(server.root_dir / name)
        begun = bridge.send("tools/call", name="execute_code", arguments={"code": WAITS})
        assert (server.root_dir / "pipe").read_text() == ""

        for _ in range(3):
            server.until_logged("GET /api ")
            server.log.clear()
        (server.root_dir / "go").write_text("")

        assert "it went on" in result_of(bridge.answer(begun)).text


def test_a_client_that_begins_while_the_server_is_stopped_has_it_when_it_goes_on(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path) as server:
        server.process.send_signal(signal.SIGSTOP)
        with bridged(tmp_path, *SOON, version=OLD) as bridge:  # which waits for the answer
            server.process.send_signal(signal.SIGCONT)
            bridge.notified("notifications/tools/list_changed")

            assert len(bridge.ask("tools/list")["result"]["tools"]) > 20
            assert bridge.call("execute_code", code="1 + 1").status == "ok"


def test_a_handshake_that_the_server_answers_late_keeps_nothing_from_the_client(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path, "--log-level=DEBUG") as server:
        server.process.send_signal(signal.SIGSTOP)
        with bridged(tmp_path, *SOON, version=OLD, begin=False) as bridge:
            begun = bridge.send("initialize", protocolVersion=OLD, capabilities={}, clientInfo=INFO)
            told = bridge.answer(begun)["result"]
            assert bridge.ask("tools/list")["result"]["tools"] == []
            server.process.send_signal(signal.SIGCONT)
            server.until_logged("200 POST /mcp")
            bridge.tell("notifications/initialized")
            bridge.notified("notifications/tools/list_changed")

            assert "answered nothing" in told["instructions"]
            assert len(bridge.ask("tools/list")["result"]["tools"]) > 20
            assert begun not in bridge.answers


def test_a_subscription_that_the_server_answers_late_tells_of_the_lists_that_were_missed(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path) as server:
        server.process.send_signal(signal.SIGSTOP)
        with bridged(tmp_path, *SOON, version=NEW) as bridge:
            assert "answered nothing" in bridge.ask("server/discover")["result"]["instructions"]
            assert bridge.ask("tools/list")["result"]["tools"] == []
            bridge.send("subscriptions/listen", notifications={"toolsListChanged": True})
            server.process.send_signal(signal.SIGCONT)
            bridge.notified("notifications/subscriptions/acknowledged")
            bridge.notified("notifications/tools/list_changed")

            assert len(bridge.ask("tools/list")["result"]["tools"]) > 20


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "soon"])
def test_a_time_that_is_none_is_refused_at_the_start(tmp_path: Path, seconds: str) -> None:
    ran = subprocess.run(
        [*COMMAND, "--answer-within", seconds],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 2
    assert "--answer-within" in ran.stderr
    assert parser().parse_args([]).answer_within == 40
