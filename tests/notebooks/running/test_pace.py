"""How often the cells of a run are written."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jupyter_mcp_ext.notebooks.running.pace import (
    FILE_PAUSE,
    FILE_PAUSE_ENDED,
    GAP,
    ROOM_PAUSE,
    SHARE,
    STRETCH,
    Pace,
)

COST = 0.001


def written(pace: Pace, until: float, *, delay: float) -> list[float]:
    """When a room is written into, if there always is something to write."""
    now, times = 0.0, []
    while now < until:
        times.append(now)
        pace.wrote(now, now + COST, "room", delay)
        now += COST + pace.wait(now + COST, have_ended=False)
    return times


def pauses(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize("delay", [0.2, 1.0, 3.0])
def test_writes_into_a_room_leave_gaps_in_which_it_saves(delay: float) -> None:
    times = written(Pace(), 100 * delay, delay=delay)

    gaps = [at for at, pause in zip(times, pauses(times), strict=False) if pause > delay]
    assert len(gaps) >= 100 / (STRETCH + GAP) - 1
    assert max(pauses(gaps)) < (STRETCH + GAP) * delay + 2 * ROOM_PAUSE


def test_a_room_is_written_into_ten_times_a_second_at_most() -> None:
    assert min(pauses(written(Pace(), 30, delay=1.0))) >= ROOM_PAUSE


def test_after_a_gap_that_came_by_itself_none_is_due() -> None:
    pace = Pace()
    written(pace, STRETCH - 1, delay=1.0)

    later = pace.last + GAP
    pace.wrote(later, later, "room", 1.0)

    assert pace.wait(later + STRETCH - 1, have_ended=False) == 0.0


def test_a_file_is_written_seldom_and_the_more_so_the_longer_it_takes() -> None:
    pace = Pace()
    assert pace.wait(0.0, have_ended=False) == 0.0

    pace.wrote(0.0, 0.01, "file", 0.0)
    assert pace.wait(0.01, have_ended=False) == pytest.approx(FILE_PAUSE)
    assert pace.wait(0.01, have_ended=True) == pytest.approx(FILE_PAUSE_ENDED)

    pace.wrote(5.0, 7.0, "file", 0.0)
    assert pace.wait(7.0, have_ended=True) == pytest.approx(2.0 * SHARE)
