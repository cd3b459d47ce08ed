"""Token buckets: how much of something each of many may do in a minute. Pure: times are given."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")

MAX_BUCKETS = 10_000
"""Buckets that are kept: the one that was used longest ago goes first."""

PATIENCE = 5.0
"""Seconds of its rate by which a bucket can be overdrawn, `REFUSALS` at least."""

REFUSALS = 3


class _Bucket:
    """Holds up to ``size``, and fills up by ``rate`` a second."""

    def __init__(self, size: float, rate: float, now: float, *, is_common: bool) -> None:
        self._size = size
        self._rate = rate
        self._floor = -max(rate * PATIENCE, REFUSALS)
        self._is_common = is_common
        self._level = size
        self._at = now
        """When that was the level."""

    def take(self, now: float) -> float:
        self._level, self._at = self._level_at(now), now
        is_there = self._level >= 1
        if is_there or not self._is_common:
            self._level = max(self._level - 1, self._floor)
        return 0.0 if is_there else (1 - self._level) / self._rate

    def overdrawn(self, now: float) -> float:
        level = self._level_at(now)
        return (1 - level) / self._rate if level < self._floor + 1 else 0.0

    def _level_at(self, now: float) -> float:
        return min(self._level + (now - self._at) * self._rate, self._size)


class Buckets(Generic[K]):
    """A bucket for each key, which holds what a minute allows and fills up steadily.

    What is refused is taken too, up to a bound: those that go on without waiting wait longer. A key
    of which nothing has been heard has a full bucket, so that forgetting one takes nothing away.
    """

    def __init__(
        self, per_minute: int, *, is_common: bool = False, max_buckets: int = MAX_BUCKETS
    ) -> None:
        """``per_minute`` may be 0, which sets no limit.

        A common bucket is left as it is by what is refused: it is others who would wait longer.
        """
        self._per_minute = per_minute
        self._is_common = is_common
        self._max = max_buckets
        self._buckets: dict[K, _Bucket] = {}
        """The one that was used last is last."""

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: K, now: float) -> float:
        """Take one from a bucket; the seconds until there is one again, 0 if there was."""
        if not self._per_minute:
            return 0.0
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            size, rate = self._per_minute, self._per_minute / 60
            bucket = _Bucket(size, rate, now, is_common=self._is_common)
            if len(self._buckets) >= self._max:
                del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = bucket
        return bucket.take(now)

    def overdrawn(self, key: K, now: float) -> float:
        """The seconds until a bucket has one again, if no more can be refused; else 0."""
        bucket = self._buckets.get(key)
        return bucket.overdrawn(now) if bucket is not None else 0.0
