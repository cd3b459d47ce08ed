"""VS Code as code-server has it: its own workbench, for a browser."""

from __future__ import annotations

from pathlib import Path

from jupyter_mcp_ext.system import lock
from tests.npm import binaries, run_npm

FOLDER = Path(__file__).parent


def installed() -> tuple[Path, str]:
    """The program, and a PATH with its Node.js.

    What its script would compile is left out (``.npmrc``): a terminal that is fast, a log in files.
    """
    found, path = binaries(FOLDER, "code-server")
    code = FOLDER / "node_modules" / "code-server" / "lib" / "vscode"
    with (FOLDER / "package-lock.json").open() as pinned:
        lock(pinned, wait=True)  # tests of other processes use the same packages
        if not (code / "node_modules" / ".package-lock.json").exists():
            # As its script does; the versions are in the package's own lock.
            run_npm("install", code, path, "--omit=dev", "--ignore-scripts")
    return found / "code-server", path
