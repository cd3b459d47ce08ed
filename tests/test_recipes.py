"""The recipes that say that the tests run them are run, as their readers do."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.clients.doctor.examined import looked
from tests.ports import free_port
from tests.servers import running_command

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
    write_certificate(tmp_path)
    text = command(heading).replace("/run/user/1000", str(tmp_path))
    program, mcp, *options = shlex.split(text)
    assert (program, mcp) == ("jupyter", "mcp")
    if "sock" not in text:
        options.append(f"--port={free_port()}")
    with running_command(tmp_path, *options):
        found = looked(tmp_path, cafile=str(tmp_path / "ca.pem"))

    assert found.troubles == set(), found.whole
