"""Pools of threads and processes: an idle one is as good as a new one."""

from __future__ import annotations

import importlib
from typing import Any

from .functions import Reduced
from .words import text_of

THREADS = "concurrent.futures.thread"

PROCESSES = "concurrent.futures.process"


def is_pool(kind: Any) -> bool:
    """Whether it is one of the pools of ``concurrent.futures``, and no subclass."""
    return (text_of(kind, "__module__"), text_of(kind, "__qualname__")) in {
        (THREADS, "ThreadPoolExecutor"),
        (PROCESSES, "ProcessPoolExecutor"),
    }


def pool_reduced(pool: Any) -> Reduced:
    """A pool that is open and idle. Its workers' ``initializer`` is not run again."""
    if type(pool).__name__ == "ThreadPoolExecutor":
        is_open = not pool._shutdown and not pool._broken
        is_idle = pool._work_queue.empty() and pool._idle_semaphore._value == len(pool._threads)
        parts: Any = (make_thread_pool, (pool._max_workers, pool._thread_name_prefix))
    else:
        is_open = not pool._shutdown_thread and not pool._broken
        is_idle = not pool._pending_work_items
        parts = (make_process_pool, (pool._max_workers, pool._mp_context.get_start_method()))
    if not is_open or not is_idle or pool._initializer is not None:
        msg = "a pool that is at work, shut down or has an initializer cannot be pickled"
        raise TypeError(msg)
    return parts


def make_thread_pool(size: int, prefix: str) -> Any:
    """A pool of threads, which starts them when it gets work."""
    made: Any = importlib.import_module(THREADS).ThreadPoolExecutor(size)
    made._thread_name_prefix = prefix
    return made


def make_process_pool(size: int, method: str) -> Any:
    """A pool of processes, which starts them when it gets work."""
    context = importlib.import_module("multiprocessing").get_context(method)
    return importlib.import_module(PROCESSES).ProcessPoolExecutor(size, context)
