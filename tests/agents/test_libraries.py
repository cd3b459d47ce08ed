"""Libraries against a mock model: what reaches the model, or who reads a client's results."""

from __future__ import annotations

import pytest

from .checks import Checks
from .libraries import LIBRARIES

CLIENTS = LIBRARIES
pytestmark = pytest.mark.timeout(600)  # installs them at the first run


class TestLibraries(Checks):
    """LangChain and others."""
