"""Files of an audit are closed after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .files import OPENED


@pytest.fixture(autouse=True)
def closes_files() -> Iterator[None]:
    """Close what the test has opened, also what it left open as a killed server does."""
    yield
    while OPENED:
        OPENED.pop().close()
