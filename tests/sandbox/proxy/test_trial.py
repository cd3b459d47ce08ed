"""Whether sandboxes can be entered is tried when the server starts."""

from __future__ import annotations

from pathlib import Path

from jupyter_mcp_ext.sandbox import bubblewrap
from jupyter_mcp_ext.sandbox.proxy.trial import failure


def test_the_network_of_a_sandbox_can_be_entered_here() -> None:
    program = bubblewrap.program()
    assert program is not None

    assert failure(program) == ""


def test_what_makes_no_namespace_is_no_sandbox(tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text(
        '#!/bin/bash\nwhile [ "$1" != --json-status-fd ]; do shift; done\n'
        'eval "echo \'{ \\"child-pid\\": $$ }\' >&$2"\nread line\n'
    )
    fake.chmod(0o755)

    assert failure(str(fake)) == "the process has the network of this server"


def test_a_sandbox_that_says_nothing_is_none(tmp_path: Path) -> None:
    assert failure("/bin/true")
