"""Starts a save in a copy of the kernel's process, so that the kernel waits for a fork only.

The copy is of one moment, whatever runs in the kernel afterwards, and nothing that happens in it
can harm the session: see `supervising`. It answers through a pipe that the server holds open.

Where a copy cannot be made, or would not have what the kernel has (Windows, macOS, a GPU in use),
the save runs in the kernel; it ends when the server removes its file.
"""

from __future__ import annotations

import _thread
import gc
import os
import signal
import sys
import warnings
from typing import Any

GPUS = ("cupy", "jax", "tensorflow", "pycuda", "mlx")
"""Modules whose values are in memory that a forked process cannot read."""


def begin(
    source: str,
    path: str,
    reply: str,
    max_bytes: int,
    seconds: float,
    each: float,
    patience: float,
) -> dict[str, Any]:
    """Begin a save, or do all of it here if it cannot be done in a copy.

    ``source`` is the code that saves; ``reply`` is the pipe, empty if there is none; a variable
    gets ``each`` seconds. A copy may wait for the disk for ``patience`` seconds more.
    """
    if not reply or not is_copied_well():
        space: dict[str, Any] = {"__name__": "jupyter_mcp_ext_saving"}
        try:
            exec(compile(source, "<jupyter_mcp_ext>", "exec", dont_inherit=True), space)
            return {"saved": space["save"](path, max_bytes, seconds)}
        finally:
            space.clear()
    pipe = os.open(reply, os.O_WRONLY | os.O_NONBLOCK)
    states = changed_in_copies()
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child = copied()
        if child == 0:
            save_apart(source, pipe, states, path, max_bytes, seconds, each, patience)
        reap_later(child)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        os.close(pipe)
    return {"begun": True}


def is_copied_well() -> bool:
    """Whether a forked copy of this process has everything that it has."""
    if sys.platform in ("darwin", "win32") or not hasattr(os, "fork"):
        return False
    torch: Any = sys.modules.get("torch")
    has_gpu = torch is not None and getattr(torch, "cuda", None) is not None
    if has_gpu and torch.cuda.is_initialized():
        return False
    return not any(name in sys.modules for name in GPUS)


def copied() -> int:
    """A fork, without newer Pythons' warning about threads: the copy uses none."""
    # The list is put back: functions of ``warnings`` would make other warnings appear again.
    quiet = ("ignore", None, Warning, None, 0)
    warnings.filters.insert(0, quiet)  # type: ignore[attr-defined]
    try:
        return os.fork()
    finally:
        warnings.filters.remove(quiet)  # type: ignore[attr-defined]


def changed_in_copies() -> dict[str, Any]:
    """The states that a fork changes, or that change here before they are saved."""
    states: dict[str, Any] = {"collection": (gc.isenabled(), gc.get_threshold())}
    if "random" in sys.modules:  # a copy gets new seeds
        states["random"] = sys.modules["random"].getstate()
    return states


def save_apart(source: str, *given: Any) -> None:
    """In the copy: save in a child process, for which the kernel does not wait, and exit."""
    try:
        gc.disable()  # no finalizer of the session runs in a copy
        os.setsid()
        kernel = os.getppid()
        if os.fork() == 0:
            space: dict[str, Any] = {"__name__": "jupyter_mcp_ext_saving"}
            exec(compile(source, "<jupyter_mcp_ext>", "exec", dont_inherit=True), space)
            space["KERNEL"] = kernel
            space["supervise"](*given)
    finally:
        os._exit(0)


def reap_later(child: int) -> None:
    """Wait for the copy in a thread: it exits once it has forked in turn, which takes as long.

    The names of this module are gone by then.
    """

    def reap(wait: Any = os.waitpid, gone: Any = OSError) -> None:
        try:
            wait(child, 0)
        except gone:  # the session ignores its children
            return

    try:
        _thread.start_new_thread(reap, ())
    except RuntimeError:  # the session may have no more threads
        reap()
