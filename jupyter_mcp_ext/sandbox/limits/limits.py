"""The limits of agents' kernels: their configuration, and the means that are in force."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from traitlets import Bool, Float, Int
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.concurrency import Tasks
from jupyter_mcp_ext.sandbox.provisioner import OtherProvisioner, install, own_of

from .bounds import NAMES, SUFFIXES, Bounds, Excess, Scope, Use, amount, excesses
from .cgroups import Group, Groups
from .hierarchies import Unavailable
from .limited import Limited
from .provisioner import ARGUMENT, limited_of
from .shares import shares
from .watchdog import Watchdog

LEAST = Bounds(
    memory=256 << 20, cpu=0.1, cpu_seconds=1.0, processes=32, file_bytes=1 << 20, disk=1 << 20
)
"""What a kernel needs to start and to run a line."""


class LimitsUnusable(Exception):
    """The limits that are configured cannot hold; the message says what to do."""


class CannotLimit(Exception):
    """A kernel cannot be limited; the message says why, as a sentence's end."""


class McpLimits(LoggingConfigurable):
    """What the kernels that agents start may use; those of people are not limited."""

    memory = Int(0, help="Bytes of memory that one kernel may use; 0: no limit.").tag(config=True)
    memory_per_user = Int(0, help="The same for all kernels of a user.").tag(config=True)
    memory_in_all = Int(0, help="The same for all kernels of agents.").tag(config=True)
    cpu = Float(0.0, help="Processor cores that one kernel may use; 0: no limit.").tag(config=True)
    cpu_per_user = Float(0.0, help="The same for all kernels of a user.").tag(config=True)
    cpu_in_all = Float(0.0, help="The same for all kernels of agents.").tag(config=True)
    cpu_seconds = Float(
        0.0,
        help="Seconds of CPU time that a kernel may use from the beginning of an execution until "
        "the next begins; 0: no limit.",
    ).tag(config=True)
    processes = Int(0, help="Processes and threads that one kernel may have; 0: no limit.").tag(
        config=True
    )
    processes_per_user = Int(0, help="The same for all kernels of a user.").tag(config=True)
    processes_in_all = Int(0, help="The same for all kernels of agents.").tag(config=True)
    file_bytes = Int(0, help="Bytes of a file that a kernel writes; 0: no limit.").tag(config=True)
    disk = Int(0, help="Bytes of disk that a session's folder may take; 0: no limit.").tag(
        config=True
    )
    disk_per_user = Int(0, help="The same for the sessions of a user that run.").tag(config=True)
    disk_in_all = Int(0, help="The same for all sessions of agents that run.").tag(config=True)
    use_cgroups = Bool(
        True,
        help="Whether the kernels are in control groups, if the server can make some. Otherwise a "
        "watchdog measures them.",
    ).tag(config=True)

    def __init__(self, *, root: Path | None, **kwargs: Any) -> None:
        """``root`` is Jupyter's."""
        super().__init__(**kwargs)
        self._root = root
        self._owner_of: Callable[[str], str] = str
        self._groups: Groups | None = None
        self._watchdog = Watchdog(self._report, self.log)
        self._numbers = itertools.count(1)
        self._tasks = Tasks()

    def bounds(self, scope: Scope = "session") -> Bounds:
        """The limits of one kernel, of a user's kernels, or of all."""
        names = NAMES if scope == "session" else ("memory", "cpu", "processes", "disk")
        return Bounds(**{name: getattr(self, name + SUFFIXES[scope]) for name in names})

    @property
    def is_on(self) -> bool:
        """Whether anything is limited."""
        return any(map(self.bounds, SUFFIXES))

    @property
    def in_force(self) -> str:
        """The means that hold the limits."""
        version = self._groups.version if self._groups is not None else 0
        return f"cgroup v{version}" if version else "rlimits and watchdog"

    @property
    def words(self) -> str:
        """The limits and their means; empty without limits."""
        if not self.is_on:
            return ""
        limits = ", ".join(w for scope in SUFFIXES for w in self.bounds(scope).words(scope))
        return f"limits: {limits} ({self.in_force})"

    def tell_owners(self, owner_of: Callable[[str], str]) -> None:
        """``owner_of`` gives the owner of a kernel by its id; empty if it has none."""
        self._owner_of = owner_of

    def open(self) -> None:
        """Have the means to hold the limits. Blocks. Raises LimitsUnusable."""
        if not self.is_on:
            return
        for why in self._contradictions():
            raise LimitsUnusable(why)
        try:
            install(self.parent)
            if self.use_cgroups:
                self._groups = Groups.make(self.bounds("all"))
        except OtherProvisioner as err:
            raise LimitsUnusable(str(err)) from err
        except Unavailable as err:
            self.log.info("Kernels are limited by a watchdog: %s.", err)

    async def close(self) -> None:
        """Stop looking; kernels that still run stay in their control groups."""
        await asyncio.to_thread(self._watchdog.close)
        await self._tasks.ended()
        if self._groups is not None:
            self._groups.close()

    def arguments(self, folder: str, spec: Mapping[str, Any]) -> dict[str, Limited]:
        """What ``start_kernel`` is given so that a kernel is limited.

        ``folder`` is that of its session, an API path; empty if it has none. Raises CannotLimit.
        """
        if not self.is_on:
            return {}
        if own := own_of(spec):
            msg = f"its kernelspec has a provisioner of its own ({own})"
            raise CannotLimit(msg)
        new_group = self._new_group if self._groups is not None else None
        has_disk = any(self.bounds(scope).disk for scope in SUFFIXES)
        measured = self._root / folder if has_disk and folder and self._root is not None else None
        bounds, in_all = self.bounds(), self.bounds("all")
        return {
            ARGUMENT: Limited(bounds, in_all, self._watchdog, new_group=new_group, folder=measured)
        }

    def _new_group(self) -> Group:
        assert self._groups is not None  # noqa: S101
        return self._groups.of(f"k{next(self._numbers)}")

    def check(self, provisioner: object) -> None:
        """Raise CannotLimit if a kernel runs that was started without limits."""
        if self.is_on and limited_of(provisioner) is None:
            msg = "it was started by another provisioner"
            raise CannotLimit(msg)

    def _contradictions(self) -> Iterator[str]:
        """What is wrong with the configuration, as a sentence without its full stop."""
        if sys.platform != "linux":
            yield "limits of kernels (McpLimits) need Linux"
        scopes: list[Scope] = ["session", "user", "all"]
        for name in NAMES:
            values = [(s, getattr(self.bounds(s), name)) for s in scopes]
            given = [(f"McpLimits.{name}{SUFFIXES[s]}", value) for s, value in values if value]
            for trait, value in given:  # those below 0 too
                if value < (least := getattr(LEAST, name)):
                    yield (
                        f"{trait} is {amount(name, value)}, and a kernel needs "
                        f"{amount(name, least)}"
                    )
            for (inner, less), (outer, more) in itertools.pairwise(given):
                if more < less:
                    yield (
                        f"{outer} ({amount(name, more)}) is below {inner} ({amount(name, less)})"
                    )

    def _report(self, watched: Collection[Limited]) -> None:
        """Judge what was measured."""
        for limited in watched:
            if limited.meter is not None and limited.meter.is_abandoned:
                self._tasks.start(asyncio.to_thread(limited.leftovers()), name="mcp-limit")
        running = [each for each in watched if each.meter is not None and not each.is_ending]
        now, exceeded = monotonic(), {each: set[str]() for each in running}
        for limited, excess in self._excesses(running):
            exceeded[limited].add(excess.trait)
            self._act(limited, excess, now)
        for limited in running:
            limited.judge.settle(exceeded[limited])
        self._divide(running)

    def _excesses(self, running: Sequence[Limited]) -> Iterator[tuple[Limited, Excess]]:
        for limited in running:
            for excess in excesses(limited.use, self.bounds()):
                yield limited, excess
        per_user = self.bounds("user")
        if per_user:
            by_owner: dict[str, list[Limited]] = {}
            for limited in running:
                by_owner.setdefault(self._owner_of(limited.kernel_id), []).append(limited)
            by_owner.pop("", None)  # a kernel that was started ahead has no user yet
            for own in by_owner.values():
                yield from _together(own, per_user, "user")
        yield from _together(running, self.bounds("all"), "all")

    def _act(self, limited: Limited, excess: Excess, now: float) -> None:
        match limited.judge.judge(excess, now, rate=limited.rate):
            case "interrupt":
                self.log.info("A kernel is interrupted: %s", excess.words)
                limited.interrupt(f"at a limit: {excess.words}")
            case "end":
                self.log.warning("A kernel is ended: %s", excess.words)
                if meter := limited.condemn(excess):
                    self._tasks.start(asyncio.to_thread(meter.kill), name="mcp-limit")
            case None:
                pass

    def _divide(self, running: Sequence[Limited]) -> None:
        """Give each kernel its part of the processors."""
        in_all = 0.0 if self._groups is not None else self.cpu_in_all
        if not (self.cpu or self.cpu_per_user or in_all):
            return
        kernels = [(self._owner_of(each.kernel_id), each.rate) for each in running]
        found = shares(kernels, each=self.cpu, per_user=self.cpu_per_user, in_all=in_all)
        for limited, cpu in zip(running, found, strict=True):
            limited.cpu = cpu


def _together(
    kernels: Iterable[Limited], bounds: Bounds, scope: Scope
) -> Iterator[tuple[Limited, Excess]]:
    """The limits that kernels exceed together, each with the kernel that is to use less."""
    kernels = list(kernels)
    total = sum((each.use for each in kernels), Use())
    for excess in excesses(total, bounds, scope):
        yield max(kernels, key=lambda each: _part(each, excess.name)), excess


def _part(limited: Limited, name: str) -> tuple[float, float]:
    """A kernel's part in an excess: what it uses."""
    if name != "disk":
        return getattr(limited.use, name), 0.0
    meter = limited.meter  # ending a kernel that has written before frees nothing
    return (meter.is_active, meter.written_at) if meter is not None else (False, 0.0)
