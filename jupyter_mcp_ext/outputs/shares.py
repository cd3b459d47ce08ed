"""How a budget of characters is shared by the outputs shown within it."""

from __future__ import annotations

from collections.abc import Sequence

FLOOR = 160
"""Characters that each output gets at least: enough for a notice."""


def share(sizes: Sequence[int], reserves: Sequence[int], room: int) -> list[int]:
    """The share of each: first the reserves of some, then the minimum of all, then equal parts."""
    if sum(sizes) <= room:
        return [*sizes]
    room = max(room, 0)
    grants = [min(size, FLOOR) for size in sizes]
    room -= sum(grants)
    for n, reserve in enumerate(reserves):
        extra = min(max(min(sizes[n], reserve) - grants[n], 0), max(room, 0) // 2)
        grants[n] += extra
        room -= extra
    # Outputs with a reserve get more only from what the others leave.
    waiting = sorted(range(len(sizes)), key=lambda n: sizes[n] - grants[n])
    waiting.sort(key=lambda n: reserves[n] > 0)
    others = sum(reserve == 0 for reserve in reserves)
    for position, n in enumerate(waiting):
        sharers = (others if position < others else len(waiting)) - position
        extra = min(sizes[n] - grants[n], max(room, 0) // sharers)
        grants[n] += extra
        room -= extra
    return grants
