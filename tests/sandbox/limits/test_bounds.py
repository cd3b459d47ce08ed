"""What a limit that is hit is called, and what happens then."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.sandbox.limits.bounds import Bounds, Excess, Scope, Use, excesses
from jupyter_mcp_ext.sandbox.limits.judge import GRACE, STRIKES, Judge, soonest
from jupyter_mcp_ext.sandbox.limits.shares import shares

GB = 1 << 30


@pytest.mark.parametrize(
    ("name", "used", "limit", "scope", "words"),
    [
        ("memory", 2.1 * GB, 2 * GB, "session", "memory 2.1 GB of 2 GB (McpLimits.memory)"),
        (
            "memory",
            5 * GB,
            4 * GB,
            "user",
            "memory 5 GB of 4 GB that a user's kernels may use (McpLimits.memory_per_user)",
        ),
        (
            "processes",
            1_201,
            1_000,
            "all",
            "processes 1,201 of 1,000 that all kernels of agents may use "
            "(McpLimits.processes_in_all)",
        ),
        ("cpu_seconds", 61, 60, "session", "CPU time 61 s of 60 s (McpLimits.cpu_seconds)"),
    ],
)
def test_a_limit_that_is_hit_is_named_with_its_value_and_what_was_used(
    name: str, used: float, limit: float, scope: Scope, words: str
) -> None:
    assert Excess(name=name, used=used, limit=limit, scope=scope).words == words


def test_only_limits_that_are_set_and_exceeded_are_hit() -> None:
    use = Use(memory=100, cpu_seconds=5.0, processes=10, disk=7)

    found = excesses(use, Bounds(memory=99, cpu_seconds=5.0, disk=6))

    assert [excess.name for excess in found] == ["memory", "disk"]


def hit(name: str, used: float, limit: float = 100.0) -> Excess:
    return Excess(name=name, used=used, limit=limit)


@pytest.mark.parametrize("name", ["memory", "processes", "cpu_seconds"])
def test_code_is_interrupted_first_and_its_kernel_ended_if_it_goes_on(name: str) -> None:
    judge = Judge()

    judged = [judge.judge(hit(name, 101), at, rate=1.0) for at in (0, GRACE / 2, GRACE + 0.1)]

    assert judged == ["interrupt", None, "end"]


def test_a_kernel_that_has_given_back_what_was_too_much_is_interrupted_again_later() -> None:
    judge = Judge()
    judge.judge(hit("memory", 101), 0, rate=1.0)
    judge.settle(set())

    assert judge.judge(hit("memory", 101), 100, rate=1.0) == "interrupt"


def test_memory_that_grows_too_fast_ends_the_kernel_at_once() -> None:
    assert Judge().judge(hit("memory", 130), 0, rate=1.0) == "end"


def test_a_kernel_that_waits_is_not_interrupted_for_its_cpu_time() -> None:
    assert Judge().judge(hit("cpu_seconds", 101), 0, rate=0.01) is None


def test_a_kernel_that_has_stopped_writing_keeps_its_full_folder() -> None:
    judge, limit, full = Judge(), 1e9, 1.01e9

    judged = [judge.judge(hit("disk", full, limit), at, rate=0.0) for at in (0, 1.1, 2.2, 60)]

    assert judged == ["interrupt", None, None, None]


@pytest.mark.parametrize(("last", "action"), [(1.3e9, None), (1.4e9, "end")])
def test_what_is_written_until_an_interrupt_arrives_does_not_end_a_kernel(
    last: float, action: str | None
) -> None:
    judge, limit = Judge(), 1e9
    levels = [(0, 1.01e9), (0.5, 1.2e9), (1.1, 1.3e9), (2.2, last)]

    judged = [judge.judge(hit("disk", used, limit), at, rate=1.0) for at, used in levels]

    assert judged == ["interrupt", None, None, action]


def test_an_execution_is_interrupted_before_its_kernel_is_ended_though_another_was_before() -> None:
    judge, limit = Judge(), 1e9
    judge.judge(hit("disk", 1.1e9, limit), 0, rate=1.0)
    judge.execution_ended()
    levels = [(0.5, 1.2e9), (1.1, 1.3e9), (2.2, 1.5e9), (2.3, 1.6e9), (3.4, 1.7e9), (4.5, 1.8e9)]

    judged = [judge.judge(hit("disk", used, limit), at, rate=1.0) for at, used in levels]

    assert judged == [None, None, None, "interrupt", None, "end"]


def test_code_that_comes_back_to_fill_the_folder_ends_its_kernel() -> None:
    judge, limit, judged = Judge(), 1e9, []
    for number in range(STRIKES + 1):
        used, at = 1e9 + (number + 1) * 1e8, number * 100.0
        judged.append(judge.judge(hit("disk", used, limit), at, rate=0.0))
        for later in (1.1, 2.2):
            judge.judge(hit("disk", used, limit), at + later, rate=0.0)

    assert judged == [*["interrupt"] * STRIKES, "end"]


def test_the_next_look_comes_sooner_the_faster_a_limit_is_reached() -> None:
    before, bounds = Use(memory=100), Bounds(memory=1_000)

    assert soonest(Use(memory=200), before, bounds, 0.5) == pytest.approx(4.0)
    assert soonest(before, before, bounds, 0.5) == float("inf")


def test_the_cores_of_a_user_are_divided_between_the_kernels_that_are_busy() -> None:
    kernels = [("anna", 1.0), ("anna", 0.9), ("anna", 0.0), ("ben", 2.0)]

    assert shares(kernels, each=3.0, per_user=4.0, in_all=0.0) == [2.0, 2.0, 2.0, 3.0]
    assert shares(kernels, each=0.0, per_user=0.0, in_all=6.0) == [2.0] * 4
    assert shares(kernels, each=0.0, per_user=0.0, in_all=0.0) == [0.0] * 4
