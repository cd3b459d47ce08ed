"""A server of an ordinary user, whom the modes of files bind: root may write all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.mcp_client import McpClient
from tests.sandbox.test_attacks import USER
from tests.servers import FRESH, JupyterServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    folder = tmp_path_factory.mktemp("home")
    (folder / "root").mkdir()
    write(folder / "root/kept.ipynb", mode=0o444)
    closed = folder / "root/closed"
    closed.mkdir()
    write(closed / "a.ipynb", mode=0o644)
    closed.chmod(0o555)
    command = FRESH
    if not os.geteuid():
        command = ("-m", "tests.sandbox.as_user", str(USER), str(folder), *FRESH)  # type: ignore[assignment]
    with running_server(folder, command=command) as running:
        yield running
    closed.chmod(0o755)


def write(path: Path, *, mode: int) -> None:
    cells = [new_code_cell("a = 1", id="first")]  # type: ignore[no-untyped-call]
    nbformat.write(new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]
    path.chmod(mode)


@pytest.mark.parametrize("path", ["kept.ipynb", "closed/a.ipynb"])
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("insert_cells", {"cells": ["b = 2"]}),
        ("delete_cells", {"cells": ["first@b5bc1f"]}),
        ("edit_cell", {"cell": "first@b5bc1f", "source": "a = 2"}),
        ("run_cells", {}),
    ],
)
def test_a_notebook_that_may_not_be_written_is_refused_and_stays(
    server: JupyterServer, path: str, tool: str, arguments: dict[str, object]
) -> None:
    before = (server.root_dir / path).read_bytes()

    refused = McpClient(server).call(tool, path=path, **arguments)

    assert refused.is_error
    assert "was not changed: the server has no permission" in refused.text
    assert (server.root_dir / path).read_bytes() == before
    assert not [line for line in server.log if "Traceback" in line]
