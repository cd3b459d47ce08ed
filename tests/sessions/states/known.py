"""States that are silently wrong today: there is none."""

from __future__ import annotations

KNOWN_WRONG: dict[bool, set[str]] = {True: set(), False: set()}
"""By whether the kernel has cloudpickle."""
