"""Clients that lead to another server, or cannot be given the token, are named."""

from __future__ import annotations

import json
from pathlib import Path

from tests.clients.doctor.examined import looked
from tests.servers import running_server


def cursor(folder: Path, entry: object) -> None:
    """Cursor's configuration."""
    (folder / ".cursor").mkdir(exist_ok=True)
    (folder / ".cursor" / "mcp.json").write_text(json.dumps({"mcpServers": {"jupyter": entry}}))


def test_a_client_of_another_server_and_one_without_its_token_are_named(tmp_path: Path) -> None:
    login = {"Authorization": "Bearer ${env:JUPYTER_TOKEN}"}
    bridge = {"command": "/venv/bin/jupyter-mcp", "args": ["bridge", "--server", "1"]}
    with running_server(tmp_path) as server:
        none = looked(tmp_path)
        (tmp_path / ".cursor").mkdir()
        fresh = looked(tmp_path)
        cursor(tmp_path, {"url": "http://localhost:1/mcp", "headers": login})
        other = looked(tmp_path, token=server.token)
        cursor(tmp_path, bridge)
        bridged = looked(tmp_path)
        cursor(tmp_path, {"url": server.url, "headers": login})
        without = looked(tmp_path)
        good = looked(tmp_path, token=server.token)
        (tmp_path / ".cursor" / "mcp.json").write_text('{"mcpServers": ')
        broken = looked(tmp_path)

    assert none.one("clients")["what"].startswith("No client")
    assert fresh.one("clients")["what"].startswith("Cursor is not connected")
    assert f"http://localhost:1/mcp, not to {server.url}" in other.one("clients")["what"]
    assert other.one("clients")["do"] == "jupyter mcp connect cursor"
    assert "the bridge to 1, which is another server" in bridged.one("clients")["what"]
    assert "JUPYTER_TOKEN, which is not set here" in without.one("clients")["what"]
    assert good.one("clients")["what"] == "Cursor is connected."
    assert good.troubles == set()
    assert "cannot be read" in broken.one("clients")["what"]
