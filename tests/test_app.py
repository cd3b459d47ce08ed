from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError
from tornado.web import Application, RequestHandler
from traitlets import TraitError

from jupyter_mcp_ext.app import McpApp
from jupyter_mcp_ext.transport.handler import McpHandler
from jupyter_mcp_ext.transport.routes import claims, describe

from .mcp_client import INITIALIZE
from .servers import JupyterServer

Fetch = Callable[..., Awaitable[Any]]

HEAVY = ("mcp", "mcp_types", "pydantic", "PIL")


@pytest.fixture(scope="module")
def loaded() -> Sequence[str]:
    """The modules that load with the extension."""
    program = "import sys, jupyter_mcp_ext.app; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("name", HEAVY)
def test_what_loads_with_jupyter_brings_nothing_heavy(loaded: Sequence[str], name: str) -> None:
    assert "jupyter_mcp_ext.app" in loaded
    assert name not in loaded


@pytest.mark.parametrize(
    ("given", "path"), [("/mcp", "/mcp"), ("/mcp/", "/mcp"), ("/a/b.c-d_e~1", "/a/b.c-d_e~1")]
)
def test_a_path_is_taken(given: str, path: str) -> None:
    assert McpApp(path=given).path == path


@pytest.mark.parametrize(
    "path", ["", "/", "mcp", "/m(cp", "/m.*", "/a//b", "/../x", "/mcp?x", "/m cp", "/ä", "/mcp$"]
)
def test_an_invalid_path_is_refused_by_name(path: str) -> None:
    with pytest.raises(TraitError, match=r"McpApp\.path"):
        McpApp(path=path)


async def test_a_stop_that_is_asked_for_again_ends_with_the_first(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    [app] = jp_serverapp.extension_manager.extension_apps["jupyter_mcp_ext"]
    begun, go = [], asyncio.Event()

    async def slow() -> None:
        begun.append(1)
        await go.wait()

    with monkeypatch.context() as patch:
        patch.setattr(app, "_stop", slow)
        stops = [asyncio.create_task(app.stop_extension()) for _ in range(2)]
        await asyncio.wait(stops, timeout=0.1)
        assert not any(stop.done() for stop in stops)
        go.set()
        await asyncio.gather(*stops)

    assert begun == [1]


async def test_mcp_is_served_below_the_base_url(jp_fetch: Fetch) -> None:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }

    answer = await jp_fetch("mcp", method="POST", body=json.dumps(INITIALIZE), headers=headers)

    assert answer.code == 200
    assert b"protocolVersion" in answer.body


async def test_a_stranger_is_refused_in_process_too(jp_fetch: Fetch) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("mcp", method="POST", body="{}", headers={"Authorization": "token wrong"})

    assert refused.value.code == 401


def test_who_answers_a_url_is_found_in_order() -> None:
    class First(RequestHandler):
        pass

    class Second(RequestHandler):
        pass

    web_app = Application([("/a/mcp", Second)])
    web_app.add_handlers(".*$", [("/a/mcp/?", First), ("/b", Second)])

    assert claims(web_app, "/a/mcp") == [First, Second]
    assert claims(web_app, "/c") == []
    assert describe(McpHandler) == "jupyter_mcp_ext.transport.handler.McpHandler"


def test_a_path_of_jupyters_own_is_left_to_it(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server("--McpApp.path=/api/status", ready="is running at:")
    server.until_answered()  # a signal before that can be lost

    server.process.terminate()
    server.process.wait(60)

    assert any("MCP is not served" in line and "/api/status" in line for line in server.log)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("McpApp.path=no path", "McpApp.path is 'no path'; it must start with /"),
        ("McpApp.max_result_characters=1", "max_result_characters"),
        ("McpApp.extra_tools={}", "extra_tools"),
    ],
)
def test_with_a_wrong_setting_nothing_is_served_where_it_would_be_without(
    start_server: Callable[..., JupyterServer], setting: str, words: str
) -> None:
    server = start_server(f"--{setting}", ready="is running at:")
    server.until_answered()

    assert server.request("GET", headers=server.auth).status == 404
    server.process.terminate()
    server.process.wait(60)

    [said] = [line for line in server.log if "MCP is not served" in line]
    assert words in said
    assert "See also: jupyter mcp doctor" in said
    assert not any("Traceback" in line for line in server.log)


def test_a_server_ends_in_time_with_a_stream_open(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server()
    opened = server.post(INITIALIZE)
    headers = {
        **server.auth,
        "Accept": "text/event-stream",
        "Mcp-Session-Id": opened.headers["mcp-session-id"],
    }
    with server.stream("GET", headers) as response:
        assert response.status == 200

        server.process.terminate()

        assert server.process.wait(30) == 0
    wrong = ("Traceback", "was destroyed", "did not stop within", "did not end within")
    assert not [line for line in server.log if any(words in line for words in wrong)]
