"""Variables that came back are deleted."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from jupyter_mcp_ext.in_kernel.snapshot.forgetting import forget


def test_only_the_named_variables_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"a": 1, "b": 2}
    shell = types.SimpleNamespace(user_ns=names)
    there = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", there)

    forget(["a", "c"])

    assert names == {"b": 2}
