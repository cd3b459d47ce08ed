"""Which modules belong to libraries, and which to the user."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from jupyter_mcp_ext.in_kernel.snapshot.found import is_library


def test_modules_of_python_and_of_what_is_installed_are_libraries() -> None:
    assert all(map(is_library, (sys, json, np, pytest)))


@pytest.mark.parametrize("folder", [Path(sys.prefix), Path(sys.base_prefix), Path("elsewhere")])
def test_a_users_module_in_an_environments_folder_is_not_a_library(folder: Path) -> None:
    module = types.ModuleType("helpers")
    module.__file__ = str(folder / "project" / "helpers.py")

    assert not is_library(module)
