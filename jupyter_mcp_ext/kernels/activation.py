"""The environment variables that activating a kernel's own environment would set.

Shell lines, scripts and ``!pip`` in a cell then use the environment that the kernel imports from.
Jupyter applies the kernelspec's ``env`` on top.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_mcp_ext.sandbox.prefixes import OWN

SET = frozenset({"CONDA_DEFAULT_ENV", "CONDA_PREFIX", "PATH", "VIRTUAL_ENV"})
"""The variables that a kernel may have other than its server."""

PYTHON = re.compile(r"python(?:w|\d+(?:\.\d+)?t?)?(?:\.exe)?", re.IGNORECASE)

IS_WINDOWS = os.name == "nt"
CONDA_ON_WINDOWS = ("Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin")


def activated(env: Mapping[str, str], argv: Sequence[str]) -> dict[str, str]:
    """The variables for a kernel command on a server with this environment; reads the disk.

    A command that is found by ``PATH`` or belongs to no environment changes nothing.
    """
    command = Path(sys.executable if argv and argv[0] in OWN else "".join(argv[:1]))
    if not command.is_absolute():
        return dict(env)
    prefix, is_venv, is_conda = _environment(command.parent)
    if not (is_venv or is_conda or PYTHON.fullmatch(command.name)):
        return dict(env)
    folders = [str(command.parent)]
    if is_conda and IS_WINDOWS:
        folders = [str(prefix), *(str(prefix / folder) for folder in CONDA_ON_WINDOWS)]
    # The server's own variables name an environment other than the kernel's.
    dropped = {"PYTHONHOME", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT"}
    if not is_venv:
        dropped |= {"CONDA_PREFIX", "CONDA_DEFAULT_ENV"}
    changed = {name: value for name, value in env.items() if name not in dropped}
    changed["PATH"] = os.pathsep.join([*folders, *_path(env, but=folders)])
    if is_venv:
        changed["VIRTUAL_ENV"] = str(prefix)
    elif is_conda:
        changed["CONDA_PREFIX"] = str(prefix)
        is_named = prefix.parent.name == "envs"
        changed["CONDA_DEFAULT_ENV"] = prefix.name if is_named else str(prefix)
    return changed


def _environment(folder: Path) -> tuple[Path, bool, bool]:
    """The environment of a folder of commands, and whether it is a venv or a conda environment."""
    for prefix in (folder.parent, folder):  # conda's Python on Windows is in the prefix itself
        is_venv, is_conda = (prefix / "pyvenv.cfg").is_file(), (prefix / "conda-meta").is_dir()
        if is_venv or is_conda:
            return prefix, is_venv, is_conda
    return folder, False, False


def _path(env: Mapping[str, str], *, but: Sequence[str]) -> list[str]:
    given = env.get("PATH", os.defpath).split(os.pathsep)
    return [folder for folder in given if folder and folder not in but]
