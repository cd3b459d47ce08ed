"""Pools of threads and processes."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from jupyter_mcp_ext.in_kernel.snapshot.pools import is_pool, pool_reduced
from tests.in_kernel.snapshot.reducing import made


class Own(ThreadPoolExecutor):
    """Has a way of its own."""


def test_an_idle_pool_comes_back_as_a_new_one() -> None:
    with (
        ThreadPoolExecutor(3, thread_name_prefix="mine") as pool,
        made(pool_reduced(pool)) as again,
    ):
        assert again._max_workers == 3
        assert again.submit(sum, [1, 2]).result() == 3
    with ProcessPoolExecutor(2) as processes, made(pool_reduced(processes)) as again:
        assert again._max_workers == 2


def test_a_pool_that_is_shut_down_or_has_an_initializer_is_refused() -> None:
    ended = ThreadPoolExecutor(1)
    ended.shutdown()
    with ThreadPoolExecutor(1, initializer=print) as prepared:
        for pool in (ended, prepared):
            with pytest.raises(TypeError, match="shut down or has an initializer"):
                pool_reduced(pool)


def test_only_pools_of_the_standard_library_are_pools() -> None:
    kinds: list[Any] = [ThreadPoolExecutor, ProcessPoolExecutor, Own, dict]

    assert [is_pool(kind) for kind in kinds] == [True, True, False, False]
