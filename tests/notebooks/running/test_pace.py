"""How often the cells of a run are written."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_mcp_ext.notebooks.draft import Saving
from jupyter_mcp_ext.notebooks.running.pace import (
    FILE_PAUSE,
    FILE_PAUSE_ENDED,
    ROOM_PAUSE,
    SHARE,
    STRETCH,
    Pace,
)


def waiting(seconds: float, *, delay: float) -> Saving:
    """A room that has saved nothing for so long."""
    return Saving(delay=delay, waits=seconds, tried=asyncio.Event().wait)


@pytest.mark.parametrize("delay", [0.2, 1.0, 3.0])
def test_a_gap_is_due_when_a_room_has_saved_nothing_for_long(delay: float) -> None:
    pace, stretch = Pace(), STRETCH * delay

    assert not pace.is_gap_due(100.0, waiting(stretch - 0.1, delay=delay))
    assert pace.is_gap_due(100.0, waiting(stretch + 0.1, delay=delay))


def test_after_a_gap_in_vain_none_is_due_for_as_long() -> None:
    pace = Pace()
    pace.left_gap(100.0)

    assert not pace.is_gap_due(100.0 + STRETCH - 0.1, waiting(60.0, delay=1.0))
    assert pace.is_gap_due(100.0 + STRETCH + 0.1, waiting(60.0, delay=1.0))


def test_a_room_is_written_into_ten_times_a_second_at_most() -> None:
    pace = Pace()
    pace.wrote(0.0, 0.001, "room")

    assert pace.wait(0.001, have_ended=False) == pytest.approx(ROOM_PAUSE)


def test_a_file_is_written_seldom_and_the_more_so_the_longer_it_takes() -> None:
    pace = Pace()
    assert pace.wait(0.0, have_ended=False) == 0.0

    pace.wrote(0.0, 0.01, "file")
    assert pace.wait(0.01, have_ended=False) == pytest.approx(FILE_PAUSE)
    assert pace.wait(0.01, have_ended=True) == pytest.approx(FILE_PAUSE_ENDED)

    pace.wrote(5.0, 7.0, "file")
    assert pace.wait(7.0, have_ended=True) == pytest.approx(2.0 * SHARE)
