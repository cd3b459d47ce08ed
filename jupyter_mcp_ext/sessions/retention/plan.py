"""Which sessions are kept no longer, by their age, number and size; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from jupyter_mcp_ext.wording import ago, counted, size

Action = Literal["archive", "drop_snapshots", "delete"]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much is kept; 0: no limit. Ages are seconds."""

    max_age: float = 0.0
    """After a session's last use."""
    max_sessions_per_user: int = 0
    max_sessions: int = 0
    max_bytes_per_user: int = 0
    max_bytes: int = 0
    max_snapshot_bytes: int = 0
    deletes: bool = False
    """Whether archived sessions are deleted in the end."""
    archive_age: float = 0.0
    """For which an archived session is kept; 0: until the next round."""

    @property
    def needs_bytes(self) -> bool:
        """Whether the sizes of the sessions count."""
        return any((self.max_bytes_per_user, self.max_bytes, self.max_snapshot_bytes))

    @property
    def is_none(self) -> bool:
        """Whether everything is kept."""
        limits = self.max_age, self.max_sessions_per_user, self.max_sessions
        return not (any(limits) or self.needs_bytes or self.deletes)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A session that is on disk."""

    id: str
    owner: str
    last_used: float
    archived: float = 0.0
    """When it was archived, or its files were changed since; 0: it was not."""
    bytes: int = 0
    snapshots: int = 0
    """Bytes of its saved variables."""
    is_used: bool = False
    """Whether it is in use: then nothing is done to it."""


def archived_at(archived: float, changed: float, *, now: float) -> float:
    """From when on an archived session's time counts, whose files were ``changed`` last then.

    A person may write into what is left of it: then it is kept for as long from there.
    """
    return max(archived, changed) if archived and changed <= now else archived


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is done to a session, and why, in words."""

    id: str
    action: Action
    why: str


def plan(
    kept: Sequence[Kept], bounds: Bounds, *, now: float, until: float | None = None
) -> list[Step]:
    """What is done now, what was used longest ago first.

    Ages are counted ``until`` a time, which is ``now`` if it is not given.
    """
    planner = _Planner(kept, bounds, now, now if until is None else until)
    planner.by_age()
    planner.by_number()
    planner.by_bytes()
    planner.by_snapshots()
    return list(planner.steps.values())


class _Planner:
    def __init__(self, kept: Iterable[Kept], bounds: Bounds, now: float, until: float) -> None:
        self._bounds = bounds
        self._until = until
        # A time that is still to come was written before the clock was set back.
        self._kept = sorted(kept, key=lambda each: (min(each.last_used, now), each.id))
        self.steps: dict[str, Step] = {}

    def by_age(self) -> None:
        """Archive what was not used for long; delete what was archived long ago."""
        limit = self._bounds.max_age
        for each in self._live():
            age = self._until - each.last_used
            if 0 < limit < age:
                self._do(each, "archive", f"it was last used {ago(age)}")
        for each in self._archived():
            age = self._until - each.archived
            if self._bounds.deletes and age >= self._bounds.archive_age:
                self._do(each, "delete", f"it was archived, and not changed since {ago(age)}")

    def by_number(self) -> None:
        """Archive the sessions that are too many."""
        for owner_of, limit, whose in self._scopes(
            self._bounds.max_sessions_per_user, self._bounds.max_sessions
        ):
            words = f"{whose} {counted(limit, 'session')} at most"
            for each in self._excess(self._live(), owner_of, limit, lambda _: 1):
                self._do(each, "archive", words)

    def by_bytes(self) -> None:
        """Archive the sessions that are too large together; first delete what is archived."""
        for owner_of, limit, whose in self._scopes(
            self._bounds.max_bytes_per_user, self._bounds.max_bytes
        ):
            words = f"{whose} sessions of {size(limit)} at most"
            found = self._live()
            if self._bounds.deletes:
                found = [*self._archived(), *found]
            for each in self._excess(found, owner_of, limit, lambda one: one.bytes):
                self._do(each, "delete" if each.archived else "archive", words)

    def by_snapshots(self) -> None:
        """Remove the oldest saved variables."""
        limit = self._bounds.max_snapshot_bytes
        words = f"this server keeps snapshots of {size(limit)} at most"
        for each in self._excess(self._live(), lambda _: "", limit, lambda one: one.snapshots):
            self._do(each, "drop_snapshots", words)

    def _scopes(self, per_user: int, in_all: int) -> list[tuple[Callable[[Kept], str], int, str]]:
        return [
            (lambda each: each.owner, per_user, "a user may have"),
            (lambda _: "", in_all, "all users together may have"),
        ]

    def _excess(
        self,
        found: Sequence[Kept],
        owner_of: Callable[[Kept], str],
        limit: int,
        weight: Callable[[Kept], int],
    ) -> list[Kept]:
        """The first of the sessions that must go so that the rest is within the limit."""
        if not limit:
            return []
        total: defaultdict[str, int] = defaultdict(int)
        for each in found:
            total[owner_of(each)] += weight(each)
        excess = []
        for each in found:
            if total[owner_of(each)] > limit and weight(each) and not each.is_used:
                total[owner_of(each)] -= weight(each)
                excess.append(each)
        return excess

    def _live(self) -> list[Kept]:
        return [each for each in self._kept if not each.archived and each.id not in self.steps]

    def _archived(self) -> list[Kept]:
        return [each for each in self._kept if each.archived and each.id not in self.steps]

    def _do(self, each: Kept, action: Action, why: str) -> None:
        if not each.is_used:
            self.steps[each.id] = Step(id=each.id, action=action, why=why)
