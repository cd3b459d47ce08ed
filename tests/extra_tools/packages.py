"""Packages with tools, built and installed into a folder as they would be into an environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.servers import environment

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0"

[project.entry-points."jupyter_mcp_ext.tools"]
{points}

[tool.hatch.build.targets.wheel]
include = ["*.py"]
"""


def install(source: Path, target: Path, files: Mapping[str, str]) -> None:
    """Build a package of these files, and install its wheel into a folder."""
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    dist = source / "dist"
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    [wheel] = dist.glob("*.whl")
    uv = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "-q"]
    subprocess.run([*uv, "--target", str(target), str(wheel)], check=True, capture_output=True)


def project(name: str, **points: str) -> str:
    """A pyproject.toml, with the entry points of its tools."""
    lines = [f'{tool} = "{place}"' for tool, place in points.items()]
    return PROJECT.format(name=name, points="\n".join(lines))


def with_packages(target: Path) -> dict[str, str]:
    """What the environment of a server needs that has these packages."""
    inherited = environment(target)["PYTHONPATH"]
    return {"PYTHONPATH": os.pathsep.join([str(target), inherited])}
