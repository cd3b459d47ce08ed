"""The Python of a kernel, and what it has loaded and installed."""

from __future__ import annotations

import json
import sys
from importlib import metadata

import pytest

from jupyter_mcp_ext.in_kernel.distributions import describe
from jupyter_mcp_ext.in_kernel.environment import loaded, where


def test_it_names_its_interpreter_and_the_modules_that_are_loaded() -> None:
    assert where() == sys.executable
    assert loaded(["json", "not_there", "sys"]) == ["json", "sys"]


def test_it_describes_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    describe("pytest")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])

    version, requirements = found["distributions"]["pytest"]
    assert version == metadata.version("pytest")
    assert any(each.startswith("pluggy") for each in requirements)
    assert "pytest" in found["modules"]["pytest"]
    assert list(found["modules"]) == ["pytest"]
    assert found["markers"]["python_version"] == "{}.{}".format(*sys.version_info)
