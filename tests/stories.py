"""Session folders and the stories in them, for tests over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer, running_server


@contextmanager
def serving(folder: Path, *options: str, **more: Any) -> Iterator[tuple[JupyterServer, McpClient]]:
    folder.mkdir(exist_ok=True)
    with running_server(folder, *options, **more) as server:
        yield server, McpClient(server)


def folders(root: Path) -> list[Path]:
    return sorted((root / "root" / "mcp-sessions").glob("*"))


def story(folder: Path) -> list[str]:
    (notebook,) = folder.glob("*.ipynb")
    node = nbformat.reads(notebook.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    return [cell.source for cell in node.cells]


def wait_for_snapshot(client: McpClient, folder: Path) -> None:
    """Return when the variables are saved; the file is the only sign of it."""
    for _ in range(400):
        if (folder / ".mcp" / "snapshot.json").exists():
            return
        client.run("None", session_id="other", timeout=5)
    pytest.fail("the variables were not saved")
