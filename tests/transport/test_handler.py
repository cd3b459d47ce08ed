"""What the endpoint answers before the SDK sees anything."""

from __future__ import annotations

import base64
import http.client
import http.cookiejar
import json
import select
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable

import pytest
from jupyter_server.auth.security import passwd

from tests import mcp_client
from tests.servers import JupyterServer

JSON = {"Content-Type": "application/json"}
ACCEPT = {**JSON, "Accept": "application/json, text/event-stream"}
PING = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
INITIALIZE = json.dumps(mcp_client.INITIALIZE).encode()


def password_hash() -> str:
    """Jupyter's hash of "secret", of a kind that is fast to check."""
    return str(passwd("secret", algorithm="sha256"))  # type: ignore[no-untyped-call]  # Jupyter's


def message_of(body: bytes) -> str:
    error = json.loads(body)["error"]
    return str(error["message"])


@pytest.mark.parametrize("credentials", ["Bearer {}", "token {}", "bearer {}"])
def test_a_token_is_let_in_and_given_no_cookie(server: JupyterServer, credentials: str) -> None:
    headers = {**ACCEPT, "Authorization": credentials.format(server.token)}

    answer = server.request("POST", INITIALIZE, headers)

    assert answer.status == 200
    assert "mcp-session-id" in answer.headers
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "x=y"}])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_without_the_token_the_answer_names_the_header(
    server: JupyterServer, method: str, headers: dict[str, str]
) -> None:
    answer = server.request(method, INITIALIZE, {**ACCEPT, **headers})

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="jupyter"'
    assert "`Authorization: Bearer <token>`" in message_of(answer.body)
    assert "set-cookie" not in answer.headers


def test_a_large_body_of_a_stranger_is_not_waited_for(server: JupyterServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 3000000\r\n\r\n"
        )

        assert sock.recv(12) == b"HTTP/1.1 401"


def test_a_token_in_the_url_is_refused_and_not_logged(server: JupyterServer) -> None:
    answer = server.request("POST", PING, JSON, path=f"/mcp?token={server.token}")

    assert answer.status == 400
    assert "`Authorization: Bearer <token>`" in message_of(answer.body)
    assert not [line for line in server.log if server.token in line]


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
def test_a_foreign_page_is_refused_even_with_the_token(server: JupyterServer, method: str) -> None:
    headers = {**ACCEPT, **server.auth, "Origin": "http://evil.example"}

    answer = server.request(method, PING, headers)

    assert answer.status == 403
    assert "origin" in message_of(answer.body)
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_the_server_itself_is_served(server: JupyterServer) -> None:
    headers = {"Origin": f"https://127.0.0.1:{server.port}"}

    assert server.post(mcp_client.INITIALIZE, headers).status == 200


def test_a_foreign_host_is_refused(server: JupyterServer) -> None:
    answer = server.request("POST", PING, {**ACCEPT, **server.auth, "Host": "evil.example"})

    assert answer.status == 403
    assert "evil.example" in message_of(answer.body)


def test_a_trailing_slash_makes_no_difference(server: JupyterServer) -> None:
    answer = server.request("POST", INITIALIZE, {**ACCEPT, **server.auth}, path="/mcp/")

    assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"[]", -32600), (b"5", -32600), (b"{", -32700), (b"", -32700), (b"null", -32600)],
)
@pytest.mark.parametrize("version", [{}, {"MCP-Protocol-Version": "2026-07-28"}])
def test_a_body_that_is_not_a_message_is_refused_in_words_of_this_server(
    server: JupyterServer, body: bytes, code: int, version: dict[str, str]
) -> None:
    answer = server.request("POST", body, {**ACCEPT, **server.auth, **version})

    assert answer.status == 400
    assert json.loads(answer.body)["error"]["code"] == code
    assert b"pydantic" not in answer.body


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize(
    "params", [None, [], {"_meta": 5}, {"name": 5}, {"name": "x", "arguments": 5}]
)
def test_parameters_that_are_none_bring_no_dump_of_a_validator(
    server: JupyterServer, version: str, params: object
) -> None:
    opened = server.post(mcp_client.INITIALIZE)
    session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]} if "2025" in version else {}
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    routing = {"MCP-Protocol-Version": version, "Mcp-Method": "tools/call", "Mcp-Name": "x"}

    answer = server.post(message, {**session, **routing})

    assert "error" in answer.json()
    assert b"pydantic" not in answer.body
    assert b"validation error" not in answer.body


def test_a_body_over_the_limit_is_refused_by_its_declared_size(server: JupyterServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 4194305\r\n\r\n"
        )
        sock.sendall(head.encode())
        answer = sock.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"4 MiB" in answer


def test_a_chunked_body_over_the_limit_is_refused(server: JupyterServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n500000\r\n"
        )
        sock.sendall(head.encode())

        assert sock.recv(12) == b"HTTP/1.1 400"


def test_another_content_type_is_refused(server: JupyterServer) -> None:
    headers = {**server.auth, "Content-Type": "text/plain"}

    assert server.request("POST", PING, headers).status == 415


def test_an_unknown_method_is_answered_in_json(server: JupyterServer) -> None:
    answer = server.request("PUT", PING, server.auth)

    assert answer.status == 405
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("scope", ["a" * 65, "a b", "ä", "a/b"])
def test_a_malformed_session_scope_is_refused(server: JupyterServer, scope: str) -> None:
    path = "/mcp?" + urllib.parse.urlencode({"session": scope})

    answer = server.request("POST", PING, {**ACCEPT, **server.auth}, path=path)

    assert answer.status == 400
    assert "Jupyter-Session" in message_of(answer.body)


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/mcp/.well-known/openid-configuration",
        "/register",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_search_for_oauth_ends_in_a_plain_404(
    server: JupyterServer, method: str, path: str
) -> None:
    answer = server.request(method, b"{}" if method == "POST" else None, JSON, path=path)

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"


def test_a_search_for_oauth_at_the_root_ends_in_a_plain_404_below_a_base_url(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(base_url="/user/me/")

    for path in (
        "/.well-known/oauth-protected-resource/user/me/mcp",
        "/register",
        "/user/me/register",
        "/user/me/mcp/.well-known/openid-configuration",
    ):
        assert server.request("POST", b"{}", JSON, path=path).status == 404
    assert server.post(mcp_client.INITIALIZE).status == 200


def test_the_password_works_with_any_user_name(start_server: Callable[..., JupyterServer]) -> None:
    hashed = password_hash()
    server = start_server(f"--PasswordIdentityProvider.hashed_password={hashed}", token="")

    def login(password: str) -> dict[str, str]:
        pair = base64.b64encode(f"me:{password}".encode()).decode()
        return {**ACCEPT, "Authorization": f"Basic {pair}"}

    assert server.request("POST", INITIALIZE, login("secret")).status == 200
    refused = server.request("POST", INITIALIZE, login("wrong"))
    assert refused.status == 401
    assert 'Basic realm="jupyter"' in refused.headers["www-authenticate"]
    assert "`Authorization: Basic" in message_of(refused.body)


def test_guessers_at_other_addresses_do_not_lock_out_the_right_password(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(f"--PasswordIdentityProvider.hashed_password={password_hash()}", token="")

    def login(password: str) -> dict[str, str]:
        pair = base64.b64encode(f"me:{password}".encode()).decode()
        return {**ACCEPT, "Authorization": f"Basic {pair}"}

    guessers = [
        http.client.HTTPConnection("127.0.0.1", server.port, source_address=("127.0.0.2", 0))
        for _ in range(24)
    ]
    for number, guesser in enumerate(guessers):
        guesser.request("POST", "/mcp", INITIALIZE, login(f"wrong {number}"))
    last = guessers[-1].getresponse().status

    right = server.request("POST", INITIALIZE, login("secret")).status

    others = [guesser.sock for guesser in guessers[:-1]]
    answered, _, _ = select.select(others, [], [], 0)
    assert (last, right) == (429, 200)
    assert len(answered) < len(others) - 1  # it did not wait for the others
    for guesser in guessers:
        guesser.close()


def test_a_browsers_login_needs_the_xsrf_header(server: JupyterServer) -> None:
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    base = f"http://127.0.0.1:{server.port}"
    opener.open(f"{base}/login").read()
    xsrf = {cookie.name: cookie.value or "" for cookie in jar}["_xsrf"]
    form = urllib.parse.urlencode({"password": server.token, "_xsrf": xsrf}).encode()
    opener.open(f"{base}/login?next=%2Fapi%2Fstatus", form).read()
    cookies = {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)}

    without = server.request("POST", INITIALIZE, {**ACCEPT, **cookies})
    with_it = server.request("POST", INITIALIZE, {**ACCEPT, **cookies, "X-XSRFToken": xsrf})

    assert without.status == 403
    assert "X-XSRFToken" in message_of(without.body)
    assert with_it.status == 200


def test_with_authentication_off_a_page_still_cannot_call(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(token="")

    assert server.request("POST", INITIALIZE, ACCEPT).status == 200
    foreign = {**ACCEPT, "Origin": "http://evil.example"}
    assert server.request("POST", INITIALIZE, foreign).status == 403
    form = {**ACCEPT, "Content-Type": "text/plain"}
    assert server.request("POST", INITIALIZE, form).status == 415


def test_an_allowed_page_passes_its_preflight(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server("--ServerApp.allow_origin=https://notebooks.example")
    origin = {"Origin": "https://notebooks.example"}

    answer = server.request("OPTIONS", None, origin)

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://notebooks.example"
    assert "Authorization" in answer.headers["access-control-allow-headers"]


def test_a_session_belongs_to_token_and_password_alike(
    start_server: Callable[..., JupyterServer],
) -> None:
    hashed = password_hash()
    server = start_server(f"--PasswordIdentityProvider.hashed_password={hashed}")
    opened = server.post(mcp_client.INITIALIZE)
    pair = base64.b64encode(b"me:secret").decode()

    ended = server.request(
        "DELETE",
        None,
        {
            "Authorization": f"Basic {pair}",
            "Mcp-Session-Id": opened.headers["mcp-session-id"],
        },
    )

    assert ended.status == 200
