"""What is wrong with the client's lines, the server or what is between is answered in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from jupyter_server.auth.security import passwd

from jupyter_mcp_ext.clients.bridge.connection import MAX_BODY
from jupyter_mcp_ext.clients.bridge.messages import coded
from jupyter_mcp_ext.clients.bridge.stdio import MAX_LINE, Splitter, TooLong
from jupyter_mcp_ext.transport.body import MAX_BODY_BYTES
from tests.agents.gate import Gate
from tests.certificates import write_certificate
from tests.mcp_client import ERAS, NEW
from tests.servers import JupyterServer, environment, running_server

from .bridges import COMMAND, Bridge, bridged
from .programs import Program, served

NAMES = '{"jsonrpc":"2.0","id":7,"method":"%s"}'


@pytest.fixture
def bridge(server: JupyterServer, folder: Path) -> Iterator[Bridge]:
    with bridged(folder, version=NEW) as bridge:
        yield bridge


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"hello", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}', -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"[" + NAMES.encode() % b"ping" + b"]", -32600),
        (b"1", -32600),
        (b"null", -32600),
        (b"{}", -32600),
        (b'{"id":true,"method":"ping"}', -32600),
        (b'{"id":{},"method":"ping"}', -32600),
        (b'{"id":1,"method":5}', -32600),
    ],
)
def test_a_line_that_is_no_message_is_answered_and_the_next_one_is_read(
    bridge: Bridge, line: bytes, code: int
) -> None:
    bridge.write(line)

    assert bridge.read()["error"]["code"] == code
    assert bridge.call("execute_code", code="1 + 1").status == "ok"


def test_a_line_that_is_too_long_is_passed_over(bridge: Bridge) -> None:
    bridge.write(b'{"id":1,"method":"' + b"x" * MAX_LINE + b'"}')

    assert "longer than 32 MiB" in bridge.read()["error"]["message"]
    assert bridge.call("execute_code", code="1 + 1").status == "ok"


def test_a_message_that_the_server_would_not_read_is_answered_by_the_bridge(
    bridge: Bridge,
) -> None:
    answer = bridge.call("execute_code", code="#" * MAX_BODY)

    assert MAX_BODY == MAX_BODY_BYTES
    assert "larger than 4 MiB" in answer.text
    assert bridge.call("execute_code", code="1 + 1").status == "ok"


def test_lines_are_cut_wherever_a_piece_ends() -> None:
    splitter = Splitter(limit=5)
    text = b"ab\r\n\n  \nabcdef\nc\nabcdefghijk"

    found = [line for byte in text for line in splitter.feed(bytes([byte]))]

    assert [line if isinstance(line, bytes) else type(line) for line in found] == [
        b"ab",
        TooLong,
        b"c",
    ]
    assert [type(line) for line in splitter.feed(b"\n")] == [TooLong]


@pytest.mark.parametrize("text", ["é", " a", "a ", "", "a\nb", "=?base64?YQ==?=", "日本"])
def test_a_name_of_any_characters_fits_into_a_header(bridge: Bridge, text: str) -> None:
    assert coded(text).isascii()
    answer = bridge.ask("prompts/get", name=text)

    assert answer["error"]["code"] != -32020  # that the header is not what the message says


@pytest.mark.parametrize("version", ERAS)
def test_to_close_stdin_ends_the_bridge_at_once_with_a_call_in_flight(
    server: JupyterServer, folder: Path, version: str
) -> None:
    with bridged(folder, version=version) as bridge, closing(Gate()) as gate:
        bridge.send("tools/call", name="execute_code", arguments={"code": gate.code})
        assert gate.until_held()

        assert bridge.end() == 0
        assert bridge.process.stdout is not None
        assert bridge.process.stdout.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_bridge_without_a_traceback(
    server: JupyterServer, folder: Path, number: signal.Signals
) -> None:
    with bridged(folder) as bridge, closing(Gate()) as gate:
        bridge.send("tools/call", name="execute_code", arguments={"code": gate.code})
        assert gate.until_held()
        bridge.process.send_signal(number)

        assert bridge.process.wait(30) == 0
        assert "Traceback" not in bridge.said()


def test_a_client_that_does_not_read_does_not_keep_the_bridge_from_its_end(
    server: JupyterServer, folder: Path
) -> None:
    with bridged(folder, version=NEW) as bridge:
        bridge.call("write_file", path="large.txt", content="x" * 100 + "\n")
        for _ in range(300):
            bridge.send("tools/list")  # together more than a pipe holds

        assert bridge.end() == 0


def test_neither_the_token_nor_the_code_is_said_on_stderr(
    server: JupyterServer, folder: Path
) -> None:
    with bridged(folder) as bridge:
        bridge.call("execute_code", code="'a-secret-of-the-code'")
        bridge.write(b"a-secret-of-the-code")
        bridge.read()
        bridge.end()

        said = bridge.said()

    assert server.url.removesuffix("mcp") in said
    assert server.token not in said
    assert "a-secret-of-the-code" not in said


def test_a_token_that_is_wrong_is_told(server: JupyterServer, tmp_path: Path) -> None:
    with bridged(tmp_path, "--server", server.url, env={"JUPYTER_TOKEN": "wrong"}) as bridge:
        told = bridge.call("list_sessions")

    assert told.is_error
    assert "The credentials are wrong" in told.text


def test_a_server_with_a_password_and_no_token_is_told(tmp_path: Path) -> None:
    hashed = passwd("a-password", "sha256")  # type: ignore[no-untyped-call]  # jupyter_server's
    with (
        running_server(tmp_path, f"--PasswordIdentityProvider.hashed_password={hashed}", token=""),
        bridged(tmp_path, version=NEW) as bridge,
    ):
        told = bridge.call("list_sessions")

    assert told.is_error
    assert "with its password" in told.text


def test_a_certificate_that_is_not_trusted_is_told_with_the_option(tmp_path: Path) -> None:
    with running_server(tmp_path, *write_certificate(tmp_path, "localhost", "127.0.0.1")):
        with bridged(tmp_path, version=NEW) as bridge:
            assert "--cafile" in bridge.call("list_sessions").text
        with bridged(tmp_path, "--cafile", f"{tmp_path}/ca.pem", version=NEW) as bridge:
            assert not bridge.call("list_sessions").is_error
        with bridged(tmp_path, "--cafile", f"{tmp_path}/none.pem", version=NEW) as bridge:
            assert "No such file" in bridge.call("list_sessions").text


def test_a_server_without_the_extension_is_told_with_the_command(tmp_path: Path) -> None:
    with (
        running_server(
            tmp_path,
            "--ServerApp.jpserver_extensions=jupyter_mcp_ext=False",
            ready="is running at",
        ) as server,
        bridged(tmp_path, version=NEW) as bridge,
    ):
        server.until_answered()
        told = bridge.call("list_sessions")

    assert "serves no MCP" in told.text
    assert "jupyter server extension enable" in told.text


def test_two_servers_that_fit_are_named(server: JupyterServer, folder: Path) -> None:
    with running_server(folder) as other, bridged(folder, version=NEW) as bridge:
        told = bridge.call("list_sessions")
        assert "2 servers fit" in told.text
        for each in (server, other):
            assert str(each.port) in told.text
        with bridged(folder, "--server", str(other.port), version=NEW) as chosen:
            assert not chosen.call("list_sessions").is_error


@contextmanager
def answering(status: int, kind: str, body: bytes) -> Iterator[str]:
    """The URL of a program that answers everything with the same."""

    class Same(Program):
        def do_POST(self) -> None:
            self.asked()
            self.say(status, kind, body, {"Location": "http://127.0.0.1:1/elsewhere"})

    with served(Same) as url:
        yield url


@pytest.mark.parametrize(
    ("status", "kind", "body", "words"),
    [
        (200, "text/html", b"<html>Log in</html>", "is a proxy or another program"),
        (502, "text/html", b"<html>Bad gateway</html>", "status 502"),
        (302, "text/html", b"", "leads elsewhere"),
        (200, "application/json", b"{}", "is a proxy or another program"),
        (200, "application/json", b"[1", "is a proxy or another program"),
        (200, "text/event-stream", b"data: no JSON\n\n", "connection"),
        (200, "text/event-stream", b"", "connection"),
        (202, "text/plain", b"", "connection"),
    ],
)
def test_what_is_no_mcp_is_told_and_never_written_to_the_client(
    tmp_path: Path, status: int, kind: str, body: bytes, words: str
) -> None:
    with (
        answering(status, kind, body) as url,
        bridged(tmp_path, "--server", url, version=NEW) as bridge,
    ):
        told = bridge.call("execute_code", code="1")

    assert told.is_error
    assert words in told.text
    assert "<html>" not in told.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--allow-folder", "/nowhere"], "There is no folder"),
        (["--max-bytes", "many"], "'many' is not a number of bytes"),
        (["--max-bytes", "-1"], "'-1' is not a number of bytes"),
        (["--unknown"], "unrecognized arguments"),
        (["--session", "\u00e4"], "--session is sent in a header"),
    ],
)
def test_an_option_that_is_wrong_ends_it_with_a_sentence(
    tmp_path: Path, options: list[str], words: str
) -> None:
    ran = subprocess.run(
        [*COMMAND, *options],
        env=environment(tmp_path),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 2
    assert words in ran.stderr
    assert ran.stdout == ""


def test_a_regular_file_as_stdin_is_read_to_its_end(
    server: JupyterServer, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text(NAMES % "ping" + "\n")
    with (tmp_path / "lines").open() as lines:
        ran = subprocess.run(
            COMMAND, stdin=lines, capture_output=True, env=environment(folder), check=False
        )

    assert ran.returncode == 0
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] in ([], [7])
    assert os.linesep.encode() * 2 not in ran.stdout
