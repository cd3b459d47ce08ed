"""The state that Jupyter has of a kernel when it hears a subshell's end before or after us."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
from traitlets import HasTraits, Unicode

from jupyter_mcp_ext.kernels.states import HonestState


class Kernel(HasTraits):
    """The part of a kernel in Jupyter's kernel manager that is used here."""

    execution_state = Unicode("busy")


class Link:
    """A link whose messages the test gives."""

    is_open = True
    is_busy = True
    on_change: Callable[[], object]

    def hear(self, *, busy: bool) -> None:
        """Report that code begins or ends."""
        self.is_busy = busy
        self.on_change()


def both() -> tuple[Kernel, Link]:
    kernel, link = Kernel(), Link()
    link.on_change = HonestState(kernel, link).follow
    return kernel, link


def test_the_end_of_a_subshell_is_not_the_end_of_the_code() -> None:
    kernel, _ = both()

    for _ in range(3):
        kernel.execution_state = "busy"
        kernel.execution_state = "idle"

    assert kernel.execution_state == "busy"


# A subshell answers, then the code ends; in the second case more code begins.
ENDS = ("busy", "idle", "busy", "idle", "idle")
GOES_ON = (*ENDS, "busy")


@pytest.mark.parametrize(("heard", "last"), [(ENDS, "idle"), (GOES_ON, "busy")])
def test_in_whatever_order_both_hear_it_the_end_is_the_same(
    heard: tuple[str, ...], last: str
) -> None:
    ours = [False, True] if last == "busy" else [False]
    steps = len(heard) + len(ours)
    for places in combinations(range(steps), len(ours)):
        kernel, link = both()
        theirs, mine = iter(heard), iter(ours)
        for step in range(steps):
            if step in places:
                link.hear(busy=next(mine))
            else:
                kernel.execution_state = next(theirs)

        assert kernel.execution_state == last, places


def test_what_else_jupyter_says_is_left_alone() -> None:
    kernel, link = both()

    for state in ("restarting", "starting", "dead"):
        kernel.execution_state = state
        link.hear(busy=True)
        assert kernel.execution_state == state


def test_it_ends_with_the_link() -> None:
    kernel, link = both()

    link.is_open = False
    link.on_change()
    link.on_change()  # as after the requests on the lost link have ended
    kernel.execution_state = "idle"

    assert kernel.execution_state == "idle"
