"""Which way a client takes to a server, and what is written of the token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.configuring.clients import BY_ID
from jupyter_mcp_ext.clients.configuring.target import NoWay, Road, Wish, road
from jupyter_mcp_ext.clients.servers import Server

HERE = Server(url="http://localhost:8888/", token="secret", pid=7, root_dir="/work")
ELSEWHERE = Server(url="https://hub.example/user/a/", token="secret")
OPEN = Server(url="http://localhost:8888/", pid=7)
SOCKET = Server(url="http://localhost/", token="secret", pid=7, socket="/run/jupyter.sock")


def taken(name: str, server: Server, **wish: object) -> Road:
    return road(BY_ID[name], server, Wish(**wish), {"JUPYTER_DATA_DIR": "/d", "X": "y"})  # type: ignore[arg-type]  # options by their names


@pytest.mark.parametrize(
    ("name", "server", "wish", "way", "showing"),
    [
        ("codex", HERE, {}, "bridge", "none"),
        ("codex", HERE, {"via": "http"}, "http", "reference"),
        ("codex", HERE, {"in_clear": True}, "http", "clear"),
        ("claude-desktop", HERE, {"in_clear": True}, "bridge", "none"),
        ("goose", HERE, {"via": "http"}, "http", "reference"),
        ("zed", HERE, {"via": "http", "in_clear": True}, "http", "clear"),
        ("zed", OPEN, {"via": "http"}, "http", "none"),
        ("codex", SOCKET, {}, "bridge", "none"),
        ("codex", SOCKET, {"in_clear": True}, "bridge", "none"),
        ("codex", ELSEWHERE, {}, "http", "reference"),
        ("codex", ELSEWHERE, {"cafile": "/ca.pem"}, "bridge", "reference"),
        ("goose", ELSEWHERE, {}, "http", "reference"),
        ("claude-desktop", ELSEWHERE, {"in_clear": True}, "bridge", "clear"),
    ],
)
def test_the_way_that_needs_least_is_taken(
    name: str, server: Server, wish: dict[str, object], way: str, showing: str
) -> None:
    found = taken(name, server, **wish)

    assert (found.way, found.showing) == (way, showing)
    assert ("secret" in found.target.token) == (showing == "clear")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("name", "server", "wish", "words"),
    [
        (
            "claude-desktop",
            HERE,
            {"via": "http"},
            "Claude Desktop starts a program and cannot send a header.",
        ),
        ("codex", SOCKET, {"via": "http"}, "listens on the socket /run/jupyter.sock"),
        (
            "zed",
            HERE,
            {"via": "http"},
            "Use --token-in-clear to write it into its configuration, or",
        ),
        (
            "claude-desktop",
            ELSEWHERE,
            {},
            "Use --token-in-clear to write it into its configuration.",
        ),
    ],
)
def test_a_way_that_leads_nowhere_is_refused_with_what_to_do(
    name: str, server: Server, wish: dict[str, object], words: str
) -> None:
    with pytest.raises(NoWay) as told:
        taken(name, server, **wish)

    assert words in str(told.value)


def test_the_bridge_is_told_where_jupyter_describes_its_servers() -> None:
    found = taken("codex", HERE, path="/agents", cafile="ca.pem").target

    assert found.args[-9:] == (
        *("bridge", "--server", "/work", "--server", "8888", "--path", "/agents", "--cafile"),
        str(Path("ca.pem").absolute()),
    )
    assert found.env == {"JUPYTER_DATA_DIR": "/d"}
    assert taken("codex", SOCKET).target.args[-1] == "/run/jupyter.sock"
    assert taken("codex", ELSEWHERE).target.args[-1] == ELSEWHERE.url


@pytest.mark.parametrize("folder", ["/data/$HOME", "/data/\udcff"])
def test_a_folder_that_the_client_would_misread_is_not_named(folder: str) -> None:
    there = replace(HERE, root_dir=folder)

    assert taken("gemini", there).target.args[-2:] == ("--server", "8888")
    assert folder not in taken("gemini", there).target.args
