"""Many users of one server for a long time, with faults of the machine."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests import disks
from tests.benchmarks import meter
from tests.soak.agent import Agent
from tests.soak.clock import set_clock
from tests.soak.world import Held, World

LIVES = 3
"""Servers, one after the other; all but the last are killed."""
ROUNDS = 3
"""Rounds of each life at least: one for each fault."""
ACTS = 10
"""What an agent does in a round."""
HOUR = 3_600.0
MEGABYTES = (16, 4)
"""The disk of the session folders: for the server, and for each user."""


@dataclass(kw_only=True)
class Figures:
    """What was found in a soak without an error."""

    users: int
    seconds: float = 0
    did: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    first: Held
    """What the last server held after some rounds."""
    last: Held
    """What it held at its end."""
    stalls: list[float] = field(default_factory=list)
    """The longest time that the event loop stood still, in milliseconds, for each round."""

    def check(self) -> None:
        """Raise AssertionError if what the server holds has grown with what was done."""
        assert self.last.megabytes < 1.25 * self.first.megabytes + 20, self
        assert self.last.descriptors < 1.1 * self.first.descriptors + 20, self
        assert self.last.threads < self.first.threads + 10, self
        assert self.last.children <= self.first.children + 2, self

    def __str__(self) -> str:
        rows = [("users", f"{self.users}"), ("seconds", f"{self.seconds:.0f}")]
        rows += [(name, f"{count:,}") for name, count in sorted(self.did.items())]
        rows += [(f"fault: {name}", f"{count}") for name, count in sorted(self.faults.items())]
        for name, first in vars(self.first).items():
            rows.append((name, f"{first:.0f} to {getattr(self.last, name):.0f}"))
        stall = f"{statistics.median(self.stalls):.0f} ms (most {max(self.stalls):.0f})"
        rows.append(("event loop stood still, longest of a round", stall))
        return "| what | figures |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in rows)


class Soak:
    """Agents in rounds, each with a fault."""

    def __init__(self, folder: Path, *, users: int, lives: int = LIVES) -> None:
        self._lives = lives
        self._world = World(folder, users=users)
        self._disk = folder / "root" / "mcp-sessions"
        self._agents = [Agent(self._world, f"user{n}") for n in range(users)]
        self._random = random.Random(users)  # the same in each soak
        self._faults: Counter[str] = Counter()
        self._stalls: list[float] = []
        self._held: list[Held] = []

    def run(self, seconds: float) -> Figures:
        """Soak for about so long; raises AssertionError for what is not so."""
        began = time.monotonic()
        users = len(self._agents)
        kilobytes = 1_000 * (MEGABYTES[0] + MEGABYTES[1] * users)
        with (
            disks.small_disk(self._disk, kilobytes=kilobytes, file_bytes=1 << 40),
            ThreadPoolExecutor(users) as pool,
        ):
            try:
                for life in range(1, self._lives + 1):
                    self._live(pool, until=began + seconds * life / self._lives)
                    if life < self._lives:
                        self._round(pool, self._kill_server)
            finally:
                self._world.close()
        return Figures(
            users=users,
            seconds=time.monotonic() - began,
            did=sum((agent.did for agent in self._agents), Counter()),
            faults=self._faults,
            first=self._held[max(1, len(self._held) // 4)],
            last=self._held[-1],
            stalls=self._stalls,
        )

    def _live(self, pool: ThreadPoolExecutor, until: float) -> None:
        """Rounds of one server; the clock of the first goes an hour ahead of the others'."""
        if not self._world.lives:
            set_clock(self._world.start(), HOUR)
        self._held.clear()
        faults = (self._kill_kernels, self._fill_disk, self._set_clock)
        count = 0
        while count < ROUNDS or time.monotonic() < until:
            self._round(pool, faults[count % len(faults)])
            count += 1

    def _round(self, pool: ThreadPoolExecutor, fault: Callable[[], None]) -> None:
        self._world.begin(len(self._agents))
        turns = [pool.submit(agent.turn, ACTS) for agent in self._agents]
        fault()
        for turn in turns:
            turn.result()
        for checked in [pool.submit(agent.check) for agent in self._agents]:
            checked.result()
        self._held.append(self._world.held())
        self._stalls.append(meter.reading(self._world.server).stall)

    def _part(self, share: float) -> None:
        """Wait for a share of the round."""
        self._world.until_acted(int(share * ACTS * len(self._agents)))

    def _kill_kernels(self) -> None:
        """Kill some kernels while they are used."""
        for share in (0.2, 0.5, 0.7):
            self._part(share)
            kernel = self._random.choice(self._agents).kernel
            if kernel is not None:
                try:
                    kernel.kill()
                except psutil.NoSuchProcess:  # restarted in this round
                    continue
                self._faults["kernel killed"] += 1

    def _fill_disk(self) -> None:
        """Fill the disk of the session folders for a part of the round."""
        if not self._disk.is_mount():
            return
        self._part(0.2)
        filling = self._disk / "filling"
        try:
            with filling.open("wb") as file:
                while True:
                    file.write(bytes(1_000_000))
        except OSError:
            self._faults["disk full"] += 1
        self._part(0.7)
        filling.unlink()

    def _set_clock(self) -> None:
        """Set the server's clock back for a part of the round."""
        self._part(0.2)
        set_clock(self._world.server, -HOUR)
        self._faults["clock set back"] += 1
        self._part(0.7)
        set_clock(self._world.server, 0)

    def _kill_server(self) -> None:
        self._part(0.5)
        self._world.kill()
        self._faults["server killed"] += 1
        self._world.start()
