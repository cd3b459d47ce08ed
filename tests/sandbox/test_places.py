"""What the operator shows to kernels, beside and around the folders of sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

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


def test_under_landlock_the_folders_of_sessions_cannot_be_in_one_that_is_writable(
    tmp_path: Path,
) -> None:
    (tmp_path / "root").mkdir()
    with running_server(tmp_path, *options("landlock", writable_paths=tmp_path / "root")) as server:
        refused = McpClient(server).run("1")

    assert refused.is_error
    assert "in which the folders of sessions are, and Landlock cannot keep" in refused.text


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
        f" can(lambda: write({str(fixed.parent)!r} + '/new'))]",
    )
    server = start_server(*options("landlock", **paths), ready="is running at:")
    server.until_answered()

    assert seen == "[False, True]"
    assert any(
        "MCP is not served" in line and "Landlock cannot keep" in line for line in server.log
    )
