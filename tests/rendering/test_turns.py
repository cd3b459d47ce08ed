"""Turns are shared fairly among their owners."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from jupyter_mcp_ext.rendering.turns import FairTurns


@dataclass
class Table:
    """A place that owners share in turns, on a clock that the test moves."""

    places: int = 1
    now: float = 1_000.0
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turns = FairTurns(self.places, lambda: self.now)

    async def sit(self, owner: str, seconds: float) -> None:
        async with self.turns.turn(owner):
            self.order.append(owner)
            self.now += seconds
            await asyncio.sleep(0)


async def test_an_owner_of_long_turns_waits_for_the_others() -> None:
    table = Table()

    await asyncio.gather(*(table.sit(owner, 2.0) for owner in ("a", "a", "a", "b", "c")))

    assert table.order == ["a", "b", "c", "a", "a"]


async def test_those_who_had_nothing_of_late_come_as_they_asked() -> None:
    table = Table()
    await table.sit("a", 2.0)
    table.now += 20.0

    await asyncio.gather(*(table.sit(owner, 0) for owner in ("b", "a", "c", "a")))

    assert table.order[1:] == ["b", "a", "c", "a"]


async def test_as_many_have_turns_at_once_as_there_are_places() -> None:
    table = Table(places=2)
    busy = 0

    async def sit(owner: str) -> None:
        nonlocal busy
        async with table.turns.turn(owner):
            busy += 1
            assert busy <= 2
            await asyncio.sleep(0)
            busy -= 1

    await asyncio.gather(*(sit(f"{n}") for n in range(9)))


@pytest.mark.parametrize("is_given", [False, True])
async def test_who_leaves_the_queue_leaves_the_turn_to_the_next(is_given: bool) -> None:
    table = Table()
    async with table.turns.turn("first"):
        leaving = asyncio.create_task(table.sit("leaves", 0))
        staying = asyncio.create_task(table.sit("stays", 0))
        await asyncio.sleep(0)
        if not is_given:
            leaving.cancel()
    leaving.cancel()
    await asyncio.wait_for(staying, 60)
    await table.sit("later", 0)

    assert leaving.cancelled()
    assert table.order == ["stays", "later"]
