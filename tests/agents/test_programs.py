"""Real programs against a mock model: what reaches the model of each, offline."""

from __future__ import annotations

import pytest

from .checks import Checks
from .programs import PROGRAMS

CLIENTS = PROGRAMS
pytestmark = pytest.mark.timeout(600)  # installs them at the first run


class TestPrograms(Checks):
    """Claude Code and others."""
