"""Writes the variables in a separate process, whatever they do to it.

A supervisor starts a worker, which writes the variables; if it crashes or does not end, its current
variable is named and another worker continues without it. The answer goes through a pipe that the
server holds open: it ends with the last process that writes to it, and the supervisor ends when
the server closes it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import mmap
import os
import select
import signal
import struct
import sys
from typing import Any

from .clock import Clock
from .process import KERNEL, resources, standard_objects, states_here
from .saving import save_to
from .words import TooSlow, the_shell

NOWHERE = -1

BESIDE = struct.Struct("qdq")
"""A worker's progress: the current variable, its start by the clock, and bytes written."""

PACE = 20_000_000
"""Bytes for which a variable gets one more second."""

MARGIN = 1.0
"""Seconds after which a worker that has not ended a slow variable itself is killed."""

PART = 0.9
"""Share of the time for writing; after it the remaining variables are named."""

STACK = 112 << 20
"""Bytes that Linux leaves free below the stack of a main thread."""

DEPTH = 120_000
"""Levels of recursion that fit into it."""

MORE_MEMORY = 1 << 30
"""Bytes that a worker may use, beyond twice those that it may write."""


def supervise(pipe: int, states: dict[str, Any], *given: Any) -> None:
    """Save in a process made for that alone, and end it.

    ``states`` were read in the kernel.
    """
    answer = b""
    try:
        supervisor = Supervisor(pipe, *given)
        supervisor.states.update(states)
        quieten(pipe)
        answer = supervisor.answer()
    except BaseException as err:  # noqa: BLE001  # otherwise nothing reports it
        answer = raised(err)
    finally:
        os.set_blocking(pipe, True)
        with contextlib.suppress(OSError):
            write(pipe, answer)
        os._exit(0)


def raised(err: BaseException) -> bytes:
    """The answer when an exception has ended a save."""
    return json.dumps({"raised": [type(err).__name__, str(err)[:200]]}).encode()


def write(into: int, answer: bytes) -> None:
    """Write all of the answer to a pipe."""
    while answer:
        answer = answer[os.write(into, answer) :]


class Supervisor:
    """The process that starts workers until one has finished."""

    def __init__(
        self,
        pipe: int,
        path: str,
        max_bytes: int,
        seconds: float,
        each: float,
        patience: float,
    ) -> None:
        self.clock = Clock(patience)
        self.states = states_here()
        self._standard = standard_objects()
        self._pipe = pipe
        self._path = path
        self._max_bytes = max_bytes
        self._each = each
        self._deadline = self.clock.now() + seconds
        self._lost: dict[str, str] = {}

    def answer(self) -> bytes:
        """The answer of the save."""
        found = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        self._beside = mmap.mmap(-1, BESIDE.size)
        self.states["resources"] = resources()
        while True:
            self._say(NOWHERE, 0)
            answer, why = self._worked(found)
            if answer:
                return answer
            name = self._name_at_hand()
            if not name or name in self._lost or self.clock.now() > self._deadline:
                with contextlib.suppress(OSError):
                    os.unlink(self._path)
                msg = f"{why}{' at ' + name if name else ''}"
                raise RuntimeError(msg)
            self._lost[name] = why

    def _name_at_hand(self) -> str:
        number, _, _ = BESIDE.unpack(self._beside[:])
        name = list(the_shell().user_ns)[number] if number >= 0 else ""
        return name if type(name) is str else ""

    def _worked(self, found: int) -> tuple[bytes, str]:
        """The answer of a worker, or the reason why there is none."""
        out, into = os.pipe()
        os.ftruncate(found, 0)
        os.lseek(found, 0, os.SEEK_SET)
        self.clock.go()
        worker = os.fork()
        if worker == 0:
            try:
                os.close(out)
                write(into, self._work(found))
            finally:
                os._exit(0)
        os.close(into)
        try:
            answer, why = self._heard(out)
        finally:
            os.close(out)
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)  # our child: not reaped yet
            _, status = os.waitpid(worker, 0)
        crash = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if answer and not why:
            return answer, ""
        return b"", why or f"pickling it ended the process (signal {crash})"

    def _heard(self, out: int) -> tuple[bytes, str]:
        """Read everything that a worker writes, unless it takes too long."""
        poller = select.poll()
        poller.register(out, select.POLLIN)
        poller.register(self._pipe, 0)  # signalled when the server has closed it
        pieces: list[bytes] = []
        while True:
            number, since, written = BESIDE.unpack(self._beside[:])
            until = self._deadline + MARGIN
            if number != NOWHERE:
                until = min(until, since + self._each + written / PACE + MARGIN)
            left = until - self.clock.now()
            if left <= 0:
                return b"", "it takes longer than one variable may"
            # The start of a variable wakes nothing: with ten thousand variables that would be slow.
            for fd, _ in poller.poll(min(left, self._each) * 1000 + 1):
                if fd == self._pipe:
                    with contextlib.suppress(OSError):
                        os.unlink(self._path)
                    msg = "the server is gone"
                    raise RuntimeError(msg)
                piece = os.read(out, 1 << 16)
                if not piece:
                    return b"".join(pieces), ""
                pieces.append(piece)

    def _work(self, found: int) -> bytes:
        """The work of a worker."""
        try:
            bounded(2 * self._max_bytes + MORE_MEMORY)
            signal.signal(signal.SIGALRM, lambda *_: self._check_pace())
            signal.setitimer(signal.ITIMER_REAL, self._each, self._each / 4)
            now = self.clock.now()
            answer = save_to(
                os.dup(found),
                self._max_bytes,
                now + (self._deadline - now) * PART,
                self._lost,
                self,
                self._standard,
                self.states,
            )
            signal.setitimer(signal.ITIMER_REAL, 0)
            return json.dumps({"value": {"saved": answer, "process": os.getppid()}}).encode()
        except BaseException as err:  # noqa: BLE001  # the failure is reported
            return raised(err)

    def begin(self, sink: Any) -> None:
        """Written data goes there."""
        self._sink = sink

    def at(self, number: int) -> None:
        """The worker begins a variable, or has none."""
        self._from = self._sink.position
        self._say(number, 0)

    def _check_pace(self) -> None:
        """Interrupt a variable that takes too long, if its code can be interrupted."""
        number, since, _ = BESIDE.unpack(self._beside[:])
        if number == NOWHERE:
            return
        written = self._sink.position - self._from
        self._beside[:] = BESIDE.pack(number, since, written)
        if self.clock.now() > since + self._each + written / PACE:
            raise TooSlow

    def _say(self, number: int, written: int) -> None:
        self._beside[:] = BESIDE.pack(number, self.clock.now(), written)


def quieten(pipe: int) -> None:
    """Release what the process shares with the kernel: its sockets, pipes, files and signals."""
    sys.settrace(None)
    sys.setprofile(None)
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.write = stream.flush = lambda *_: 0  # type: ignore[method-assign]
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    # Not closed: files opened later would get their numbers. What is written goes nowhere, and
    # what reads is told that it cannot.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for name in descriptors():
        if int(name) not in (pipe, nowhere):
            with contextlib.suppress(OSError):
                os.fstat(int(name))
                os.dup2(nowhere, int(name))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # if memory is short, this process is killed first
    with contextlib.suppress(OSError):
        os.nice(5)


def descriptors() -> list[str]:
    """The open descriptors, by number."""
    # A sandbox may show the kernel's alone: it had the same when this process was made.
    for folder in ("/proc/self/fd", f"/proc/{KERNEL}/fd"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            return os.listdir(folder)
    return os.listdir("/dev/fd")


def bounded(memory: int) -> None:
    """Limit a worker's memory, stack and recursion depth; it leaves no core dump."""
    resource: Any = importlib.import_module("resource")  # not on Windows

    def limit(which: int, size: int) -> None:
        _, hard = resource.getrlimit(which)
        wanted = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(which, (wanted, hard))

    with contextlib.suppress(OSError, ValueError):
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_STACK, STACK)
        with open(f"/proc/{KERNEL}/statm") as file:
            limit(resource.RLIMIT_AS, int(file.read().split()[0]) * mmap.PAGESIZE + memory)
    sys.setrecursionlimit(DEPTH)
