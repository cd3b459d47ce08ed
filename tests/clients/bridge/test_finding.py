"""Which server a bridge goes on with when its own has ended."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jupyter_mcp_ext.clients.bridge.finding import Choice, Finder
from jupyter_mcp_ext.clients.servers import NoServer
from tests.clients.test_servers import described
from tests.mcp_client import NEW

from .bridges import bridged
from .programs import Program, served


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this account, which ends with its stdin."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process


def test_another_server_on_a_socket_is_not_taken_for_the_one_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    file = tmp_path / "jpserver-1.json"
    finder = Finder(Choice())
    file.write_text(described(sock="/run/a.sock", root_dir="/a"))
    assert finder.find(may_start=False).root_dir == "/a"

    file.write_text(described(sock="/run/b.sock", root_dir="/b"))

    with pytest.raises(NoServer, match=re.escape("/run/a.sock (/a) does not run any more")):
        finder.find(may_start=False)


def test_what_takes_the_port_of_a_server_that_has_ended_gets_no_token(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    tokens = []

    class Successor(Program):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            tokens.append(self.headers["Authorization"])
            number = json.loads(self.asked())["id"]
            answer = {"jsonrpc": "2.0", "id": number, "result": {"resources": []}}
            self.say(200, "application/json", json.dumps(answer).encode())

        def do_GET(self) -> None:
            tokens.append(self.headers["Authorization"])
            self.say(200, "application/json", b"{}")

    (tmp_path / "runtime").mkdir()
    with served(Successor) as url, bridged(tmp_path, version=NEW) as bridge:
        text = described(url=url, port=urlsplit(url).port, pid=process.pid)
        (tmp_path / "runtime/jpserver-1.json").write_text(text)
        bridge.ask("resources/list")
        assert tokens == ["Bearer secret"]
        process.communicate()  # and the program is that of somebody else from here on

        answer = bridge.ask("resources/list")

    assert "No Jupyter server of this account runs here." in answer["error"]["message"]
    assert tokens == ["Bearer secret"]
