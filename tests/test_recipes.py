"""The recipes that say that the tests run them are run, as their readers do."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from tests.clients.doctor.examined import looked
from tests.ports import free_port
from tests.servers import READY, environment

PAGE = (Path(__file__).parent.parent / "docs" / "recipes.md").read_text()


def command(heading: str) -> str:
    """The first command below a heading."""
    _, _, after = PAGE.partition(f"## {heading}\n")
    [line, *_] = re.findall(r"^```bash\n(.*?)^```$", after, re.MULTILINE | re.DOTALL)
    return str(line)


def test_each_recipe_with_a_command_says_whether_it_is_run() -> None:
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    silent = [
        part.partition("\n")[0]
        for part in parts
        if "```" in part and not re.search(r"^(Run by the tests|Not run)", part, re.MULTILINE)
    ]

    assert silent == []


@pytest.mark.parametrize("heading", ["TLS", "A unix socket"])
def test_a_recipe_that_is_run_serves_mcp(tmp_path: Path, heading: str) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    text = command(heading).replace("/run/user/1000", str(tmp_path))
    program, mcp, *options = shlex.split(text)
    assert (program, mcp) == ("jupyter", "mcp")
    if "sock" not in text:
        options.append(f"--port={free_port()}")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mcp_ext", "--allow-root", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(tmp_path),
        cwd=tmp_path,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert READY in process.stdout.readline()
            found = looked(tmp_path, cafile=str(tmp_path / "ca.pem"))
        finally:
            process.terminate()

    assert found.troubles == set(), found.whole
