"""Real control groups; collected only where some can be made, which `means.HAS_GROUPS` tells."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec

from jupyter_mcp_ext.sandbox.limits.bounds import Bounds
from jupyter_mcp_ext.sandbox.limits.cgroups import Group, Groups
from jupyter_mcp_ext.sandbox.limits.command import prefix
from jupyter_mcp_ext.sandbox.limits.meter import Meter
from jupyter_mcp_ext.sandbox.limits.provisioner import LimitedProvisioner
from tests.sandbox.limits.means import HAS_UNIFIED, unified_group
from tests.sandbox.limits.test_watchdog import limited_alone


@pytest.fixture
def group() -> Iterator[Group]:
    """The group of a kernel, without limits."""
    groups = Groups.make(Bounds())
    made = groups.of("k1")
    made.make(Bounds())
    yield made
    made.kill()
    made.remove()
    groups.close()


@pytest.fixture(params=["group", "unified"] if HAS_UNIFIED else ["group"])
def any_group(request: pytest.FixtureRequest) -> Group:
    """A group of the version in use, and one of version 2."""
    found: Group = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def unified() -> Iterator[Group]:
    """A group of version 2."""
    made = unified_group()
    assert made is not None
    yield made
    made.kill()
    made.remove()


BURNS = "until = time.process_time() + 0.1\nwhile time.process_time() < until: pass"


def test_processes_join_a_group_are_measured_and_end_with_it(any_group: Group) -> None:
    code = f"import time\n{BURNS}\nprint(flush=True)\ntime.sleep(600)"
    command = [*prefix(Bounds(), any_group.procs), sys.executable, "-c", code]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    for each in started:
        assert each.stdout is not None
        each.stdout.readline()
        each.stdout.close()

    assert sorted(any_group.pids()) == sorted(each.pid for each in started)
    assert any_group.cpu_seconds() >= 0.3

    any_group.kill()

    assert [each.wait(20) for each in started] == [-signal.SIGKILL] * 3
    any_group.remove()
    assert not any(folder.exists() for folder in any_group.folders)


def test_groups_of_an_earlier_server_with_the_same_number_are_removed() -> None:
    group = Groups.make(Bounds()).of("k1")
    group.make(Bounds())
    command = [*prefix(Bounds(), group.procs), "/bin/sh", "-c", "echo; exec sleep 600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as left:
        assert left.stdout is not None
        left.stdout.readline()

        later = Groups.make(Bounds())

        assert left.wait(20) == -signal.SIGKILL
    assert not group.folders[0].exists()
    later.close()


async def test_a_kernel_that_could_not_be_started_leaves_no_group(
    group: Group, tmp_path: Path
) -> None:
    spec = KernelSpec(argv=["true"])
    provisioner = LimitedProvisioner(kernel_id="1", kernel_spec=spec, parent=None)
    provisioner.limited = limited_alone(lambda: group)

    with pytest.raises(FileNotFoundError):
        await provisioner.launch_kernel(["true"], env={}, cwd=str(tmp_path / "gone"))

    assert not [folder for folder in group.folders if folder.exists()]


CACHED = """
import sys
with open(sys.argv[1], "wb") as file:
    for _ in range(48):
        file.write(bytes(1 << 20))
for _ in range(3):
    with open(sys.argv[1], "rb") as file:
        while file.read(1 << 20):
            pass
much = b"1" * (16 << 20)
print(flush=True)
input()
"""


def test_what_linux_keeps_of_files_is_not_counted_as_memory(group: Group, tmp_path: Path) -> None:
    command = [*prefix(Bounds(), group.procs), sys.executable, "-c", CACHED, tmp_path / "file"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as started:  # type: ignore[call-overload]
        started.stdout.readline()
        used = group.use().memory
        started.kill()

    assert 16 << 20 < used < 48 << 20


BURN = """
import time
print(flush=True)
while True:
    input()
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    print(flush=True)
"""


def test_the_cpu_time_of_an_execution_begins_with_it(group: Group) -> None:
    command = [*prefix(Bounds(), group.procs), sys.executable, "-c", BURN]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as started:  # type: ignore[call-overload]
        started.stdout.readline()
        meter = Meter(started.pid, Bounds(), group=group, folders=())
        meter.begin()
        meter.look(0)
        started.stdin.write(b"\n")
        started.stdin.flush()
        started.stdout.readline()
        meter.end()
        meter.begin()
        meter.look(0)
        started.kill()

    assert meter.use.cpu_seconds < 0.15
