"""Kernels of a Python that is older than those on which the server runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mcp_client import McpClient
from tests.servers import running_server

NAME = "older"
CELLS = """
import sys
from dataclasses import dataclass

@dataclass
class Point:
    x: int

def twice(number):
    return 2 * number

points = [Point(1), Point(2)]
print(sys.version_info[:2])
"""


def installed() -> Iterator[str]:
    """The interpreters of Python 3.8 and 3.9 that are here: on PATH, or pyenv's."""
    versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for minor in (8, 9):
        found = (shutil.which(f"python3.{minor}"), *versions.glob(f"3.{minor}.*/bin/python"))
        for python in map(str, filter(None, found)):
            command = [python, "-c", "import ensurepip"]
            if not subprocess.run(command, capture_output=True, check=False).returncode:
                yield python
                break


@pytest.fixture(scope="module", params=list(installed())[:1], ids=lambda _: NAME)
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of Jupyter's with a kernelspec for ipykernel on that Python."""
    folder = tmp_path_factory.mktemp("older")
    python = folder / "venv/bin/python"
    for command in (
        [request.param, "-m", "venv", str(folder / "venv")],
        [str(python), "-m", "pip", "install", "--no-compile", "ipykernel"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": NAME,
        "language": "python",
    }
    (folder / "kernels" / NAME).mkdir(parents=True)
    (folder / "kernels" / NAME / "kernel.json").write_text(json.dumps(spec))
    return folder


def test_a_session_on_it_runs_is_looked_into_and_comes_back(data: Path, tmp_path: Path) -> None:
    env = {"JUPYTER_PATH": str(data)}
    with running_server(tmp_path, env=env) as server:
        client = McpClient(server)
        client.call("create_session", name="s", kernel_name=NAME)
        ran = client.run(CELLS, session_id="s")
        variables = client.call("get_variables", session_id="s").text
        failed = client.run("poins", session_id="s")
    with running_server(tmp_path, env=env) as server:
        again = McpClient(server).run("points, twice(21)", session_id="s")

    assert ran.status == "ok"
    version = tuple(map(int, ran.text.splitlines()[-1].strip("()").split(", ")))
    assert version < sys.version_info[:2]
    assert "| points | list |" in variables
    assert failed.status == "error"
    assert "name 'poins' is not defined" in failed.text
    assert "([Point(x=1), Point(x=2)], 42)" in again.text
    assert any("came back" in notice for notice in again.notices)
