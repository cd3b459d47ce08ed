"""What the operator shows to kernels, beside and around the folders of sessions."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jupyter_mcp_ext.sandbox import directories
from jupyter_mcp_ext.sandbox.places import Places
from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

PURELIB = sysconfig.get_path("purelib")

Start = Callable[..., JupyterServer]

LOOK = """
import os
def can(work):
    try:
        return bool(work()) or True
    except OSError:
        return False
def write(path):
    with open(path, "a") as file:
        file.write("x")
"""

WHERE = {"bubblewrap": "", "landlock": "work"}
"""Where in its session's folder a kernel can write."""


def options(mode: str, **paths: Path) -> tuple[str, ...]:
    given = (f"--McpSandbox.{trait}={path}" for trait, path in paths.items())
    return (f"--McpSandbox.mode={mode}", STARTED_KERNELS, *given)


def said(client: McpClient, code: str) -> str:
    """The last line that code puts out."""
    return client.run(LOOK + code).text.splitlines()[-1]


@pytest.mark.parametrize(
    ("mode", "trait", "can_write"),
    [
        ("bubblewrap", "writable_paths", True),
        ("bubblewrap", "read_only_paths", False),
        ("landlock", "read_only_paths", False),
    ],
)
def test_of_a_root_that_is_shown_a_kernel_sees_all_but_other_sessions(
    tmp_path: Path, mode: str, trait: str, *, can_write: bool
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "data.csv").write_text("1,2")
    with running_server(tmp_path, *options(mode, **{trait: root})) as server:
        McpClient(server, name="other").run("1")
        [other] = (root / "mcp-sessions").iterdir()
        (other / "secret.txt").write_text("of another")

        client = McpClient(server, name="one")
        seen = said(
            client,
            f"[open({str(root / 'data.csv')!r}).read(), can(lambda: write({str(root)!r} + '/new')),"
            f" can(lambda: os.listdir({str(other)!r})),"
            f" can(lambda: open({str(other / 'secret.txt')!r}).read()),"
            f" can(lambda: write({str(other)!r} + '/secret.txt'))]",
        )
        [own] = [path for path in (root / "mcp-sessions").iterdir() if path != other]
        wrote = said(client, f"[can(lambda: write({str(own / WHERE[mode])!r} + '/mine.txt'))]")
        beside = client.call("create_session", name="beside", cwd=f"mcp-sessions/{other.name}")

    assert seen == f"['1,2', {can_write}, False, False, False]"
    assert wrote == "[True]"
    assert other.name not in beside.meta["jupyter-mcp-ext/session"]["cwd"]
    assert (other / "secret.txt").read_text() == "of another"


@pytest.mark.parametrize(
    ("mode", "writable", "read_only", "why"),
    [
        ("landlock", "root", (), "Landlock cannot keep kernels from writing there"),
        ("landlock", "root/mcp-sessions", (), "Landlock cannot keep kernels"),
        ("landlock", "shared", ("shared/fixed",), "Landlock cannot keep kernels"),
        ("bubblewrap", "root --McpSessions.sessions_dir=agents/sessions", (), "in the place of"),
        ("bubblewrap", "shared", ("shared/a/fixed",), "kernels could put others in the place of"),
        ("auto", "shared", ("shared/a/fixed",), "kernels could put .*; .*Landlock cannot keep"),
        ("bubblewrap", "root/mcp-sessions/one", (), "is among the folders of sessions"),
        ("bubblewrap", "shared", ("shared",), "as read-only and as writable"),
        ("bubblewrap", sys.prefix, (), "this server loads"),
        ("landlock", f"{PURELIB}/jupyter_server", (), "this server loads"),
        (
            "bubblewrap",
            ".local/share/jupyter/kernels",
            (),
            "this server loads .*: kernels could put",
        ),
    ],
)
def test_what_kernels_could_move_from_around_what_is_closed_leaves_no_endpoint(
    start_server: Start,
    tmp_path: Path,
    mode: str,
    writable: str,
    read_only: Sequence[str],
    why: str,
) -> None:
    writable, *more = writable.split()
    for path in (writable, *read_only):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
    given = [f"--McpSandbox.writable_paths={tmp_path / writable}"]
    given += [f"--McpSandbox.read_only_paths={tmp_path / path}" for path in read_only]

    with running_server(tmp_path, *options(mode), *given, *more, ready="is running at:") as server:
        server.until_answered()
        status = server.request("POST", b"{}", server.auth).status

    assert status == 404
    assert any(re.search(f"MCP is not served.*{why}", line) for line in server.log)


@pytest.mark.parametrize("trait", ["read_only", "writable"])
def test_the_folder_of_sockets_cannot_be_shown(tmp_path: Path, trait: str) -> None:
    paths = {"read_only": [], "writable": [], trait: [str(directories.BASE)]}

    fault = Places.of(**paths).fault("bubblewrap", tmp_path / "sessions")

    assert "in which the sockets of other kernels are" in fault


def test_folders_from_which_the_server_loads_modules_cannot_be_writable(tmp_path: Path) -> None:
    modules = tmp_path / "shared/modules"
    modules.mkdir(parents=True)
    given = options("bubblewrap", writable_paths=modules.parent)
    env = {"PYTHONPATH": str(modules)}

    with running_server(tmp_path, *given, env=env, ready="MCP is not served") as server:
        [line] = [line for line in server.log if "MCP is not served" in line]

    assert f"this server loads modules or settings from {str(modules)!r}" in line


def test_what_can_only_be_read_is_so_in_a_folder_that_is_writable(
    start_server: Start, tmp_path: Path
) -> None:
    fixed = tmp_path / "shared" / "fixed"
    fixed.mkdir(parents=True)
    (fixed / "data.csv").write_text("1,2")
    paths = {"writable_paths": fixed.parent, "read_only_paths": fixed}

    client = McpClient(start_server(*options("bubblewrap", **paths)))
    seen = said(
        client,
        f"[can(lambda: write({str(fixed)!r} + '/data.csv')),"
        f" can(lambda: os.rename({str(fixed)!r}, {str(fixed)!r} + '2')),"
        f" can(lambda: write({str(fixed.parent)!r} + '/new'))]",
    )

    assert seen == "[False, False, True]"


def test_a_root_that_is_named_by_a_link_is_hidden_and_shown_as_what_it_is(tmp_path: Path) -> None:
    real, named = tmp_path / "real", tmp_path / "named"
    (real / "root").mkdir(parents=True)
    named.symlink_to(real)
    with running_server(named, *options("bubblewrap", read_only_paths=named / "root")) as server:
        McpClient(server, name="other").run("open('mine.txt', 'w').write('x')")
        [other] = (real / "root/mcp-sessions").iterdir()
        client = McpClient(server, name="one")
        seen = said(client, f"os.listdir({str(other.parent)!r})")
        [own] = [path.name for path in other.parent.iterdir() if path != other]

    assert seen == f"[{own!r}]"


def test_a_link_in_the_place_of_what_is_shown_is_not_followed(
    start_server: Start, tmp_path: Path
) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    server = start_server(*options("bubblewrap", read_only_paths=shown))
    shown.rmdir()
    shown.symlink_to("/")

    refused = McpClient(server).run("1")

    assert refused.is_error
    assert "there is a link now in the path" in refused.text
