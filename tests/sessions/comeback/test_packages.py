"""A session gets the packages of the one that it is a copy of."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_mcp_ext.sandbox.overlay import PACKAGES, Overlay
from jupyter_mcp_ext.sessions.comeback import readiness

PYTHON = f"cpython-{sys.version_info[0]}.{sys.version_info[1]}"


def session(folder: Path) -> Any:
    """What is read of a session whose files are in this folder."""
    return SimpleNamespace(
        story=SimpleNamespace(folder=SimpleNamespace(path=folder)),
        kernel=SimpleNamespace(is_confined=True),
    )


async def test_a_copy_of_packages_that_is_cancelled_has_ended_before_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    overlay = Overlay(source / PACKAGES)
    source.mkdir()
    copy.mkdir()
    overlay.prepare()
    with overlay.new() as new:
        (new / "one.py").write_text("1")
        overlay.add(new, python=PYTHON, most=0)
    began, go, ended = threading.Event(), threading.Event(), threading.Event()
    whole = Overlay.copy

    def slow(self: Overlay, other: Overlay) -> None:
        began.set()
        go.wait()
        whole(self, other)
        ended.set()

    monkeypatch.setattr(Overlay, "copy", slow)
    copying = asyncio.create_task(readiness._copy_packages(session(source), session(copy)))
    await asyncio.to_thread(began.wait)
    copying.cancel()
    await asyncio.wait({copying}, timeout=0.1)
    is_waited_for = not copying.done()
    go.set()
    await asyncio.wait({copying})

    assert is_waited_for
    assert copying.cancelled()
    assert ended.is_set()
    assert [path.name for path in (copy / PACKAGES / "site").iterdir()] == ["one.py"]
