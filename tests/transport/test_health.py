"""What the health page tells: to everyone whether MCP is served, after login the detail."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.identity import User
from tornado.httpclient import HTTPClientError

from jupyter_mcp_ext.version import __version__
from tests.mcp_client import NEW, McpClient
from tests.servers import Answer, JupyterServer

Fetch = Callable[..., Awaitable[Any]]

ANONYMOUS = {"Authorization": ""}


class NoApi(Authorizer):
    """Lets no user read Jupyter's API."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        return resource != "api"


def health(server: JupyterServer, method: str = "GET", **headers: str) -> Answer:
    """The answer of the health page of a server that serves."""
    McpClient(server, NEW).request("tools/list")
    return server.request(method, headers=headers, path=f"{server.base_url}mcp/health")


@pytest.fixture
def app(jp_serverapp: Any) -> Any:
    """The extension in the test's process."""
    [app] = jp_serverapp.extension_manager.extension_apps["jupyter_mcp_ext"]
    return app


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "x=y"}])
def test_without_login_only_whether_mcp_is_served_is_told(
    server: JupyterServer, headers: dict[str, str]
) -> None:
    answer = health(server, **headers)

    assert answer.status == 200
    assert answer.json() == {"status": "ok"}
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


def test_head_has_the_status_alone(server: JupyterServer) -> None:
    answer = health(server, "HEAD")

    assert (answer.status, answer.body) == (200, b"")


def test_other_methods_are_refused(server: JupyterServer) -> None:
    assert health(server, "POST", **server.auth).status == 405


def test_after_login_the_detail_is_told_and_nothing_that_users_typed(
    server: JupyterServer,
) -> None:
    client = McpClient(server, NEW, name="a-client")
    client.call("create_session", name="a-session")
    client.run("raise ValueError('a-secret')", session_id="a-session")
    client.run("import os; os._exit(7)", session_id="a-session")

    answer = health(server, **server.auth)

    detail: dict[str, Any] = answer.json()
    assert detail["status"] == "ok"
    assert detail["version"] == __version__
    assert detail["sandbox"].startswith("none")
    assert detail["kernels"]["agent"] >= 1
    assert detail["sessions"]["running"] >= 1
    assert detail["executions"] == {"input": 0, "queued": 0, "running": 0}
    assert detail["disk"]["sessions"] > 0
    assert detail["disk"]["free"] > 0
    [died] = [error for error in detail["errors"] if error["kind"] == "kernel_died"]
    assert "exit code 7" in died["detail"]
    for typed in (b"a-secret", b"a-client", b"a-session", b"_exit"):
        assert typed not in answer.body
    assert "set-cookie" not in answer.headers


async def test_who_may_not_read_the_api_gets_no_detail(
    jp_serverapp: Any, jp_fetch: Fetch, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.host.begin()
    monkeypatch.setitem(jp_serverapp.web_app.settings, "authorizer", NoApi())

    answer = await jp_fetch("mcp", "health")

    assert json.loads(answer.body) == {"status": "ok"}


async def test_where_many_use_the_server_administrators_get_the_detail(
    jp_fetch: Fetch, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.host.begin()
    policy = app.services.policy
    monkeypatch.setattr(policy, "multi_user", True)

    others = json.loads((await jp_fetch("mcp", "health")).body)
    monkeypatch.setattr(policy, "admin_users", ["jupyter"])
    administrators = json.loads((await jp_fetch("mcp", "health")).body)

    assert others == {"status": "ok"}
    assert "kernels" in administrators


async def test_a_probe_is_no_activity(jp_serverapp: Any, jp_fetch: Fetch, app: Any) -> None:
    await app.host.begin()
    settings = jp_serverapp.web_app.settings
    before = dict(settings["last_activity_times"]), settings.get("api_last_activity")

    await jp_fetch("mcp", "health")

    after = dict(settings["last_activity_times"]), settings.get("api_last_activity")
    assert after == before


async def test_a_server_that_does_not_serve_is_unavailable(jp_fetch: Fetch, app: Any) -> None:
    await app.host.begin()
    await app.host.stop()

    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("mcp", "health", headers=ANONYMOUS)

    assert refused.value.code == 503
    assert refused.value.response is not None
    assert json.loads(refused.value.response.body) == {"status": "unavailable"}


def test_there_is_no_page_where_the_extension_does_not_serve(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpApp.path=/api/status", ready="is running at:")
    server.until_answered()

    answer = server.request("GET", path="/api/status/health")

    assert answer.status == 404
