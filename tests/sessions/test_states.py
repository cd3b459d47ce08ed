"""States of real work that are lost and restored, compared with the original: see `states`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from .states import State, read_states
from .states.known import KNOWN_WRONG
from .states.oracle import Verdict, judge
from .states.table import FILE, outcomes, words
from .states.unfinished import judge_unfinished

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
    states = [state for state in read_states() if not state.ends]
    verdicts = await judge(states, tmp_path, has_cloudpickle=has_cloudpickle)

    check(states, verdicts, has_cloudpickle=has_cloudpickle)


def test_code_that_did_not_run_to_its_end_is_not_run_again_and_that_is_named(
    tmp_path: Path,
) -> None:
    states = [state for state in read_states() if state.ends]
    verdicts = judge_unfinished(states, tmp_path)

    for has_cloudpickle in (True, False):
        check(states, verdicts[has_cloudpickle], has_cloudpickle=has_cloudpickle)


def check(
    states: Sequence[State], verdicts: Mapping[str, Verdict], *, has_cloudpickle: bool
) -> None:
    """The verdicts are those of the document, and none is worse than is known."""
    told = outcomes(FILE.read_text(encoding="utf-8"), has_cloudpickle=has_cloudpickle)
    wrong = {name: one.why for name, one in verdicts.items() if one.outcome == "wrong"}
    known = KNOWN_WRONG[has_cloudpickle]

    assert {name: why for name, why in wrong.items() if name not in known} == {}
    assert (known & verdicts.keys()) - wrong.keys() == set(), "right now: take them off the list"
    assert {state.name: told.get(state.name) for state in states} == words(verdicts, states), (
        "python -m tests.sessions.states writes it"
    )


def test_the_document_has_each_state_and_no_other() -> None:
    told = outcomes(FILE.read_text(encoding="utf-8"), has_cloudpickle=True)

    assert told.keys() == {state.name for state in read_states()}
