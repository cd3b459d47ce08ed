"""Pinned npm packages of the tests, installed where they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from jupyter_mcp_ext.system import lock


def binaries(folder: Path, command: str) -> tuple[Path, str]:
    """Where the commands of a folder's packages are, ``command`` among them, and a PATH for them.

    Node.js comes with the extra "test": some systems have an older one than these need.
    """
    found = folder / "node_modules" / ".bin"
    path = os.pathsep.join([str(found), sysconfig.get_path("scripts"), os.environ["PATH"]])
    with (folder / "package-lock.json").open() as pinned:
        lock(pinned, wait=True)  # tests of other processes use the same packages
        if not ((found / command).exists() and _is_installed(folder)):
            run_npm("ci", folder, path)
    return found, path


def _is_installed(folder: Path) -> bool:
    """Whether npm has come to the end of an install of what is pinned now."""
    written_last = folder / "node_modules" / ".package-lock.json"
    pinned = folder / "package-lock.json"
    return written_last.exists() and written_last.stat().st_mtime > pinned.stat().st_mtime


def run_npm(command: str, folder: Path, path: str, *options: str) -> None:
    """Have npm install the packages that a folder names."""
    npm = shutil.which("npm", path=path)
    if npm is None:
        pytest.fail('These tests need npm; `pip install -e ".[test]"` brings it.')
    done = subprocess.run(
        [npm, command, "--no-audit", "--no-fund", *options],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"npm could not install the packages of {folder.name}:\n{done.stderr}")
