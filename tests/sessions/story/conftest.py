"""Opens the same story again and again, as servers do that follow each other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mcp_ext.sessions.disk.folder import SessionFolder
from jupyter_mcp_ext.sessions.story.story import Story

from .stories import HEAD, KEY, NOTEBOOK


async def no_room(path: str) -> None:
    """No notebook is open in a room."""


@pytest.fixture
def make(tmp_path: Path) -> Callable[[], Story]:
    """Makes a story of the one folder."""

    def story() -> Story:
        folder = SessionFolder(tmp_path, "sessions/k7m2q9xw")
        folder.make()
        log = logging.getLogger("test")
        return Story(folder, NOTEBOOK, lambda: HEAD, log, key=lambda: KEY, live=no_room)

    return story
