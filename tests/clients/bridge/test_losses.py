"""A server that goes away and comes back, while calls are made over the bridge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.agents.gate import Gate
from tests.mcp_client import ERAS, NEW, OLD
from tests.servers import JupyterServer, running_server

from .bridges import Bridge, bridged, result_of
from .programs import Program, served

BEGINS = 'open("begun", "a").write("x")\n'


@pytest.mark.parametrize("version", ERAS)
def test_a_call_that_the_server_leaves_unanswered_is_told_and_not_repeated(
    tmp_path: Path, version: str
) -> None:
    with ExitStack() as first:
        server = first.enter_context(running_server(tmp_path))
        bridge = first.enter_context(bridged(tmp_path, version=version))
        gate = first.enter_context(closing(Gate()))
        assert bridge.call("execute_code", code="1 + 1").status == "ok"
        code = BEGINS + gate.code
        begun = bridge.send("tools/call", name="execute_code", arguments={"code": code})
        assert gate.until_held()
        server.process.kill()

        answer = result_of(bridge.answer(begun))

        assert answer.is_error
        assert "went away before the answer came" in answer.text
        assert "not sent a second time" in answer.text
        assert "get_output()" in answer.text

        server.process.wait(20)
        between = bridge.call("execute_code", code="2 + 2")
        assert between.is_error
        assert "Start one with: jupyter mcp" in between.text

        with running_server(tmp_path, token="another") as again:
            assert again.port != server.port
            after = bridge.call("execute_code", code="3 + 4")
            assert after.text.endswith("\n7")
            assert (again.root_dir / "begun").read_text() == "x"


def test_a_client_that_begins_before_the_server_is_told_when_it_has_come(tmp_path: Path) -> None:
    with bridged(tmp_path, version=OLD, begin=False) as bridge:
        begun = bridge.initialize()["result"]
        assert "Start one with: jupyter mcp" in begun["instructions"]
        assert begun["protocolVersion"] == OLD
        assert bridge.ask("tools/list")["result"]["tools"] == []
        assert bridge.ask("ping")["result"] == {}

        with running_server(tmp_path):
            bridge.notified("notifications/tools/list_changed")

            assert len(bridge.ask("tools/list")["result"]["tools"]) > 20
            assert bridge.call("execute_code", code="1 + 1").status == "ok"


def test_a_client_of_the_new_protocol_is_told_so_too(tmp_path: Path) -> None:
    with bridged(tmp_path, version=NEW) as bridge:
        begun = bridge.ask("server/discover")["result"]
        assert "Start one with: jupyter mcp" in begun["instructions"]
        listens = bridge.send("subscriptions/listen", notifications={"toolsListChanged": True})
        about = bridge.notified("notifications/subscriptions/acknowledged")["params"]
        assert about["_meta"]["io.modelcontextprotocol/subscriptionId"] == listens

        with running_server(tmp_path):
            told = bridge.notified("notifications/tools/list_changed")["params"]

            assert told["_meta"]["io.modelcontextprotocol/subscriptionId"] == listens
            assert len(bridge.ask("tools/list")["result"]["tools"]) > 20


@pytest.mark.parametrize("version", ERAS)
def test_a_server_that_comes_back_on_another_port_is_found_by_its_folder(
    tmp_path: Path, version: str
) -> None:
    with ExitStack() as first:
        server = first.enter_context(running_server(tmp_path))
        names = ("--server", str(server.root_dir), "--server", str(server.port))
        bridge = first.enter_context(bridged(tmp_path, *names, version=version))
        assert bridge.call("execute_code", code="1 + 1").status == "ok"
        server.process.kill()
        server.process.wait(20)
        (tmp_path / "other").mkdir()

        with running_server(tmp_path) as again, in_folder(tmp_path / "other", tmp_path):
            assert again.port != server.port
            found = bridge.call("execute_code", code="import os; os.getcwd()")
            with running_server(tmp_path) as third:
                assert bridge.call("execute_code", code="2").status == "ok"  # it stays there
                with bridged(tmp_path, *names, version=version) as other:
                    told = other.call("list_sessions")

        assert str(server.root_dir) in found.text
        assert "2 servers fit" in told.text
        assert str(third.port) in told.text


@contextmanager
def in_folder(folder: Path, home: Path) -> Iterator[JupyterServer]:
    """Another server, described where those of a home folder are."""
    (folder / "runtime").symlink_to(home / "runtime")
    with running_server(folder) as server:
        yield server


@pytest.mark.parametrize("version", ERAS)
def test_subscriptions_outlast_the_server(tmp_path: Path, version: str) -> None:
    with ExitStack() as first:
        server = first.enter_context(running_server(tmp_path))
        bridge = first.enter_context(bridged(tmp_path, version=version))
        uri = made_notebook(bridge)
        if version == NEW:
            bridge.send("subscriptions/listen", notifications={"resourceSubscriptions": [uri]})
            bridge.notified("notifications/subscriptions/acknowledged")
        else:
            assert "result" in bridge.ask("resources/subscribe", uri=uri)
        server.process.kill()
        server.process.wait(20)

        with running_server(tmp_path):
            missed = bridge.notified("notifications/resources/updated")
            assert missed["params"]["uri"] == uri
            assert not bridge.call("insert_cells", path="a.ipynb", cells=["2"]).is_error
            changed = bridge.notified("notifications/resources/updated")
            assert changed["params"]["uri"] == uri


def made_notebook(bridge: Bridge) -> str:
    """The URI of a new notebook."""
    made = bridge.call("create_notebook", path="a.ipynb", cells=["1"])
    assert not made.is_error, made.text
    [uri] = [
        each["uri"]
        for each in bridge.ask("resources/list")["result"]["resources"]
        if each["uri"].endswith("a.ipynb")
    ]
    return str(uri)


def test_a_proxy_that_does_not_reach_the_server_for_a_time_does_not_end_a_subscription(
    tmp_path: Path,
) -> None:
    statuses = iter([200, 502, 200])
    acknowledged = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged"}

    class Proxy(Program):
        def do_POST(self) -> None:
            self.asked()
            event = b"data: " + json.dumps(acknowledged).encode() + b"\n\n"
            self.say(next(statuses, 502), "text/event-stream", event)

    with served(Proxy) as url, bridged(tmp_path, "--server", url, version=NEW) as bridge:
        bridge.send("subscriptions/listen", notifications={"toolsListChanged": True})

        assert bridge.read() == acknowledged
        assert bridge.read()["method"] == "notifications/tools/list_changed"
