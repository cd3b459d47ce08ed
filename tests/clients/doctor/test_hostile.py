"""Whatever answers, the doctor ends, prints nothing that a terminal obeys, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.printable import LONGEST, printable
from tests.clients.doctor.examined import looked, run
from tests.clients.doctor.hostile import Answer, flood, http, like_jupyter, serving, trickle

SECRET = "the-token-of-a-person"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.\r\nfault"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
OPEN = http("200 OK", b'{"status": "ok"}')


def unauthorized(words: str, **headers: str) -> bytes:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": words}}
    return http("401 Unauthorized", json.dumps(error).encode(), headers)


@pytest.mark.parametrize(
    "answer",
    [
        trickle(OK + b"\r\n{"),
        trickle(OK + b"X-Slow:"),
        trickle(b"HTTP/1.1"),
    ],
    ids=["body", "header", "status"],
)
def test_a_server_that_sends_a_byte_at_a_time_is_given_up(tmp_path: Path, answer: Answer) -> None:
    with serving(answer) as url:
        found = looked(tmp_path, url, token=SECRET, seconds=0.5)

    assert found.one("server")["what"] == f"{url} does not answer within 0.5 s."
    assert "protocol" in found.whole["not_looked_at"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (flood(OK, b"X-Endless: 1\r\n" * 1000), "gives no answer that can be read"),
        (flood(OK + b"\r\n", b"[" * 65_536), "Another program answers"),
        (flood(b"", b"\x1b[2J" * 1000), "gives no answer that can be read"),
    ],
    ids=["headers", "body", "escapes"],
)
def test_an_answer_without_an_end_is_not_read_to_it(
    tmp_path: Path, answer: Answer, words: str
) -> None:
    with serving(answer) as url:
        found = looked(tmp_path, url, token=SECRET)

    assert words in found.one("server")["what"]


def test_a_redirect_is_named_and_not_followed(tmp_path: Path) -> None:
    away = http("302 Found", b"", {"Location": f"http://me:secret@far/login?token={SECRET}\x9b2J"})
    around = http("301 Moved", b"", {"Location": "/api"})
    with serving(lambda line, connection, ended: connection.sendall(away)) as url:
        found = looked(tmp_path, url, token=SECRET)
    with serving(lambda line, connection, ended: connection.sendall(around)) as url:
        looped = looked(tmp_path, url, token=SECRET)

    assert found.one("server")["what"].endswith("leads elsewhere, to http://far/login.")
    assert looped.one("server")["what"].endswith(f"leads elsewhere, to {url}api.")


@pytest.mark.parametrize(
    ("others", "check"),
    [
        ({"health": OPEN, "POST": unauthorized(f"{ESCAPES} {SECRET} {'x' * 99_999}")}, "token"),
        ({"health": OPEN, "POST": http("500 No", ESCAPES.encode() * 999)}, "login"),
        ({"health": OPEN, "POST": http("200 OK", b"[" * 50_000)}, "login"),
        ({"health": http("418 Teapot", b"{}", {"Server": "\x1b[31m"})}, "mcp"),
        ({"health": OPEN, "POST": http("200 OK", b'{"result": 5}')}, "headers"),
        ({"health": http("200 OK", b'{"sandbox": 5, "errors": 7, "disk": {"free": 1e999}}')}, ""),
    ],
)
def test_words_of_a_server_never_reach_the_terminal_raw(
    tmp_path: Path, others: dict[str, bytes], check: str
) -> None:
    with serving(like_jupyter(others, http("200 OK", b'"\\u001b[2J"'))) as url:
        done = run(tmp_path, "--no-kernel", "--hold=0", url, env={"JUPYTER_TOKEN": SECRET})
        as_json = run(
            tmp_path, "--no-kernel", "--hold=0", "--json", url, env={"JUPYTER_TOKEN": SECRET}
        )

    whole = json.loads(as_json.stdout)
    for line in (*done.stdout.splitlines(), *done.stderr.splitlines()):
        assert line.isprintable()
        assert len(line) < LONGEST + 100
    assert SECRET not in done.stdout + done.stderr + as_json.stdout + as_json.stderr
    assert not check or check in {each["check"] for each in whole["findings"]}
    assert done.returncode == as_json.returncode == (1 if whole["level"] == "fault" else 0)


def test_an_answer_with_other_members_than_jupyters_is_a_fault(tmp_path: Path) -> None:
    others = {"POST": http("200 OK", b"{}"), "hub/api/user": http("200 OK", b'{"scopes": 5}')}
    odd = http("200 OK", b'{"sandbox": "none", "errors": 7, "disk": {"free": 1e999}}')
    with serving(like_jupyter(others, odd)) as url:
        found = looked(tmp_path, url, token=SECRET)

    assert "is none that a Jupyter server gives" in found.one("state")["what"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb\x07", "a?[31mb?"),
        ("one\r\ntwo\tthree", "one  two three"),
        ("\u202eabc\u200b", "?abc?"),
        ("\udc1b", "?"),
        ("Straße 数据 é", "Straße 数据 é"),
        ("token p@ss/word", "token (hidden)"),
        ("?token=p%40ss%2Fword", "?token=(hidden)"),
        ("Basic cEBzcy93b3Jk", "Basic (hidden)"),
    ],
)
def test_what_is_shown_moves_no_cursor_and_hides_secrets(text: str, shown: str) -> None:
    assert printable(text, ["p@ss/word", ""]) == shown


def test_a_secret_that_is_a_common_word_or_a_port_is_left_in_sentences() -> None:
    said = "The token in JUPYTER_TOKEN is wrong: see http://localhost:8888/."

    assert printable(said, ["wrong", "8888", "see"]) == said
