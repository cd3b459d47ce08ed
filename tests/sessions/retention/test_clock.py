"""A wrong clock makes no session old before its time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jupyter_mcp_ext.sessions.retention.clock import BelievedClock

HOUR, DAY, YEAR = 3_600.0, 86_400.0, 365 * 86_400.0
NOW = 20_000 * DAY
BOOT = 77.0
"""What the steady clock says at the start."""


def after(
    *looks: tuple[float, float], used: Sequence[float] = (), wall: float = NOW, span: float = DAY
) -> float:
    """The time that is believed at the last of looks at both clocks, less `NOW`.

    Each look has how far the clock is from ``NOW``, and how long the process has run.
    """
    clock = BelievedClock(wall, BOOT, used, span=span)
    return [clock.now(NOW + ahead, BOOT + ran) for ahead, ran in looks][-1] - NOW


def test_without_sessions_the_clock_is_believed_and_goes_on() -> None:
    assert after((0, 0)) == 0
    assert after((HOUR, HOUR)) == HOUR


def test_at_the_start_it_is_as_late_as_sessions_were_used_a_day_ago_or_longer() -> None:
    used = [NOW - 40 * DAY, NOW - 3 * DAY, NOW - HOUR]

    assert after((0, 0), used=used) == -3 * DAY
    assert after((HOUR, HOUR), used=used) == -3 * DAY + HOUR


def test_after_a_day_in_which_the_clock_was_not_set_it_is_believed() -> None:
    used = [NOW - 40 * DAY]

    assert after((DAY - 1, DAY - 1), used=used) == -39 * DAY - 1
    assert after((DAY, DAY), used=used) == DAY
    assert after((DAY + 250, DAY), used=used) == DAY + 250


@pytest.mark.parametrize("ran", [HOUR, 30 * DAY])
def test_a_clock_that_is_set_forward_counts_after_a_day(ran: float) -> None:
    wrong = (YEAR + ran, ran)

    assert after((ran, ran), wrong) == ran
    assert after((ran, ran), wrong, (YEAR + ran + HOUR, ran + HOUR)) == ran + HOUR
    assert after((ran, ran), wrong, (YEAR + ran + DAY, ran + DAY)) == YEAR + ran + DAY


def test_a_machine_that_starts_with_a_wrong_year_makes_nothing_old_also_when_it_starts_again() -> (
    None
):
    used = [NOW - 40 * DAY, NOW - HOUR]
    wrong = NOW + 9 * YEAR
    again = [*used, wrong + HOUR]

    assert after((9 * YEAR, 0), used=used, wall=wrong) == -HOUR
    assert after((9 * YEAR + 2 * HOUR, 0), used=again, wall=wrong + 2 * HOUR) == -HOUR


def test_a_clock_that_is_set_right_again_is_followed_back() -> None:
    used = [NOW - HOUR]

    assert after((YEAR, HOUR), (2 * HOUR, 2 * HOUR), used=used, wall=NOW) == 2 * HOUR
    assert after((YEAR, DAY), (YEAR + DAY, 2 * DAY), (3 * DAY, 3 * DAY)) == 3 * DAY


def test_a_clock_that_is_set_back_is_followed() -> None:
    assert after((-YEAR, HOUR)) == -YEAR


def test_a_shorter_span_believes_sooner() -> None:
    used = [NOW - 3 * HOUR, NOW - HOUR]

    assert after((0, 0), used=used, span=2 * HOUR) == -3 * HOUR
    assert after((2 * HOUR, 2 * HOUR), used=used, span=2 * HOUR) == 2 * HOUR
