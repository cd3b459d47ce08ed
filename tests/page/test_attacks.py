"""What browsers and the network are made to do with the page, and do not."""

from __future__ import annotations

import html
import http.client
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from tests.mcp_client import McpClient
from tests.servers import Answer, JupyterServer

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}%%s\u202e"
CLIENTS = ("vscode:mcp/install?", "cursor://anysphere.cursor-deeplink/mcp/install?")
"""Links that add the server to a client."""
MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server()


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, {name: value or "" for name, value in attrs}))


def look(server: JupyterServer, **headers: str) -> Answer:
    return server.request("GET", None, {**server.auth, **headers}, path="/mcp/ui")


def logged_in(server: JupyterServer) -> tuple[str, str]:
    """The cookies of a browser that has logged in, and the secret of its forms."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", f"/mcp/ui?token={server.token}")
        response = connection.getresponse()
        response.read()
        cookies = [each.partition(";")[0] for each in response.headers.get_all("Set-Cookie", [])]
    finally:
        connection.close()
    secret = next(each.partition("=")[2] for each in cookies if each.startswith("_xsrf="))
    return "; ".join(cookies), secret


def test_no_other_page_shows_it_in_a_frame(server: JupyterServer) -> None:
    for path in ("/mcp/ui", "/mcp/ui/nothing"):
        policy = server.request("GET", None, server.auth, path=path).headers
        assert "frame-ancestors 'none'" in policy["content-security-policy"], path
        assert policy["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("origin", ["null", "http://evil.example", ""])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain"])
def test_another_page_presses_no_button(server: JupyterServer, origin: str, kind: str) -> None:
    cookies, _ = logged_in(server)
    headers = {"Cookie": cookies, "Content-Type": kind, "Origin": origin}

    for body in (b"", urlencode({"_xsrf": "", "of": "all"}).encode()):
        for button in ("pause", "read-only"):
            answer = server.request("POST", body, headers, path=f"/mcp/ui/{button}")
            assert answer.status in (403, 404)  # the latter where the origin is looked at first
        assert server.request("GET", None, headers, path="/mcp/ui/pause").status == 405

    assert not McpClient(server).call("list_sessions").is_error


def test_it_redirects_to_itself_alone(server: JupyterServer) -> None:
    cookies, secret = logged_in(server)
    headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"_xsrf": secret, "next": "http://evil.example", "of": ""}).encode()
    led = [server.request("POST", body, headers, path="/mcp/ui/resume?next=//evil")]
    led += [
        server.request("GET", None, {"Accept": "text/html"}, path=f"/mcp?{query}")
        for query in ("next=//evil.example", f"token={server.token}", "session=a")
    ]

    # The token alone goes on, as at Jupyter's own pages.
    itself = {"/mcp/ui", f"/mcp/ui?token={server.token}"}
    assert {answer.headers["location"] for answer in led} == itself


def test_head_and_other_methods_are_refused_and_change_nothing(server: JupyterServer) -> None:
    for method in ("HEAD", "PUT", "DELETE", "PATCH"):
        for path in ("/mcp/ui", "/mcp/ui/pause", "/mcp/ui/news"):
            assert server.request(method, None, server.auth, path=path).status == 405, method

    assert not McpClient(server).call("list_sessions").is_error


def test_no_answer_is_kept_in_a_cache(server: JupyterServer) -> None:
    for headers in ({}, server.auth):
        for path in ("/mcp/ui", "/mcp/ui/pause"):
            answer = server.request("GET", None, headers, path=path)
            assert answer.headers["cache-control"] == "no-store", (path, answer.status)


def test_an_address_that_is_refused_is_shown_as_it_was_sent(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(token="")

    said = server.request("GET", None, {"Host": "a%41.example"}, path="/mcp/ui")

    words = html.unescape(said.body.decode())
    assert (said.status, "a%41.example" in words) == (403, True)


def test_what_agents_send_is_text_in_every_field(server: JupyterServer) -> None:
    for version in ("2026-07-28", "2025-11-25"):
        client = McpClient(server, version, name=HOSTILE[:64])
        client._info["version"] = HOSTILE
        client.call("create_session", name=HOSTILE[:60])
        client.call("create_session", name="x", kernel_name=HOSTILE)
        client.call("read_file", path=HOSTILE)
        client.call_with("execute_code", {HOSTILE: HOSTILE, "code": HOSTILE})
        client.call_with("execute_code", {"code": {HOSTILE: [HOSTILE]}, "session_id": HOSTILE})
        client.run(f"print({HOSTILE!r}); raise ValueError({HOSTILE!r})")
        client.send("tools/call", name=HOSTILE, arguments={})
        client.call("write_file", path=f"{HOSTILE.replace('/', '')}.txt", content=HOSTILE)

    seen = look(server).body.decode()

    found = Tags()
    found.feed(seen)
    assert {attributes["src"][:8] for tag, attributes in found.all if tag == "script"} == {
        "/static/"
    }
    assert {"img", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in found.all)
    assert [name for _, attributes in found.all for name in attributes if name[:2] == "on"] == []
    links = [at.get("href", "/") for tag, at in found.all if tag == "a"]
    assert [link for link in links if not link.startswith(("/", *CLIENTS))] == []
    assert "49" not in re.findall(r"alert\(2\)&gt;(..)", seen)
    assert "\u202e" not in seen


def test_large_calls_leave_the_page_small(server: JupyterServer) -> None:
    client = McpClient(server, name="large")
    large = "<" * 1_000_000
    for number in range(50):
        client.call_with("read_file", {"path": large, **{f"a{i}": large[:9_000] for i in range(9)}})
        if number % 10 == 0:
            client.run("print('<' * 1_000_000)")

    seen = look(server)

    assert seen.status == 200
    assert len(seen.body) < MOST_BYTES


def test_sessions_that_end_while_it_is_made_leave_it_whole(server: JupyterServer) -> None:
    client = McpClient(server, name="ending")

    def end() -> None:
        for number in range(4):
            name = f"short-{number}"
            client.call("create_session", name=name)
            client.call("delete_session", session_id=name)

    with ThreadPoolExecutor() as threads:
        ended = threads.submit(end)
        seen = list(threads.map(lambda _: look(server).status, range(100)))
        ended.result()

    assert set(seen) == {200}
