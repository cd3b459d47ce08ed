"""Background tasks, timers, locks by key, and threads that are waited for."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable

import anyio
import pytest

from jupyter_mcp_ext.concurrency import InTurn, Locks, Tasks, Timer, Timers, to_its_end, undisturbed


async def test_a_task_that_nothing_else_refers_to_comes_to_its_end() -> None:
    tasks, done = Tasks(), asyncio.Event()

    async def work() -> None:
        await asyncio.get_running_loop().run_in_executor(None, gc.collect)
        done.set()

    tasks.start(work(), name="work")
    gc.collect()

    await done.wait()


async def test_closing_cancels_the_tasks_and_waits_for_their_end() -> None:
    tasks, ended = Tasks(), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(lambda: None)
            ended.append(True)

    task = tasks.start(work(), name="work")
    await asyncio.to_thread(lambda: None)  # it has begun

    await tasks.close()

    assert ended
    assert task.cancelled()


async def test_waiting_for_the_end_of_no_tasks_returns() -> None:
    await Tasks().ended()


async def test_a_timer_calls_its_function_with_the_arguments() -> None:
    called: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    timer = Timer()

    timer.set(0, called.set_result, "now")

    assert timer.is_set
    assert await called == "now"
    assert not timer.is_set


async def test_a_timer_that_is_set_again_calls_once() -> None:
    calls: list[str] = []
    done = asyncio.Event()
    timer = Timer()

    def call(name: str) -> None:
        calls.append(name)
        done.set()

    timer.set(0, call, "first")
    timer.set(0, call, "second")

    await done.wait()
    assert calls == ["second"]


async def test_a_timer_that_is_stopped_is_no_longer_set() -> None:
    timer = Timer()
    timer.set(60, lambda: None)
    assert 0 < timer.left <= 60

    timer.stop()

    assert not timer.is_set
    assert timer.left == 0


async def test_a_timer_can_be_set_again_by_the_call() -> None:
    timer, done = Timer(), asyncio.Event()

    timer.set(0, lambda: timer.set(0, done.set))

    await done.wait()


async def test_timers_call_with_their_keys_each_once() -> None:
    timers: Timers[str] = Timers()
    calls: list[str] = []
    done = asyncio.Event()

    def call(key: str) -> None:
        assert key not in timers
        calls.append(key)
        if len(calls) == 2:
            done.set()

    for key in ("a", "b", "a", "c"):
        timers.set(key, 0, call)
    timers.stop("c")

    await done.wait()
    assert sorted(calls) == ["a", "b"]


async def test_closed_timers_call_nothing() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 60, lambda _: None)

    timers.close()

    assert "a" not in timers


async def test_a_key_has_one_lock_while_it_is_held() -> None:
    locks: Locks[str] = Locks()

    async with locks.of("a"):
        gc.collect()

        assert locks.of("a").locked()
        assert not locks.of("b").locked()


async def test_a_cancellation_waits_for_the_end_of_what_a_thread_does() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        may_end.wait()
        ended.append(True)

    task = asyncio.create_task(to_its_end(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


async def test_a_scope_that_is_cancelled_takes_effect_at_the_end_and_wakes_no_one_before() -> None:
    turns: list[int] = []

    async def work() -> None:
        scope.cancel()
        for _ in range(50):
            await asyncio.sleep(0)
        turns.append(woken)

    woken, wait = 0, asyncio.wait

    async def counted(tasks: set[asyncio.Task[None]]) -> object:
        nonlocal woken
        woken += 1
        return await wait(tasks)

    with pytest.MonkeyPatch.context() as patch, anyio.CancelScope() as scope:
        patch.setattr(asyncio, "wait", counted)
        await undisturbed(work())

    assert turns == [1]
    assert scope.cancelled_caught


async def test_what_is_cancelled_in_a_scope_does_not_go_on_behind_undisturbed_work() -> None:
    async def fails() -> None:
        scope.cancel()
        raise OSError

    gone_on = False
    with anyio.CancelScope() as scope:
        await undisturbed(fails())
        gone_on = True

    assert not gone_on
    assert scope.cancelled_caught


async def test_calls_in_turn_never_overlap_and_keep_their_order() -> None:
    turns, began, may_end = InTurn(), threading.Event(), threading.Event()
    done: list[int] = []

    def first() -> None:
        began.set()
        may_end.wait()
        done.append(1)

    one = turns.run(lambda: first)
    two = turns.run(lambda: lambda: done.append(2))
    await asyncio.to_thread(began.wait)
    assert done == []
    may_end.set()

    await asyncio.gather(one, two)
    assert done == [1, 2]


async def test_a_call_in_turn_is_made_when_those_before_it_have_ended() -> None:
    turns, done = InTurn(), []
    one = turns.run(lambda: lambda: done.append(1))

    found = await turns.run(lambda: list(done).copy)

    assert (one.done(), found) == (True, [1])


async def test_a_call_in_turn_that_fails_or_is_cancelled_does_not_stop_the_next() -> None:
    turns, began, may_end = InTurn(), threading.Event(), threading.Event()

    def held() -> None:
        began.set()
        may_end.wait()

    cancelled = turns.run(lambda: held)
    fails = turns.run(lambda: lambda: 1 / 0)
    last = turns.run(lambda: lambda: "last")
    await asyncio.to_thread(began.wait)
    cancelled.cancel()
    may_end.set()

    assert await last == "last"
    with pytest.raises(ZeroDivisionError):
        await fails


async def test_a_call_in_turn_that_cannot_begin_fails_and_does_not_stop_the_next() -> None:
    turns = InTurn()

    def cannot_begin() -> Callable[[], None]:
        raise ZeroDivisionError

    fails = turns.run(cannot_begin)
    last = turns.run(lambda: lambda: "last")

    assert await asyncio.wait_for(last, 10) == "last"
    with pytest.raises(ZeroDivisionError):
        await fails
