"""What passes the bridge, in both protocol eras, is what the server and the client have sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.mcp_client import ERAS, NEW, McpClient
from tests.servers import JupyterServer, environment, running_server

from .bridges import Bridge, bridged

PLOT = "import base64\nfrom IPython.display import Image\nImage(base64.b64decode({!r}))"
LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bridged")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[JupyterServer]:
    with running_server(folder, base_url="/a%40b/") as server:
        yield server


@pytest.fixture(params=ERAS)
def bridge(request: pytest.FixtureRequest, server: JupyterServer, folder: Path) -> Iterator[Bridge]:
    with bridged(folder, version=request.param) as bridge:
        yield bridge


def without_meta(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "_meta"}


def test_lists_are_those_of_the_server(bridge: Bridge, server: JupyterServer) -> None:
    direct = McpClient(server, bridge.version)

    for method in LISTS:
        assert bridge.ask(method)["result"] == direct.request(method)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_runs_code(
    server: JupyterServer, folder: Path, mode: Any
) -> None:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "jupyter_mcp_ext", "bridge"], env=environment(folder)
    )
    async with Client(stdio_client(command), mode=mode) as client:
        result = await client.call_tool("execute_code", {"code": "6 * 7"})

        assert client.protocol_version == (NEW if mode == "auto" else "2025-11-25")
        assert result.content[0].type == "text"
        assert result.content[0].text.endswith("\n42")
        assert result.meta is not None
        assert result.meta["jupyter-mcp-ext/execution"]["status"] == "ok"
