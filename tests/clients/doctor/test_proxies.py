"""What real proxies do to MCP is named with the setting to change; the page's snippets do nothing.

Each proxy stands before the same server; the doctor has the URL through it, as a client has.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.doctor.examined import examined, looked
from tests.clients.doctor.proxying import PAGE, proxied
from tests.servers import JupyterServer

NGINX = (
    "location /jupyter/ {{ proxy_pass http://127.0.0.1:8888; proxy_set_header Host $http_host; "
    "client_max_body_size 5m; {} }}"
)
CADDY = "handle /jupyter/* {{\n reverse_proxy 127.0.0.1:8888 {{\n {} \n}}\n}}"
HAPROXY = PAGE["haproxy"]
APACHE = PAGE["apache"]


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(base_url="/jupyter/")


@pytest.mark.parametrize("kind", ["nginx", "haproxy", "apache", "caddy"])
def test_with_the_pages_snippet_a_proxy_takes_nothing_from_clients(
    server: JupyterServer, tmp_path: Path, kind: str
) -> None:
    with proxied(kind, PAGE[kind], server, tmp_path / "proxy") as url:
        found = examined(tmp_path, url, token=server.token, hold=2.0)

    # Apache tells the server of a client's end when the server sends something.
    known = {("kernel", "warning")} if kind == "apache" else set()
    assert found.troubles == known, found.whole
    assert found.of("kernel")


def test_the_defaults_of_nginx_pass_streams_and_refuse_large_bodies(
    server: JupyterServer, tmp_path: Path
) -> None:
    part = "location /jupyter/ { proxy_pass http://127.0.0.1:8888; }"
    with proxied("nginx", part, server, tmp_path / "proxy") as url:
        found = examined(tmp_path, url, token=server.token, hold=2.0)

    assert found.troubles == {("bodies", "warning")}, found.whole
    assert "answered with 413" in found.one("bodies")["what"]
    assert "`client_max_body_size 5m;`" in found.one("bodies")["do"]


@pytest.mark.parametrize(
    ("kind", "part", "check", "what", "do"),
    [
        (
            "nginx",
            NGINX.format('proxy_set_header Authorization "";'),
            "token",
            "Authorization is lost",
            "`proxy_set_header Authorization $http_authorization;`",
        ),
        (
            "caddy",
            CADDY.format("header_up -Authorization"),
            "token",
            "Authorization is lost",
            "no `header_up -Authorization`",
        ),
        (
            "apache",
            "RequestHeader unset Authorization\n" + APACHE,
            "token",
            "Authorization is lost",
            "Apache: no `RequestHeader unset Authorization`",
        ),
        (
            "nginx",
            NGINX.format('proxy_set_header Mcp-Protocol-Version "";'),
            "headers",
            "Mcp-Protocol-Version is lost",
            "$http_mcp_protocol_version",
        ),
        (
            "nginx",
            NGINX.format('proxy_set_header Mcp-Method "";'),
            "headers",
            "Mcp-Method is lost",
            "$http_mcp_method",
        ),
        (
            "nginx",
            NGINX.format('proxy_set_header Accept "";'),
            "headers",
            "Accept is lost",
            "$http_accept",
        ),
        (
            "nginx",
            NGINX.format('proxy_set_header Mcp-Session-Id "";'),
            "headers",
            "Mcp-Session-Id is lost",
            "$http_mcp_session_id",
        ),
        (
            "nginx",
            NGINX.format("proxy_hide_header Mcp-Session-Id;"),
            "headers",
            "Mcp-Session-Id of answers is lost",
            "no `proxy_hide_header Mcp-Session-Id;`",
        ),
        (
            "nginx",
            NGINX.format('proxy_set_header Jupyter-Session "";'),
            "headers",
            "Jupyter-Session is lost",
            "$http_jupyter_session",
        ),
        (
            "nginx",
            NGINX.format("limit_except GET POST { deny all; }"),
            "headers",
            "DELETE, with which clients end a protocol session, is answered with 403",
            "`limit_except`",
        ),
        (
            "nginx",
            NGINX.format("proxy_read_timeout 2s;"),
            "streams",
            "A stream was cut after",
            "`proxy_read_timeout 1h;`",
        ),
        (
            "haproxy",
            HAPROXY.replace("timeout server 1h", "timeout server 2s"),
            "streams",
            "A stream was cut after",
            "HAProxy: `timeout server 1h`",
        ),
        (
            "caddy",
            CADDY.format("transport http {\n read_timeout 2s\n }"),
            "streams",
            "A stream was cut after",
            "no `read_timeout`",
        ),
        (
            "apache",
            APACHE.replace("timeout=3600", "timeout=2"),
            "streams",
            "A stream was cut after",
            "Apache: `ProxyPass … timeout=3600`",
        ),
        (
            "nginx",
            NGINX.format("").replace("$http_host", "jupyter.example"),
            "server",
            "takes no requests for the host name",
            "ServerApp.local_hostnames",
        ),
        (
            "nginx",
            NGINX.format("").replace("8888", "9"),
            "server",
            "A proxy answers with 502",
            "whether the server runs",
        ),
        (
            "nginx",
            NGINX.format("").replace("/jupyter/", "/other/"),
            "server",
            "Another program answers",
            "the path",
        ),
    ],
)
def test_what_a_proxy_does_is_named_with_its_setting(
    server: JupyterServer, tmp_path: Path, kind: str, part: str, check: str, what: str, do: str
) -> None:
    hold = 60.0 if check == "streams" else 5.0  # what is cut is not held to the end
    with proxied(kind, part, server, tmp_path / "proxy") as url:
        found = looked(tmp_path, url, token=server.token, hold=hold)

    texts = [each for each in found.of(check) if each["level"] != "ok"]
    assert any(what in each["what"] and do in each["do"] for each in texts), found.whole


def test_a_proxy_that_holds_streams_back_is_named(server: JupyterServer, tmp_path: Path) -> None:
    part = NGINX.format("proxy_ignore_headers X-Accel-Buffering;")
    with proxied("nginx", part, server, tmp_path / "proxy") as url:
        found = examined(tmp_path, url, token=server.token, hold=2.0)

    assert "Streams are held back" in found.one("streams")["what"]
    assert "`proxy_buffering off;`" in found.one("streams")["do"]
    assert any("Progress is held back" in each["what"] for each in found.of("kernel"))


def test_a_proxy_that_keeps_cancelled_calls_is_named(server: JupyterServer, tmp_path: Path) -> None:
    part = HAPROXY.replace("option abortonclose", "")
    with proxied("haproxy", part, server, tmp_path / "proxy") as url:
        found = examined(tmp_path, url, token=server.token, hold=1.0)

    assert found.troubles == {("kernel", "warning")}, found.whole
    [named] = [each for each in found.of("kernel") if each["level"] == "warning"]
    assert "A silent call that a client cancels runs on (2026-07-28)" in named["what"]
    assert "HAProxy: `option abortonclose`" in named["do"]


def test_a_prefix_that_a_proxy_takes_away_is_no_trouble(
    start_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    plain = start_server()
    part = "location /far/ { proxy_pass http://127.0.0.1:8888/; client_max_body_size 5m; }"
    with proxied("nginx", part, plain, tmp_path / "proxy") as url:
        found = looked(tmp_path, url.replace("/mcp", "/far/mcp"), token=plain.token)

    assert found.troubles == set(), found.whole
