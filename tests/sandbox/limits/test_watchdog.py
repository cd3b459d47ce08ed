"""The thread that measures kernels: it goes on whatever happens, and ends what is left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import psutil
import pytest
from traitlets.config import Config

from jupyter_mcp_ext.sandbox.limits import watchdog
from jupyter_mcp_ext.sandbox.limits.bounds import Bounds, Excess
from jupyter_mcp_ext.sandbox.limits.cgroups import Group
from jupyter_mcp_ext.sandbox.limits.limited import Limited
from jupyter_mcp_ext.sandbox.limits.limits import McpLimits
from jupyter_mcp_ext.sandbox.limits.meter import Meter
from jupyter_mcp_ext.sandbox.limits.watchdog import Watchdog

LOG = logging.getLogger("test")

FORKS = """
import subprocess
left = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(left.pid, flush=True)
input()
"""


class Reports:
    """What a watchdog reports."""

    def __init__(self) -> None:
        self.count = 0
        self.changed = asyncio.Event()

    def __call__(self, _: Collection[Limited]) -> None:
        self.count += 1
        self.changed.set()

    async def more(self, count: int) -> None:
        """Wait for so many."""
        until = self.count + count
        while self.count < until:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 60)


class Failing(Limited):
    """Cannot be measured."""

    def look(self) -> float:
        raise MemoryError


class Hanging(Limited):
    """Measuring hangs, as a file system can, until it is let go."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.looked = threading.Event()
        self.go = threading.Event()

    def look(self) -> float:
        self.looked.set()
        self.go.wait(60)
        return 1.0


def limited_by(watch: Watchdog, kind: type[Limited] = Limited) -> Limited:
    return kind(Bounds(processes=100), Bounds(), watch, new_group=None, folder=None)


async def test_a_kernel_that_cannot_be_measured_leaves_the_others_their_limits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reports = Reports()
    watch = Watchdog(reports, LOG)
    try:
        watch.add(limited_by(watch, Failing))
        await reports.more(3)
    finally:
        watch.close()

    assert [r.getMessage() for r in caplog.records] == ["What a kernel uses could not be measured."]


async def test_measuring_that_hangs_does_not_keep_the_server_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watchdog, "PATIENCE", 0.1)
    watch = Watchdog(Reports(), LOG)
    hanging = limited_by(watch, Hanging)
    assert isinstance(hanging, Hanging)
    watch.add(hanging)
    await asyncio.to_thread(hanging.looked.wait, 20)

    watch.close()

    hanging.go.set()


async def test_what_a_dead_kernel_has_left_behind_is_ended_though_no_one_waits_for_it(
    tmp_path: Path,
) -> None:
    limits = McpLimits(root=tmp_path, config=Config(McpLimits={"processes": 100}))
    limited = limits.arguments("", {})["mcp_limits"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", FORKS], **pipes) as kernel:  # type: ignore[call-overload]
        left = psutil.Process(int(kernel.stdout.readline()))
        limited.started(kernel.pid, (), ())
        limited.look()
        kernel.kill()  # it stays a zombie

        await asyncio.to_thread(psutil.wait_procs, [left], 60)

        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        assert limited.meter is None
    await limits.close()


def test_a_process_whose_first_thread_has_ended_is_measured() -> None:
    code = (
        "import ctypes, threading, time\n"
        "def go():\n    print(flush=True)\n    time.sleep(600)\n"
        "threading.Thread(target=go).start()\n"
        "ctypes.PyDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        meter = Meter(started.pid, Bounds(), group=None, folders=())
        meter.look(0)
        meter.kill()

        assert meter.use.processes >= 1
        assert started.wait(20)


class Watching:
    """Has no thread: what is looked at is looked at by hand."""

    def add(self, limited: Limited) -> None:
        """A kernel's process runs."""

    def discard(self, limited: Limited) -> None:
        """It has ended."""


def limited_alone(new_group: Callable[[], Group] | None = None) -> Limited:
    return Limited(Bounds(cpu=1), Bounds(), Watching(), new_group=new_group, folder=None)


def burn(seconds: float) -> None:
    """Use so much CPU time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_cpu_time_of_an_earlier_execution_is_none_of_the_next() -> None:
    limited = limited_alone()
    limited.started(os.getpid(), (), ())
    limited.begin()
    burn(0.1)
    limited.look()
    before = limited.use
    limited.begin()

    assert before.cpu_seconds > 0
    assert limited.use == before.but(cpu_seconds=0.0)


def test_the_cpu_time_that_an_earlier_execution_has_used_since_a_look_is_none_of_the_next() -> None:
    limited = limited_alone()
    limited.started(os.getpid(), (), ())
    limited.begin()
    limited.look()
    burn(0.3)
    limited.end()
    limited.begin()
    limited.look()

    assert limited.use.cpu_seconds < 0.1


def test_an_execution_that_has_ended_is_not_interrupted_for_what_it_has_used() -> None:
    limited = limited_alone()
    limited.started(os.getpid(), (), ())
    limited.begin()
    burn(0.1)
    limited.look()
    running = limited.rate
    burn(0.1)
    limited.end()
    limited.look()
    ended = limited.rate
    burn(0.1)
    limited.look()

    assert running > 0
    assert ended == 0
    assert limited.use.cpu_seconds > 0.2
    assert limited.rate > 0  # in the background


def test_a_condemned_process_is_what_is_killed() -> None:
    limited = limited_alone()
    with subprocess.Popen(["sleep", "600"]) as kernel, subprocess.Popen(["sleep", "600"]) as later:
        limited.started(kernel.pid, (), ())
        meter = limited.condemn(Excess(name="memory", used=2, limit=1))
        limited.started(later.pid, (), ())

        assert meter is not None
        meter.kill()

        assert kernel.wait(20) < 0
        assert later.poll() is None
        later.kill()


def test_a_kernel_whose_processors_cannot_be_shared_is_measured(tmp_path: Path) -> None:
    group = Group(2, dict.fromkeys(("memory", "pids", "cpu"), tmp_path / "gone"))
    meter = Meter(os.getpid(), Bounds(cpu=1), group=group, folders=())

    meter.look(0.5)

    assert meter.elapsed > 0
