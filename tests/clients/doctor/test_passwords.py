"""A server with a password and no token: what is so, what can be done, and that it is done."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_server.auth.security import passwd

from tests.clients.doctor.examined import looked, run
from tests.servers import JupyterServer, environment, running_command, running_server

PASSWORD = "correct horse battery"
HASHED = passwd(PASSWORD, "sha1")  # type: ignore[no-untyped-call]  # jupyter_server's
OPTION = f"--PasswordIdentityProvider.hashed_password={HASHED}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_server(tmp_path_factory.mktemp("password"), OPTION, token="") as server:
        yield server


def typed(folder: Path, password: str, *options: str) -> tuple[int, str]:
    """Run the command at a terminal, and type a password when it asks; its status and words."""
    command = [sys.executable, "-m", "jupyter_mcp_ext", "doctor", *options]
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(folder)
        os.execve(sys.executable, command, environment(folder))  # noqa: S606  # in a terminal
    said = b""
    with os.fdopen(terminal, "r+b", buffering=0) as opened:
        while b"leaves the login out): " not in said:
            said += opened.read(4096)
        opened.write(password.encode() + b"\n")
        try:
            while piece := opened.read(4096):
                said += piece
        except OSError:  # the end of a terminal
            pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def test_at_a_terminal_the_password_is_asked_for_and_all_is_looked_at(
    server: JupyterServer,
) -> None:
    status, said = typed(server.root_dir.parent, PASSWORD)

    assert status == 0, said
    assert "The server takes the password." in said
    assert "warning  token       The server has a password and no token" in said
    assert "A kernel starts and runs code" in said
    assert "MCP works in 2026-07-28 and 2025-11-25" in said
    assert PASSWORD not in said
    assert not [path for path in server.root_dir.parent.rglob("*") if _has(path, PASSWORD)]


def _has(path: Path, words: str) -> bool:
    return path.is_file() and words.encode() in path.read_bytes()


def test_a_wrong_password_and_none_are_told(server: JupyterServer) -> None:
    wrong = typed(server.root_dir.parent, "not that one", "--no-kernel")
    none = typed(server.root_dir.parent, "", "--no-kernel")

    assert wrong[0] == 1
    assert "The server does not take this password." in wrong[1]
    assert "not that one" not in wrong[1]
    assert none[0] == 0
    assert "so nothing behind the login is looked at" in none[1]


def test_programs_are_not_asked(server: JupyterServer) -> None:
    done = run(server.root_dir.parent, "--no-kernel", "--json")

    assert done.returncode == 0
    assert done.stderr == ""
    assert "a password and no token" in done.stdout


def test_a_token_is_said_to_be_of_no_use_there(server: JupyterServer) -> None:
    url = f"http://localhost:{server.port}/"
    found = looked(server.root_dir.parent, url, token="some-token-1")

    assert "so JUPYTER_TOKEN is of no use there" in found.one("token")["what"]
    assert "JUPYTER_TOKEN=… jupyter lab" in found.one("token")["do"]


def test_a_token_beside_the_password_is_found_as_the_line_says(tmp_path: Path) -> None:
    options = (OPTION, "--port=0", f"--root-dir={tmp_path}")
    with running_command(tmp_path, *options, env={"JUPYTER_TOKEN": "a-token-beside-it"}):
        found = looked(tmp_path)

    assert found.troubles == set()
    assert found.one("login")["what"] == "The server asks for its token or its password."
    assert found.one("token")["what"] == "The server takes the token in its runtime file."
