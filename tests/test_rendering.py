"""Outputs that would take minutes to render, over HTTP: the server keeps answering."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable

import psutil
import pytest

from tests.mcp_client import McpClient
from tests.rendering.bombs import TOO_MUCH, png, processes, uses
from tests.servers import JupyterServer


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    return McpClient(server, name="rendering")


def test_a_file_tool_answers_while_bombs_are_rendered(
    client: McpClient, server: JupyterServer
) -> None:
    (server.root_dir / "small.txt").write_text("small")
    bombs = [uses(name) for name in "abc"]
    code = f"from IPython.display import SVG, display\nfor bomb in {bombs}: display(SVG(bomb))"
    made = client.run(code, wait=0)

    def read() -> None:
        client.call("get_output", output_id=made.id, wait=60)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()

    text = client.call("read_file", path="small.txt").text

    assert "small" in text
    assert any(reader.is_alive() for reader in readers)
    for reader in readers:
        reader.join()
    assert TOO_MUCH in client.call("get_output", output_id=made.id).text


def test_an_image_file_that_is_too_much_is_a_binary_file(client: McpClient) -> None:
    claims = base64.b64encode(png(60_000, 60_000, rows=1)).decode()
    client.call("write_file", path="claims.png", content=claims, encoding="base64")

    assert "[binary claims.png" in client.call("read_file", path="claims.png").text


def test_the_process_starts_when_it_is_needed_and_ends_with_a_server_that_is_killed(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server()
    client = McpClient(server, name="killed")
    client.run("print(1)\nfrom PIL import Image\nImage.new('RGB', (64, 48))")
    assert processes(server.process.pid) == []
    client.run("from IPython.display import HTML\nHTML('<p>words</p>' + ' ' * 200_000)")
    [process] = processes(server.process.pid)

    server.process.kill()

    gone, _ = psutil.wait_procs([process], timeout=30)
    assert gone == [process]
