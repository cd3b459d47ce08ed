"""How the processors are divided between kernels of which only the sum is limited; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

BUSY = 0.05
"""Cores that a kernel uses at least, if it is to get a share of its own."""


def shares(
    kernels: Sequence[tuple[str, float]], *, each: float, per_user: float, in_all: float
) -> list[float]:
    """The cores of each kernel, of which owner and use are given; 0 is no limit.

    Idle kernels give their share to the others, and have it again as soon as they are busy.
    """
    busy = Counter(owner for owner, rate in kernels if rate > BUSY)
    found = []
    for owner, _ in kernels:
        of_user = per_user / max(1, busy[owner])
        of_all = in_all / max(1, busy.total())
        found.append(min((limit for limit in (each, of_user, of_all) if limit), default=0.0))
    return found
