"""States of real work that are lost and restored, compared with the original: see `states`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .states import read_states
from .states.known import KNOWN_WRONG
from .states.oracle import judge
from .states.table import FILE, outcomes, words

MANY = 150


def test_there_are_many_states_and_each_has_a_name_of_its_own() -> None:
    names = [state.name for state in read_states()]

    assert len(names) >= MANY
    assert len(set(names)) == len(names)


@pytest.mark.timeout(400)  # a hundred kernels
@pytest.mark.parametrize("has_cloudpickle", [True, False], ids=["cloudpickle", "bare"])
async def test_what_comes_back_is_what_was_lost_or_is_named(
    tmp_path: Path, *, has_cloudpickle: bool
) -> None:
    states = read_states()
    verdicts = await judge(states, tmp_path, has_cloudpickle=has_cloudpickle)

    assert outcomes(FILE.read_text(encoding="utf-8"), has_cloudpickle=has_cloudpickle) == words(
        verdicts, states
    ), "python -m tests.sessions.states writes it"
    wrong = {name: one.why for name, one in verdicts.items() if one.outcome == "wrong"}
    known = KNOWN_WRONG[has_cloudpickle]
    assert {name: why for name, why in wrong.items() if name not in known} == {}
    assert known - wrong.keys() == set(), "these are right now: take them off the list"
