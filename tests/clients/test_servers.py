"""Running servers are found by Jupyter's own files, and only those of this account."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.clients.asking import ask, client_options, standing
from jupyter_mcp_ext.clients.servers import (
    MAX_FILE,
    NoServer,
    Server,
    chosen_server,
    named_server,
    running_servers,
)
from tests.certificates import write_certificate
from tests.ports import free_port
from tests.servers import JupyterServer, running_command, running_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("found")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[JupyterServer]:
    with running_server(folder, base_url="/a%40b/") as server:
        yield server


def described(**changes: Any) -> str:
    """The text of a file about a server with this process."""
    info = {
        "base_url": "/",
        "hostname": "localhost",
        "password": False,
        "pid": os.getpid(),
        "port": 8888,
        "root_dir": "/work",
        "secure": False,
        "sock": "",
        "token": "secret",
        "url": "http://localhost:8888/",
        "version": "2.21.1",
    }
    return json.dumps({**info, **changes})


def found(folder: Path, text: str, name: str = "jpserver-1.json") -> tuple[Server, ...]:
    (folder / name).write_text(text)
    return running_servers(folder)


def test_a_running_server_is_found_with_its_token_and_answers(
    server: JupyterServer, folder: Path
) -> None:
    (found,) = running_servers(folder / "runtime")

    assert found.endpoint() == f"http://127.0.0.1:{server.port}/a%40b/mcp"
    assert found.token == server.token
    assert found.token not in repr(found)
    assert Path(found.root_dir) == server.root_dir
    assert (found.port, found.pid) == (server.port, server.process.pid)
    assert standing(found) == "ok"
    assert ask(found, "/api/status").status == 200


def test_a_wrong_token_another_program_and_silence_are_told_apart(
    server: JupyterServer, folder: Path
) -> None:
    (there,) = running_servers(folder / "runtime")
    other = named_server(f"http://127.0.0.1:{server.port}/a%40b/mcp/")

    assert standing(other) == "token"
    assert standing(Server(url=f"http://127.0.0.1:{server.port}/elsewhere/")) == "other"
    assert standing(Server(url=f"http://127.0.0.1:{free_port()}/", token=there.token)) == "silent"


@pytest.mark.parametrize("token", ["t\u00f6ken", "token\r", "token\n"])
def test_a_token_that_no_header_can_have_is_a_wrong_one(server: JupyterServer, token: str) -> None:
    base = server.url.removesuffix("mcp")

    assert standing(Server(url=base, token=token)) == "token"


def test_a_server_on_a_unix_socket_is_reached(tmp_path: Path) -> None:
    path = tmp_path / "jupyter.sock"
    with running_command(tmp_path, f"--ServerApp.sock={path}") as process:
        (there,) = running_servers(tmp_path / "runtime")

        assert there.socket == str(path)
        assert there.port is None
        assert standing(there) == "ok"
        assert chosen_server([there], str(path)).pid == process.pid


def test_a_certificate_is_trusted_only_if_it_is_named(tmp_path: Path) -> None:
    with running_server(tmp_path, *write_certificate(tmp_path, "localhost", "127.0.0.1")):
        (there,) = running_servers(tmp_path / "runtime")

        assert there.url.startswith("https://")
        assert standing(there) == "untrusted"
        assert standing(there, cafile=str(tmp_path / "ca.pem")) == "ok"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "1" * MAX_FILE,
        "[" * 10_000,
        described(pid="x"),
        described(pid=-1),
        described(pid=2**70),
        described(pid=float("inf")),
        described(port=float("inf"), hostname=""),
        described(root_dir="/a\0b"),
        described(root_dir="/\ud800"),
        described(port=None, hostname="0.0.0.0"),  # noqa: S104
        described(url="ftp://localhost/"),
        described(url="", hostname="elsewhere"),
        described(base_url="@example.org/"),
        described(base_url="\x1b[31m/"),
        described(base_url="/\ud800/"),
        described(base_url="8/"),
        described(url="http://me:secret@localhost:8888/"),
        described(url="http://localhost:abc/"),
    ],
)
def test_a_file_that_describes_no_server_is_passed_over(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == ()
    assert found(tmp_path, described(), "jpserver-2.json") != ()


def test_a_file_of_another_account_a_link_and_a_pipe_are_passed_over(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.json"
    real.write_text(described())
    (tmp_path / "jpserver-1.json").symlink_to(real)
    os.mkfifo(tmp_path / "jpserver-2.json")
    foreign = tmp_path / "jpserver-3.json"
    foreign.write_text(described())
    if os.geteuid() == 0:
        os.chown(foreign, 65_534, 65_534)
    else:
        foreign.unlink()

    assert running_servers(tmp_path) == ()
    assert running_servers(tmp_path / "missing") == ()


def test_a_server_of_another_account_or_one_that_has_ended_is_passed_over(tmp_path: Path) -> None:
    ended = os.fork()
    if not ended:
        os._exit(0)
    os.waitpid(ended, 0)

    assert found(tmp_path, described(pid=ended)) == ()
    if os.geteuid() != 0:
        assert found(tmp_path, described(pid=1)) == ()


@pytest.mark.parametrize(
    ("host", "secure", "address"),
    [
        # Where it listens by IPv4 alone, another account can have the port of ::1.
        ("0.0.0.0", False, "http://127.0.0.1:9000/x/"),  # noqa: S104
        ("::", False, "http://[::1]:9000/x/"),
        ("", False, "http://localhost:9000/x/"),
        ("localhost", False, "http://localhost:9000/x/"),  # what Jupyter writes for ""
        ("0.0.0.0", True, "https://localhost:9000/x/"),  # noqa: S104  # as certificates have it
    ],
)
def test_a_server_on_all_addresses_is_reached_on_this_machine(
    tmp_path: Path, host: str, secure: bool, address: str
) -> None:
    url = f"http://{socket.gethostname()}:9000/x/"
    text = described(hostname=host, url=url, port=9000, base_url="/x/", secure=secure)

    (server,) = found(tmp_path, text)

    assert server.url == address
    assert server.is_local


def test_proxies_of_the_environment_see_nothing_of_a_server_that_runs_here() -> None:
    here = Server(url="http://192.0.2.1:8888/", pid=11, token="a")

    assert not client_options(here)["trust_env"]
    assert client_options(replace(here, pid=0))["trust_env"]


def test_a_server_on_a_socket_is_not_what_a_url_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    behind = Server(url="http://localhost/", socket="/run/jupyter.sock", pid=11, token="a")

    proxy = chosen_server([behind], "http://localhost/mcp")

    assert (proxy.socket, proxy.token) == ("", "")


def test_a_server_is_chosen_by_its_port_folder_process_or_url(tmp_path: Path) -> None:
    one = Server(url="http://localhost:8888/", root_dir=str(tmp_path), pid=11, token="a")
    two = Server(url="http://localhost:9999/b/", root_dir="/elsewhere", pid=22, token="b")
    both = (one, two)

    assert chosen_server([one]) is one
    assert chosen_server(both, "8888") is one
    assert chosen_server(both, str(tmp_path / "x" / "..")) is one
    assert chosen_server(both, "22") is two
    assert chosen_server(both, "http://localhost:9999/b/mcp") == two


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_url_has_the_token_of_the_environment_or_of_the_server_that_runs_there(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    servers = [Server(url="http://localhost:9999/b/", token="of its file", pid=22)]
    url = f"http://{host}:9999/b/"

    known = chosen_server(servers, f"{url}mcp")
    assert (known.url, known.token, known.pid) == (url, "of its file", 22)
    for other in (f"http://{host}:9999/c/", f"http://{host}:9998/b/", f"https://{host}:9999/b/"):
        assert chosen_server(servers, other).token == ""
    assert chosen_server(servers, "http://example.org:9999/b/").token == ""
    monkeypatch.setenv("JUPYTER_TOKEN", "of the environment")
    assert chosen_server(servers, url).token == "of the environment"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (None, "2 servers fit: http://localhost:1/ (/a); http://localhost:2/ (/b). Name one"),
        ("3", "No server fits '3'. There are: http://localhost:1/ (/a)"),
        ("/nowhere", "No server fits '/nowhere'."),
        ("http://me:secret@host/", "must have no login"),
        ("http://host/?token=secret", "must have no login"),
        ("http://", "is not a URL"),
        ("HTTP://[::1", "is not a URL"),
        ("ftp://localhost/", "is not a URL"),
        ("http://localhost:99999/", "is not a URL"),
        ("http://localhost:abc/", "is not a URL"),
        ("http://local host/", "is not a URL"),
        ("http://localhost/\x1b[31mred/", "'http://localhost/\\x1b[31mred/' is not a URL"),
        ("http://a..b/", "is not a URL"),
        ("~no-such-account", "No server fits '~no-such-account'."),
        ("9" * 5_000, "No server fits '999"),
        ("0", "No server fits '0'."),
        ("0", "Name one of these, or start that one."),
        ("None", "No server fits 'None'."),
    ],
)
def test_a_choice_that_is_none_names_what_there_is(wanted: str | None, words: str) -> None:
    servers = [
        Server(url=f"http://localhost:{n}/", root_dir=f"/{name}", token="secret")
        for n, name in ((1, "a"), (2, "b"))
    ]

    with pytest.raises(NoServer) as told:
        chosen_server(servers, wanted)

    assert words in str(told.value)
    assert "secret" not in str(told.value)


def test_a_port_is_meant_before_a_process_that_has_its_number() -> None:
    servers = [
        Server(url="http://localhost:8888/", pid=9999),
        Server(url="http://localhost:9999/", pid=8888),
    ]

    assert chosen_server(servers, "8888") is servers[0]
    assert chosen_server(servers, "9999") is servers[1]


@pytest.mark.parametrize(
    ("running", "found"),
    [
        (["8888 work"], "8888 work"),
        (["8889 work"], "8889 work"),
        (["8888 other", "8889 work"], "8889 work"),
        (["8888 other"], "8888 other"),
        (["8889 work", "8888 work"], "8888 work"),
        (["8889 work", "8890 work"], "2 servers fit"),
        (["8889 work", "8890 work", "8888 other"], "2 servers fit"),
        (["8889 other"], "No server fits '/work' or '8888'. There are"),
        (["8889 other", "8890 third"], "No server fits '/work' or '8888'. There are"),
        ([], "No Jupyter server of this account runs here."),
    ],
)
def test_a_server_that_comes_back_is_known_by_its_folder_and_then_by_its_port(
    running: list[str], found: str
) -> None:
    servers = [
        Server(url=f"http://localhost:{port}/", root_dir=f"/{folder}")
        for port, _, folder in (each.partition(" ") for each in running)
    ]

    assert chosen_words(servers).startswith(found)


def chosen_words(servers: list[Server]) -> str:
    """Which server is chosen for a folder and a port, or why none is."""
    try:
        chosen = chosen_server(servers, "/work", "8888")
    except NoServer as err:
        return str(err)
    return f"{chosen.port} {chosen.root_dir[1:]}"


def test_a_loop_of_links_is_no_folder_of_a_server(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)

    with pytest.raises(NoServer, match="No server fits"):
        chosen_server([Server(url="http://localhost:1/", root_dir=str(tmp_path))], str(loop))


def test_a_folder_cannot_send_commands_to_the_terminal_that_shows_it() -> None:
    server = Server(url="http://localhost:1/", root_dir="/a\x1b]0;owned\x07\n/\u202eb")

    assert server.words == "http://localhost:1/ (/a\\u001b]0;owned\\u0007\\n/\\u202eb)"


def test_without_a_server_the_command_that_starts_one_is_named() -> None:
    with pytest.raises(NoServer, match="Start one with: jupyter mcp"):
        chosen_server([])


@pytest.mark.parametrize("token", ["t\u00f6ken", "a\nb: c", "\udcff"])
def test_a_token_that_no_header_can_have_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", token)

    assert found(tmp_path, described(token=token))[0].token == ""
    with pytest.raises(NoServer, match="JUPYTER_TOKEN has characters that no request can have"):
        named_server("http://localhost:8888/")


def test_a_url_takes_its_token_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "of the environment")

    server = named_server("https://hub.example/user/alice/mcp")

    assert server.url == "https://hub.example/user/alice/"
    assert server.endpoint() == "https://hub.example/user/alice/mcp"
    assert (server.token, server.is_local) == ("of the environment", False)
