"""Deletes variables that came back and were not wanted."""

from __future__ import annotations

import sys


def forget(names: list[str]) -> None:
    """Delete these names of the session, those that are there."""
    namespace = sys.modules["IPython"].get_ipython().user_ns
    for name in names:
        namespace.pop(name, None)
