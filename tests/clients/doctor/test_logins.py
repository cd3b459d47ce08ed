"""What is wrong with a login is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_server.auth.security import passwd

from tests import users
from tests.clients.doctor.examined import examined, looked, run
from tests.servers import JupyterServer, running_server
from tests.snippets import block_of


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server()


def url(server: JupyterServer) -> str:
    """Its address as another machine has it."""
    return f"http://localhost:{server.port}/"


def test_a_server_without_a_login_is_warned_of(start_server: Callable[..., JupyterServer]) -> None:
    found = looked(start_server(token="").root_dir.parent)

    assert found.is_good
    assert found.troubles == {("login", "warning")}
    assert "Authentication is switched off" in found.one("login")["what"]


def test_a_wrong_a_missing_and_a_changed_token_are_told_apart(server: JupyterServer) -> None:
    folder = server.root_dir.parent
    wrong = looked(folder, url(server), token="wrong")
    missing = looked(folder, url(server))
    right = looked(folder, url(server), token=server.token)
    changed = looked(folder, token="of-the-last-start")

    assert wrong.one("token")["what"].startswith("The token in JUPYTER_TOKEN is wrong")
    assert missing.one("token")["what"] == "No token is known: JUPYTER_TOKEN is not set."
    assert right.troubles == set()
    assert changed.troubles == {("variables", "warning")}
    assert "is not the token of this server" in changed.one("variables")["what"]
    assert [each.is_good for each in (wrong, missing, right, changed)] == [False, False, True, True]


def test_a_wrong_token_is_not_taken_for_that_of_the_file(server: JupyterServer) -> None:
    options = (url(server), "--no-kernel", "--json")

    wrong = run(server.root_dir.parent, *options, env={"JUPYTER_TOKEN": "wrong"})
    right = run(server.root_dir.parent, *options, env={"JUPYTER_TOKEN": server.token})

    assert "The token in JUPYTER_TOKEN is wrong" in wrong.stdout
    assert "The server takes the token in JUPYTER_TOKEN." in right.stdout


def test_the_page_shows_what_json_has_of_a_missing_token(server: JupyterServer) -> None:
    shown = json.loads(block_of("troubleshooting", '"not_looked_at"').text)

    whole = looked(server.root_dir.parent, url(server)).whole

    assert shown.keys() == whole.keys()
    of_both = ("version", "level", "not_looked_at")
    assert [shown[name] for name in of_both] == [whole[name] for name in of_both]
    assert shown["findings"] == [each for each in whole["findings"] if each["check"] == "token"]
    assert whole["endpoint"] == shown["endpoint"].replace("8888", str(server.port))


def test_a_server_with_a_password_only_is_told(start_server: Callable[..., JupyterServer]) -> None:
    hashed = passwd("secret", "sha1")  # type: ignore[no-untyped-call]  # jupyter_server's
    server = start_server(f"--PasswordIdentityProvider.hashed_password={hashed}", token="")

    found = looked(server.root_dir.parent)

    assert found.is_good
    assert "a password and no token" in found.one("token")["what"]
    assert "Authorization: Basic" in found.one("token")["do"]
    assert "headers" in found.whole["not_looked_at"]


def test_a_login_of_another_kind_is_told_and_its_token_is_taken(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(users.OPTION, token="")
    folder = server.root_dir.parent

    without = looked(folder)
    named = looked(folder, url(server), token="alice")

    assert "a login of its own" in without.one("token")["what"]
    assert named.troubles == set()


def test_tools_that_the_policy_hides_are_warned_of(
    start_server: Callable[..., JupyterServer],
) -> None:
    some = start_server("--McpPolicy.disabled_tools=install_package")
    reading = start_server("--McpPolicy.read_only=True")

    hidden = looked(some.root_dir.parent)
    look_only = examined(reading.root_dir.parent)

    assert hidden.troubles == {("protocol", "warning")}
    assert "1 tools are hidden from this user: install_package" in hidden.of("protocol")[1]["what"]
    assert look_only.troubles == {("protocol", "warning")}
    assert "McpPolicy.read_only" in look_only.of("protocol")[1]["do"]
    assert look_only.whole["not_looked_at"] == ["kernel"]


@pytest.mark.parametrize(
    ("button", "words"), [("pause", "paused the agents"), ("read-only", "to read-only for agents")]
)
def test_what_a_person_has_switched_off_is_named(tmp_path: Path, button: str, words: str) -> None:
    with running_server(tmp_path) as server:
        press(server, button)
        found = examined(tmp_path)

    assert not found.is_good
    assert words in found.one("kernel")["what"]
    assert "page at the address of MCP" in found.one("kernel")["do"]


def press(server: JupyterServer, button: str) -> None:
    """Press a button of the page for people."""
    seen = server.request("GET", None, server.auth, path="/mcp/ui")
    cookies = "; ".join(
        part.split(";")[0] for part in seen.headers["set-cookie"].split(", ") if "=" in part
    )
    xsrf = next(part for part in cookies.split("; ") if part.startswith("_xsrf=")).split("=", 1)[1]
    headers = {
        **server.auth,
        "Cookie": cookies,
        "X-XSRFToken": xsrf,
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://127.0.0.1:{server.port}",
    }
    answer = server.request("POST", b"everyone=1", headers, path=f"/mcp/ui/{button}")
    assert answer.status in (302, 303), answer.body
