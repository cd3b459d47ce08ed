"""The Python of a kernel, and what it has loaded and installed."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from jupyter_mcp_ext.in_kernel.distributions import describe
from jupyter_mcp_ext.in_kernel.environment import loaded, where


def test_it_names_its_interpreter_and_the_modules_that_are_loaded() -> None:
    assert where() == sys.executable
    assert loaded(["json", "not_there", "sys"]) == ["json", "sys"]


def test_it_describes_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    describe("", "pytest")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])

    version, requirements = found["distributions"]["pytest"]
    assert version == metadata.version("pytest")
    assert any(each.startswith("pluggy") for each in requirements)
    assert "pytest" in found["modules"]["pytest"]
    assert list(found["modules"]) == ["pytest"]
    assert found["beside"] == []
    assert found["markers"]["python_version"] == "{}.{}".format(*sys.version_info)


def test_it_describes_what_is_beside_without_running_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pytest", "only-beside"):
        info = tmp_path / f"site/{name.replace('-', '_')}-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        (info / "RECORD").write_text("only_here.py,,\n")
    (tmp_path / "python").write_text("{}-{}.{}".format("cpython", *sys.version_info))

    describe(str(tmp_path), "pytest", "only-beside")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert found["beside"] == ["only-beside"]
    assert found["distributions"]["pytest"][0] == metadata.version("pytest")
    assert found["modules"]["only-beside"] == ["only_here"]
