"""Where clients are installed: npm packages in one folder, Python's each with an environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.npm import binaries

HERE = Path(__file__).parent
NPM = HERE / "npm"
PINS = HERE / "environments"


@dataclass(frozen=True, kw_only=True)
class Package:
    """What a client is installed from."""

    name: str
    """Of npm, or of PyPI if there is an environment."""
    environment: str = ""
    """The name of its Python environment."""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """The packages of all clients."""

    npm: Path
    """The folder with ``package.json`` and the programs for Node.js."""
    environments: Path
    """The folder of Python environments."""
    is_latest: bool = False
    """Whether the versions are the newest, and not those that are pinned."""

    def path(self) -> str:
        """A PATH with the npm packages' commands, which are installed where they are missing."""
        return binaries(self.npm, "claude")[1]

    def python(self, environment: str) -> Path:
        """The Python of an environment."""
        return self.environments / environment / "bin" / "python"

    def prepare(self, package: Package) -> None:
        """Make the environment of a package, unless it is there with the pinned versions."""
        if not (name := package.environment):
            return
        folder, python = self.environments / name, str(self.python(name))
        wanted = (PINS / f"{name}.txt").read_text()
        stamp = folder / "installed.txt"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        uv = str(Path(sysconfig.get_path("scripts"), "uv"))
        _run([uv, "venv", "--clear", "--python", sys.executable, str(folder)])
        if self.is_latest:
            _run([uv, "pip", "install", "--python", python, "-r", str(PINS / f"{name}.in")])
        else:
            _run([uv, "pip", "sync", "--python", python, str(PINS / f"{name}.txt")])
        stamp.write_text(wanted)

    def version(self, package: Package) -> str:
        """The version of a package that is installed."""
        if not package.environment:
            file = self.npm / "node_modules" / package.name / "package.json"
            return str(json.loads(file.read_text())["version"])
        folder = self.environments / package.environment
        [found] = folder.glob(f"lib/*/site-packages/{package.name.replace('-', '_')}-*.dist-info")
        return found.stem.rpartition("-")[2]


PINNED = Installation(npm=NPM, environments=PINS / ".venv")


def pinned_version(package: Package) -> str:
    """The version of a package that is pinned, for the newest Pythons."""
    if package.environment:
        pins = (PINS / f"{package.environment}.txt").read_text()
        named = rf"^{re.escape(package.name)}(?:\[\S+\])?==(\S+)"
        return str(re.findall(named, pins, re.MULTILINE)[-1])
    lock = json.loads((NPM / "package-lock.json").read_text())
    return str(lock["packages"][f"node_modules/{package.name}"]["version"])


def latest(folder: Path) -> Installation:
    """The newest versions, in a folder of their own."""
    npm = folder / "npm"
    shutil.copytree(NPM, npm, ignore=shutil.ignore_patterns("node_modules", "package-lock.json"))
    file = npm / "package.json"
    described = json.loads(file.read_text())
    for kind in ("devDependencies", "optionalDependencies"):
        described[kind] = dict.fromkeys(described[kind], "latest")
    file.write_text(json.dumps(described))
    _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(npm)])
    return Installation(npm=npm, environments=folder / "environments", is_latest=True)


def _run(command: Sequence[str]) -> None:
    # uv knows its own certificates only, and those of a proxy are among the system's.
    env = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        message = f"{' '.join(command)} failed:\n{done.stderr}"
        raise RuntimeError(message)
