"""The order in which code gets its turn on a kernel."""

from __future__ import annotations

from jupyter_mcp_ext.kernels.turn import Turn


async def test_the_turn_goes_to_the_next_when_the_first_leaves() -> None:
    turn = Turn()
    first, second, third = (turn.join(user) for user in "abc")
    assert [first.done(), second.done(), third.done()] == [True, False, False]

    turn.leave("a")

    assert [second.done(), third.done()] == [True, False]
    assert turn.queue(str) == ("b", "c")


async def test_one_that_leaves_before_its_turn_is_not_waited_for() -> None:
    turn = Turn()
    _, second, third = (turn.join(user) for user in "abc")

    turn.leave("b")
    turn.leave("a")

    assert not second.done()
    assert third.done()


async def test_a_turn_that_was_cancelled_while_it_waited_can_be_left() -> None:
    turn = Turn()
    _, second = (turn.join(user) for user in "ab")
    second.cancel()

    turn.leave("a")
    turn.leave("b")

    assert turn.queue(str) == ()
    assert turn.join("c").done()


async def test_a_queue_is_told_by_class() -> None:
    turn = Turn()
    for user in ("a", 1, "b"):
        turn.join(user)

    assert turn.queue(int) == (1,)
