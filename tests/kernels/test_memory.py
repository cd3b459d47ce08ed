"""Why a kernel was killed and how much memory it had: from real processes and real cgroups."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.kernels.memory import MemoryGroup, Peak, counter_file
from jupyter_mcp_ext.kernels.process import Exit, ProcessWatch
from tests.cgroups import joining, limited_group
from tests.engine import ALICE, printed, running, value

V1 = "4:memory:/docker/abc/kernels\n1:name=systemd:/x\n0::/\n"
V2 = "0::/user.slice/kernel.scope\n"


def mount(kind: str, root: str, point: str, options: str) -> str:
    return f"35 31 0:32 {root} {point} rw,relatime shared:9 - {kind} cgroup {options}\n"


@pytest.mark.parametrize(
    ("groups", "mounts", "counter"),
    [
        (
            V1,
            mount("cgroup", "/", "/cg/cpu", "rw,cpu") + mount("cgroup", "/", "/cg/m", "rw,memory"),
            "/cg/m/docker/abc/kernels/memory.oom_control",
        ),
        (  # a container: the mount shows the container's group and what is below it
            V1,
            mount("cgroup", "/docker/abc", "/cg/memory", "rw,memory"),
            "/cg/memory/kernels/memory.oom_control",
        ),
        (V2, mount("cgroup2", "/", "/cg", "rw"), "/cg/user.slice/kernel.scope/memory.events"),
        ("0::/../other\n", mount("cgroup2", "/", "/cg", "rw"), "/cg/memory.events"),
    ],
)
def test_a_processes_counter_is_found_in_either_hierarchy(
    groups: str, mounts: str, counter: str
) -> None:
    assert counter_file(groups, mounts) == Path(counter)


def test_a_system_that_mounts_no_cgroups_has_no_counter() -> None:
    assert counter_file(V2, mount("tmpfs", "/", "/", "rw")) is None


def test_the_smallest_limit_above_a_group_is_its_limit(tmp_path: Path) -> None:
    group = tmp_path / "outer" / "inner"
    group.mkdir(parents=True)
    (group.parent / "memory.max").write_text("1048576\n")
    (group / "memory.max").write_text("max\n")
    events = group / "memory.events"
    events.write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n")

    memory = MemoryGroup.at(events)

    assert memory.words(None) == "out of memory (limit 1 MB)"


def test_only_what_was_killed_since_the_last_mark_counts(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom_kill 1\n")
    memory = MemoryGroup.at(events)
    assert not memory.has_killed()

    events.write_text("oom_kill 2\n")
    assert memory.has_killed()
    memory.mark()

    assert not memory.has_killed()


def test_a_kill_is_explained_by_one_death_only(tmp_path: Path) -> None:
    """In a container all kernels share one cgroup."""
    events = tmp_path / "memory.events"
    events.write_text("oom_kill 0\n")
    killed, other = MemoryGroup.at(events), MemoryGroup.at(events)

    events.write_text("oom_kill 1\n")
    other.concede(killed)

    assert killed.has_killed()
    assert not other.has_killed()


def test_a_group_that_is_gone_has_killed_no_process(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom_kill 0\n")
    memory = MemoryGroup.at(events)

    events.unlink()

    assert not memory.has_killed()


@pytest.mark.parametrize(
    ("peak", "words"),
    [
        (Peak(bytes=990 * 1024**2, is_exact=True), "out of memory (peak 990 of 1000 MB)"),
        (Peak(bytes=1010 * 1024**2, is_exact=True), "out of memory (peak 1000 of 1000 MB)"),
        (
            Peak(bytes=200 * 1024**2, is_exact=True),
            "out of memory (peak 200 of 1000 MB, beside other processes)",
        ),
        (Peak(bytes=200 * 1024**2, is_exact=False), "out of memory (limit 1000 MB)"),
    ],
)
def test_the_words_tell_the_peak_and_the_limit(tmp_path: Path, peak: Peak, words: str) -> None:
    (tmp_path / "memory.events").write_text("oom_kill 0\n")
    (tmp_path / "memory.max").write_text(str(1000 * 1024**2 - 1))

    assert MemoryGroup.at(tmp_path / "memory.events").words(peak) == words


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a peak until the reaping")
async def test_the_peak_of_an_ended_process_is_known_without_an_earlier_look() -> None:
    # More than this process ever had: otherwise only an upper bound is known.
    end = await ended("x = b'x' * 1_500_000_000")

    assert end.peak is not None
    assert end.peak.is_exact
    assert 1_500_000_000 <= end.peak.bytes < 1_600_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a peak until the reaping")
async def test_a_peak_below_our_own_is_only_an_upper_bound() -> None:
    """A process that is forked and then runs another program inherits its parent's peak."""
    ours = bytearray(200_000_000)
    del ours

    end = await ended("pass")

    assert end.words.startswith("exit code 0, peak under ")


async def ended(code: str) -> Exit:
    process = subprocess.Popen([sys.executable, "-c", code])  # returns at once
    told: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
    assert ProcessWatch.start(process.pid, told.set_result) is not None
    try:
        return await asyncio.wait_for(told, 60)
    finally:
        process.wait()


async def test_a_kernel_that_its_cgroup_kills_is_said_to_be_out_of_memory(
    jp_serverapp: Any, jp_data_dir: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with limited_group() as group:
        folder = jp_data_dir / "kernels" / "limited"
        folder.mkdir(parents=True)
        spec = {"display_name": "Limited", "language": "python"}
        (folder / "kernel.json").write_text(json.dumps({**spec, "argv": joining(group)}))
        async with running(jp_serverapp) as engine:
            session, *_ = await engine.services.sessions.create(
                ALICE, name="limited", kernel_name="limited", path=None, cwd=None
            )

            wait = f"open({str(gate)!r}).read()"
            dead = await engine.start(
                f"print('begun', flush=True); {wait}\nx = b'x' * 500_000_000",
                session_id=session.id,
            )
            await engine.until_printed(dead, "begun\n")
            await asyncio.to_thread(gate.write_text, "go on")
            await engine.services.executions.settled(dead, 60)
            again = await engine.run("'lives'", session_id=session.id)
            killed = await engine.run("import os; os.kill(os.getpid(), 9)", session_id=session.id)

        assert dead.status == "dead"
        assert dead.reason.startswith("out of memory (")
        assert dead.reason.endswith("240 MB)")
        assert printed(dead) == "begun\n"
        assert value(again) == "'lives'"
        assert killed.reason.startswith("killed by signal 9 (SIGKILL)")
