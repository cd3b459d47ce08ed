"""The Python of a kernel, and which modules it has loaded."""

from __future__ import annotations

import sys


def where() -> str:
    """The path of its interpreter."""
    return sys.executable


def loaded(names: list[str]) -> list[str]:
    """Which of these modules are loaded."""
    return [name for name in names if name in sys.modules]
