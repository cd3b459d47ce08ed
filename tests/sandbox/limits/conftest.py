"""Tests of control groups run where some can be made."""

from __future__ import annotations

from tests.sandbox.limits.means import HAS_GROUPS

collect_ignore = [] if HAS_GROUPS else ["test_groups.py"]
