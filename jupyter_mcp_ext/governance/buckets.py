"""Token buckets: how much of something each of many may do in a minute. Pure: times are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")

MAX_BUCKETS = 10_000
"""Buckets that are kept: the one that was used longest ago goes first."""

PATIENCE = 5.0
"""Seconds of its rate by which a bucket can be overdrawn, `REFUSALS` at least."""

REFUSALS = 3


@dataclass
class _Bucket:
    level: float
    at: float
    """When that was the level."""


class Buckets(Generic[K]):
    """A bucket for each key, which holds what a minute allows and fills up steadily.

    What is refused is taken too, up to a bound: those that go on without waiting wait longer. A key
    of which nothing has been heard has a full bucket, so that forgetting one takes nothing away.
    """

    def __init__(self, per_minute: int, *, max_buckets: int = MAX_BUCKETS) -> None:
        """``per_minute`` may be 0, which sets no limit."""
        self.per_minute = per_minute
        self._rate = per_minute / 60
        self._floor = -max(self._rate * PATIENCE, REFUSALS)
        self._max = max_buckets
        self._buckets: dict[K, _Bucket] = {}
        """The one that was used last is last."""

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: K, now: float) -> float:
        """Take one from a bucket; the seconds until there is one again, 0 if there was."""
        if not self.per_minute:
            return 0.0
        bucket = self._filled(key, now)
        if bucket.level >= 1:
            bucket.level -= 1
            return 0.0
        bucket.level = max(bucket.level - 1, self._floor)
        return (1 - bucket.level) / self._rate

    def overdrawn(self, key: K, now: float) -> float:
        """The seconds until a bucket has one again, if no more can be refused; else 0."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return 0.0
        level = self._level(bucket, now)
        return (1 - level) / self._rate if level < self._floor + 1 else 0.0

    def _filled(self, key: K, now: float) -> _Bucket:
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            bucket = _Bucket(self.per_minute, now)
            if len(self._buckets) >= self._max:
                del self._buckets[next(iter(self._buckets))]
        bucket.level, bucket.at = self._level(bucket, now), now
        self._buckets[key] = bucket
        return bucket

    def _level(self, bucket: _Bucket, now: float) -> float:
        return min(bucket.level + (now - bucket.at) * self._rate, float(self.per_minute))
