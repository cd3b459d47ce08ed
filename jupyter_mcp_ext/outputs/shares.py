"""How a budget of characters is shared by the outputs shown within it."""

from __future__ import annotations

from collections.abc import Sequence

FLOOR = 160
"""Characters that each gets at least, if it has them: a notice fits in."""


def share(sizes: Sequence[int], reserves: Sequence[int], room: int) -> list[int]:
    """Who gets how much: first what is kept for some, then the least of all, then equal parts."""
    if sum(sizes) <= room:
        return [*sizes]
    room = max(room, 0)
    grants = [min(size, FLOOR) for size in sizes]
    room -= sum(grants)
    for n, reserve in enumerate(reserves):
        extra = min(max(min(sizes[n], reserve) - grants[n], 0), max(room, 0) // 2)
        grants[n] += extra
        room -= extra
    # Those with a reserve get more only if the others leave it.
    waiting = sorted(range(len(sizes)), key=lambda n: sizes[n] - grants[n])
    waiting.sort(key=lambda n: reserves[n] > 0)
    others = sum(reserve == 0 for reserve in reserves)
    for position, n in enumerate(waiting):
        sharers = (others if position < others else len(waiting)) - position
        extra = min(sizes[n] - grants[n], max(room, 0) // sharers)
        grants[n] += extra
        room -= extra
    return grants
