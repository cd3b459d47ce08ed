"""The recipes that say that the tests run them are run, as their readers do."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.clients.doctor.examined import looked
from tests.ports import free_port
from tests.servers import running_command
from tests.snippets import block_of


@pytest.mark.parametrize(
    "line",
    [block_of("recipes", "certfile").text, block_of("recipes", "ServerApp.sock").text],
    ids=["TLS", "a unix socket"],
)
def test_a_recipe_that_is_run_serves_mcp(tmp_path: Path, line: str) -> None:
    write_certificate(tmp_path)
    text = line.replace("/run/user/1000", str(tmp_path))
    program, mcp, *options = shlex.split(text)
    assert (program, mcp) == ("jupyter", "mcp")
    if "sock" not in text:
        options.append(f"--port={free_port()}")
    with running_command(tmp_path, *options):
        found = looked(tmp_path, cafile=str(tmp_path / "ca.pem"))

    assert found.troubles == set(), found.whole
