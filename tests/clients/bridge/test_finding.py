"""Which server a bridge goes on with when its own has ended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.bridge.finding import Choice, Finder
from jupyter_mcp_ext.clients.servers import NoServer
from tests.clients.test_servers import described


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
