"""Troubleshooting quotes what the program says, in its own words."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import jupyter_mcp_ext
from tests.first_run import LIST_TOOLS, LIST_TOOLS_HEADERS
from tests.mcp_client import OLD
from tests.servers import JupyterServer
from tests.snippets import page_text

PAGE = page_text("troubleshooting")
FINDINGS = re.findall(r"`(?:ok|warning|fault) (\w+) ([^`]+)`", PAGE)
"""Checks of the doctor, and what they say; … stands for what differs."""
OF_CLIENTS = dict(re.findall(r"^\| (.+?) \| \*(.+?)\* \| .+ \|$", PAGE, re.MULTILINE))
"""What a client says when no person is there to approve a call; tests/agents has each say it."""
ANSWERS = re.findall(r"(?<![*\w])\*([A-Z…][^*]+)\*(?!\*)", PAGE)
"""What the server answers, and clients."""
ELSEWHERE = {
    "Session not found",  # by the protocol's SDK, below
    "Gemini CLI is not running in a trusted directory",  # in tests/agents
}
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def texts() -> Iterator[str]:
    """What the program can say, with … for what is filled in."""
    for file in Path(jupyter_mcp_ext.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(part, "value", None) for part in node.values)
                yield "".join(part if isinstance(part, str) else "…" for part in parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def words_of(text: str) -> set[str]:
    """Its words; those of one or two letters are everywhere."""
    return set(re.findall(r"\w{3,}", text))


SAID = {part: words_of(part) for text in texts() for part in (text, *text.split(". ")[1:])}
"""With each sentence that follows another one."""


def is_said(quoted: str) -> bool:
    """Whether something that the program says can begin like this."""
    words = words_of(quoted)
    likely = (text for text, known in SAID.items() if len(words & known) * 2 >= len(words))
    return any(begins(text, quoted) for text in likely)


def begins(text: str, quoted: str) -> bool:
    """Whether a text begins so; … in either stands for any words."""
    ends = [*(found.start() for found in re.finditer(r"\W", text)), len(text)]
    return any(
        re.fullmatch(".+?".join(map(re.escape, text[:end].split("…"))), quoted)
        or re.fullmatch(".+?".join(map(re.escape, quoted.split("…"))), text[:end])
        for end in ends
    )


@pytest.mark.parametrize(("check", "words"), FINDINGS, ids=[words[:40] for _, words in FINDINGS])
def test_what_the_doctor_is_quoted_with_it_says(check: str, words: str) -> None:
    rows = re.findall(r"^\| (`.+?`) \|", PAGE, re.MULTILINE)

    assert f"`{check}`" in ", ".join(rows).split(", ")
    assert is_said(words)


@pytest.mark.parametrize(
    "words", sorted({*ANSWERS} - {*OF_CLIENTS.values()} - ELSEWHERE), ids=lambda words: words[:40]
)
def test_what_the_server_is_quoted_with_it_says(words: str) -> None:
    assert is_said(words)


def test_words_that_nothing_says_are_found() -> None:
    assert len(FINDINGS) > 15
    assert len(ANSWERS) > 5
    assert not is_said("A stream was eaten after … s")


def test_a_request_without_a_token_or_with_another_one_is_told_so(server: JupyterServer) -> None:
    body = json.dumps(LIST_TOOLS).encode()
    headers = {**HEADERS, **LIST_TOOLS_HEADERS}

    without = server.request("POST", body, headers)
    wrong = server.request("POST", body, {**headers, "Authorization": "Bearer another"})

    assert (without.status, wrong.status) == (401, 401)
    assert b"Authentication is required" in without.body
    assert b"The credentials are wrong" in wrong.body


def test_a_protocol_session_that_is_not_known_is_not_found(server: JupyterServer) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {**HEADERS, **server.auth, "MCP-Protocol-Version": OLD, "Mcp-Session-Id": "0" * 32}

    answer = server.request("POST", json.dumps(ping).encode(), headers)

    assert answer.status == 404
    assert b"Session not found" in answer.body
