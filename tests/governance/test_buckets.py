"""Token buckets."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.governance.buckets import Buckets


def taken(buckets: Buckets[str], key: str, now: float) -> int:
    """How many are taken from a bucket until one is refused."""
    return next(number for number in range(10_000) if buckets.take(key, now))


def test_a_minutes_calls_can_be_made_at_once_and_no_more() -> None:
    buckets: Buckets[str] = Buckets(60)

    assert taken(buckets, "a", now=0) == 60


def test_keys_take_nothing_from_each_other() -> None:
    buckets: Buckets[str] = Buckets(60)
    taken(buckets, "a", now=0)

    assert buckets.take("b", 0) == 0


def test_a_bucket_fills_up_steadily_and_not_beyond_a_minute() -> None:
    buckets: Buckets[str] = Buckets(60)
    for _ in range(60):
        buckets.take("a", 0)

    assert taken(buckets, "a", now=10) == 10
    assert taken(buckets, "a", now=10_000) == 60


@pytest.mark.parametrize("per_minute", [1, 7, 60, 12_000])
def test_who_waits_as_long_as_is_said_is_served(per_minute: int) -> None:
    buckets: Buckets[str] = Buckets(per_minute)
    for _ in range(per_minute):
        assert buckets.take("a", 5) == 0

    wait = buckets.take("a", 5)

    assert wait > 0
    assert buckets.take("a", 5 + wait + 1e-9) == 0


def test_who_goes_on_waits_longer_up_to_a_bound_and_is_then_overdrawn() -> None:
    buckets: Buckets[str] = Buckets(60)
    waits = [wait for _ in range(100) if (wait := buckets.take("a", 0))]

    assert waits == sorted(waits)
    assert waits[-1] == waits[-2] == pytest.approx(6)
    assert buckets.overdrawn("a", 0) == pytest.approx(6)
    assert buckets.overdrawn("a", 2) == 0
    assert buckets.take("a", 6.1) == 0


def test_who_is_served_or_unknown_is_not_overdrawn() -> None:
    buckets: Buckets[str] = Buckets(60)
    taken(buckets, "a", now=0)

    assert buckets.overdrawn("a", 0) == 0
    assert buckets.overdrawn("b", 0) == 0
    assert len(buckets) == 1


def test_zero_is_no_limit_and_keeps_nothing() -> None:
    buckets: Buckets[str] = Buckets(0)

    assert not any(buckets.take("a", 0) for _ in range(1_000))
    assert buckets.overdrawn("a", 0) == 0
    assert len(buckets) == 0


def test_any_number_of_keys_takes_bounded_room_and_the_last_ones_are_kept() -> None:
    buckets: Buckets[str] = Buckets(1, max_buckets=100)
    for number in range(100_000):
        buckets.take(f"key {number}", 0)

    assert len(buckets) == 100
    assert buckets.take("key 99999", 0) > 0
    assert buckets.take("key 0", 0) == 0
