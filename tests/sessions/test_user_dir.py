"""Each user has a folder: sessions and kernels are there, and the tools use no other files."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.sessions.disk.users import folder_name
from tests import users
from tests.engine import ALICE, BOB, running
from tests.mcp_client import McpClient
from tests.servers import JupyterServer

USER_DIR = "users/{username}"
NAMES = ("alice", "Alice", "../alice", "a/lice", "CON", "a" * 300)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(users.OPTION, f"--McpSessions.user_dir={USER_DIR}", token="alice")


def client(server: JupyterServer, name: str) -> McpClient:
    return McpClient(server, headers={"Authorization": f"Bearer {name}"})


def test_every_user_has_a_folder_whatever_the_name_is(server: JupyterServer) -> None:
    top = server.root_dir / "users"
    for name in NAMES:
        written = client(server, name).call(
            "write_file", path=f"users/{folder_name(name)}/own.txt", content=name
        )
        assert not written.is_error, written.text

    for name in NAMES:
        folder = top / folder_name(name)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "own.txt").read_text() == name
        listed = client(server, name).call("list_files", path=".", glob="**/*").text
        assert listed.count("own.txt") == 1
        for other in NAMES:
            if other != name:
                path = f"users/{folder_name(other)}/own.txt"
                assert "only its own user" in client(server, name).refused("read_file", path=path)


def test_the_tools_use_no_files_beside_the_users_folder(server: JupyterServer) -> None:
    alice = client(server, "alice")
    (server.root_dir / "shared.txt").write_text("shared")
    own = server.root_dir / "users" / "al"
    own.mkdir(parents=True)
    (own / "x.txt").write_text("al's")

    for path in ("shared.txt", "new.txt", "users/new.txt", "users/al/x.txt", "users/alicex/new"):
        assert alice.call("write_file", path=path, content="").is_error, path
    for path in ("shared.txt", "users/al/x.txt"):
        assert alice.call("read_file", path=path).is_error, path
    assert alice.call("create_notebook", path="new.ipynb").is_error
    assert "shared" not in alice.call("list_files").text
    assert (own / "x.txt").read_text() == "al's"


def test_sessions_and_their_kernels_are_in_the_users_folder(server: JupyterServer) -> None:
    ran = client(server, "bob").run("import os; print(os.getcwd())")

    session = ran.execution["session_id"]
    assert str(server.root_dir / "users" / "bob") in ran.text
    assert (server.root_dir / "users/bob/mcp-sessions" / session).is_dir()
    assert not (server.root_dir / "mcp-sessions").exists()


def test_a_notebook_that_is_open_belongs_to_the_user_in_whose_folder_it_is(
    server: JupyterServer,
) -> None:
    home = server.root_dir / "users" / "carol"
    home.mkdir(parents=True)
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (home / "open.ipynb").write_text(json.dumps(notebook))
    model = {"path": "users/carol/open.ipynb", "type": "notebook", "name": "", "kernel": {}}
    opened = server.request(
        "POST", json.dumps(model).encode(), {"Authorization": "Bearer carol"}, path="/api/sessions"
    )
    assert opened.status == 201

    assert "users/carol/open.ipynb" in client(server, "carol").call("list_sessions").text
    assert "carol" not in client(server, "bob").call("list_sessions").text
    [listed] = resources(client(server, "carol"), "notebooks")
    assert listed == "jupyter://notebooks/users/carol/open.ipynb"
    assert resources(client(server, "erin"), "notebooks") == []


def resources(client: McpClient, kind: str) -> list[str]:
    every = client.request("resources/list")["resources"]
    return [each["uri"] for each in every if f"//{kind}/" in each["uri"]]


def test_a_folder_that_is_a_link_is_not_used(server: JupyterServer, tmp_path: Path) -> None:
    (server.root_dir / "users").mkdir(exist_ok=True)
    (server.root_dir / "users" / "mallory").symlink_to(tmp_path)

    refused = client(server, "mallory").refused("write_file", path="users/mallory/a", content="")

    assert "McpSessions.user_dir" in refused
    assert list(tmp_path.iterdir()) == []


async def test_sessions_are_found_again_in_the_folders_of_their_owners(jp_serverapp: Any) -> None:
    root = Path(jp_serverapp.root_dir)
    async with running(jp_serverapp, user_dir=USER_DIR) as engine:
        await engine.run("x = 42")
        kept = (await engine.session()).id
        await engine.run("1", caller=BOB)
        moved = (await engine.session(BOB)).id
    folder = root / "users/bob/mcp-sessions" / moved
    folder.rename(root / "users/alice/mcp-sessions" / moved)

    async with running(jp_serverapp, user_dir=USER_DIR) as engine:
        assert [session.id for session in await listed(engine, ALICE)] == [kept]
        assert await listed(engine, BOB) == ()
        assert (await engine.run("x + 1")).status == "ok"


async def listed(engine: Any, caller: Caller) -> Any:
    return await engine.services.sessions.listed(caller)
