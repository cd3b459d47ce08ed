"""The page of a server with one login: what keeps other pages and other people out."""

from __future__ import annotations

import html
import http.client
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.mcp_client import McpClient
from tests.servers import Answer, JupyterServer

DENIES = """
from jupyter_server.auth.authorizer import Authorizer
class ReadsOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return action == "read" and resource == {resource!r}
c.ServerApp.authorizer_class = ReadsOnly
"""


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(base_url="/a%40b/")


def logged_in(server: JupyterServer) -> str:
    """The cookies of a browser that has logged in with the token."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", f"/a%40b/mcp/ui?token={server.token}")
        response = connection.getresponse()
        response.read()
        cookies = response.headers.get_all("Set-Cookie", [])
        return "; ".join(cookie.partition(";")[0] for cookie in cookies)
    finally:
        connection.close()


def press(server: JupyterServer, cookies: str, **fields: str) -> Answer:
    """Press the button that pauses all agents."""
    headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode(fields).encode()
    return server.request("POST", body, headers, path="/a%40b/mcp/ui/pause")


def test_a_browser_logs_in_and_presses_buttons_of_this_page_only(server: JupyterServer) -> None:
    cookies = logged_in(server)
    seen = server.request("GET", None, {"Cookie": cookies}, path="/a%40b/mcp/ui")
    secret = next(part for part in cookies.split("; ") if part.startswith("_xsrf=")).split("=", 1)

    forged = press(server, cookies)
    wrong = press(server, cookies, _xsrf="2|1|1|1")
    pressed = press(server, cookies, _xsrf=secret[1])

    assert seen.status == 200
    assert b"Anonymous" not in seen.body
    assert [forged.status, wrong.status, pressed.status] == [403, 403, 303]
    paused = McpClient(server).call("list_sessions")
    assert paused.text.startswith("Error: A person paused the agents on this server")
    resume = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"_xsrf": secret[1]}).encode()
    server.request("POST", body, resume, path="/a%40b/mcp/ui/resume")
    assert not McpClient(server).call("list_sessions").is_error


def test_its_address_is_below_the_base_url(server: JupyterServer) -> None:
    led = server.request("GET", None, {"Accept": "text/html"}, path="/a%40b/mcp")
    seen = server.request("GET", None, server.auth, path="/a%40b/mcp/ui")

    assert (led.status, led.headers["location"]) == (302, "/a%40b/mcp/ui")
    assert b'action="/a%40b/mcp/ui/pause"' in seen.body
    assert f"http://127.0.0.1:{server.port}/a%40b/mcp".encode() in seen.body


def test_a_token_in_the_address_of_mcp_lets_a_browser_in(server: JupyterServer) -> None:
    browser = {"Accept": "text/html"}
    led = server.request("GET", None, browser, path=f"/a%40b/mcp?token={server.token}&more=1")
    odd = server.request("GET", None, browser, path="/a%40b/mcp?token=%0d%0aX:%20y")

    seen = server.request("GET", None, browser, path=led.headers["location"])

    assert (led.status, odd.status, seen.status) == (302, 302, 200)
    assert odd.headers["location"] == "/a%40b/mcp/ui?token=%0D%0AX%3A+y"
    assert b"Agents on this server" in seen.body


def test_without_a_login_pages_under_foreign_names_see_nothing(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(token="")

    own = server.request("GET", path="/mcp/ui")
    foreign = [
        server.request("GET", None, {"Host": "evil.example"}, path=path)
        for path in ("/mcp/ui", "/mcp/ui/news")
    ]

    assert own.status == 200
    assert [answer.status for answer in foreign] == [403, 403]
    assert all(b"Last calls" not in answer.body for answer in foreign)


def test_it_can_be_switched_off(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server("--McpPage.enabled=False")

    seen = server.request("GET", None, server.auth, path="/mcp/ui")
    pressed = server.request("POST", b"", server.auth, path="/mcp/ui/pause")

    assert (seen.status, pressed.status) == (404, 404)
    assert not McpClient(server).call("list_sessions").is_error


def test_without_it_a_browser_is_told_behind_the_login_how_agents_connect(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpPage.enabled=False", base_url="/a%40b/")

    led = server.request("GET", None, {"Accept": "text/html"})
    anonymous = server.request("GET", None, {"Accept": "text/html"}, path="/a%40b/mcp/connect")
    seen = server.request("GET", None, server.auth, path=led.headers["location"])
    address = f"http://127.0.0.1:{server.port}/a%40b/mcp"

    assert (led.status, led.headers["location"]) == (302, "/a%40b/mcp/connect")
    assert (anonymous.status, anonymous.headers["location"][:17]) == (302, "/a%40b/login?next")
    assert (seen.status, seen.headers["cache-control"]) == (200, "no-store")
    assert f"claude mcp add --scope user --transport http jupyter {address} --header" in (
        html.unescape(seen.body.decode())
    )
    assert b"<code>jupyter mcp connect</code>" in seen.body
    assert b"vscode:mcp/install?" in seen.body
    assert server.token.encode() not in seen.body


def test_pages_under_foreign_names_are_not_told_either(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpPage.enabled=False", token="")

    own = server.request("GET", path="/mcp/connect")
    foreign = server.request("GET", None, {"Host": "evil.example"}, path="/mcp/connect")

    assert (own.status, foreign.status) == (200, 403)
    assert b"claude mcp add" not in foreign.body


@pytest.mark.parametrize(("resource", "status"), [("sessions", 403), ("kernels", 403)])
def test_it_asks_jupyters_authorizer(
    start_server: Callable[..., JupyterServer], tmp_path: Path, resource: str, status: int
) -> None:
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(DENIES.format(resource=resource))
    server = start_server(f"--config={config}")

    seen = server.request("GET", None, server.auth, path="/mcp/ui")

    assert seen.status == status
    assert b"This server does not let you read" in seen.body
    assert b"Last calls" not in seen.body
