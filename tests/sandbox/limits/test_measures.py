"""What is measured of processes and folders without control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_mcp_ext.sandbox.limits.bounds import Bounds
from jupyter_mcp_ext.sandbox.limits.cgroups import Group
from jupyter_mcp_ext.sandbox.limits.command import prefix
from jupyter_mcp_ext.sandbox.limits.disk import DiskUse
from jupyter_mcp_ext.sandbox.limits.ending import kill
from jupyter_mcp_ext.sandbox.limits.family import Family
from jupyter_mcp_ext.sandbox.limits.hierarchies import Unavailable, delegated, group_of
from jupyter_mcp_ext.sandbox.limits.meter import Meter
from tests.sandbox.test_endings import living

TREE = """
import subprocess, sys
much = b"1" * (50 << 20)
inner = "much = b'1' * (50 << 20); print(flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", inner])
input()
"""


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child, each with 50 MB, once both have it; they end with their input."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", TREE], **pipes) as started:  # type: ignore[call-overload]
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


def test_a_family_is_a_process_with_all_that_it_has_started(tree: subprocess.Popen[bytes]) -> None:
    family = Family(tree.pid)

    use = family.look()

    [child] = psutil.Process(tree.pid).children()
    assert family.pids == {tree.pid, child.pid}
    assert use.memory > 100 << 20
    assert 90 << 20 < family.memory() < use.memory
    assert use.processes == 2
    assert use.cpu_seconds > 0


def test_a_child_that_has_lost_its_parent_stays_in_the_family(
    tree: subprocess.Popen[bytes],
) -> None:
    family = Family(tree.pid)
    before = family.look()
    [child] = psutil.Process(tree.pid).children()
    tree.kill()
    tree.wait()

    after = family.look()

    assert family.pids == {child.pid}
    assert after.cpu_seconds >= before.cpu_seconds / 2
    family.kill()
    assert not living([child])


SCRATCH = "head -c 3000000 /dev/zero > /mnt/file; echo; read line"
SANDBOX = (
    *("bwrap", "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--tmpfs", "/mnt"),
    *("--proc", "/proc", "--dev", "/dev", "--", "/bin/sh", "-c", SCRATCH),
)


def test_files_in_the_memory_of_a_sandbox_are_memory() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(SANDBOX, **pipes) as started:  # type: ignore[call-overload]
        assert started.stdout is not None
        started.stdout.readline()
        meters = [
            Meter(started.pid, Bounds(), group=None, folders=(), scratch=scratch)
            for scratch in ((), ("/mnt",))
        ]
        for meter in meters:
            meter.look(0)
        started.kill()

    assert meters[1].use.memory >= meters[0].use.memory + 3_000_000


def test_a_folder_is_measured_in_steps(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for number in range(100):
        (tmp_path / "inner" / str(number)).write_bytes(bytes(8_192))
    (tmp_path / "link").symlink_to("/usr")
    disk = DiskUse([tmp_path], 1 << 40)

    steps = []
    while not disk.is_complete:
        steps.append(disk.look(budget=0.0, most=0.0))

    assert len(steps) > 3
    assert steps == sorted(steps)
    assert 100 * 8_192 <= steps[-1] < 200 * 8_192


def test_a_folder_that_was_emptied_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(1 << 20))
    disk = DiskUse([tmp_path], 1 << 40)
    before = disk.look(budget=1.0, most=1.0)
    (tmp_path / "big").unlink()

    assert before >= 1 << 20
    assert disk.look(budget=1.0, most=1.0) == 0


def test_a_command_is_given_its_limits_before_it_runs() -> None:
    bounds = Bounds(memory=512 << 20, file_bytes=8 << 20)
    code = (
        "import resource, signal;"
        "print(resource.getrlimit(resource.RLIMIT_DATA), resource.getrlimit(resource.RLIMIT_FSIZE))"
    )

    ran = subprocess.run(
        [*prefix(bounds, []), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == f"{(512 << 20, 512 << 20)} {(8 << 20, 8 << 20)}\n"


def test_a_command_whose_group_cannot_be_joined_does_not_run(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*prefix(Bounds(), [tmp_path / "gone/cgroup.procs"]), "/bin/echo", "ran"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode
    assert "ran" not in ran.stdout


BOUNDS = Bounds(memory=1 << 30, cpu=1.5, processes=100)


@pytest.mark.parametrize(
    ("version", "bounds", "written"),
    [
        (
            1,
            BOUNDS,
            {
                "memory.limit_in_bytes": "1073741824",
                "cpu.cfs_quota_us": "150000",
                "pids.max": "100",
            },
        ),
        (2, BOUNDS, {"memory.max": "1073741824", "cpu.max": "150000 100000", "pids.max": "100"}),
        (1, Bounds(), {"memory.limit_in_bytes": "-1", "cpu.cfs_quota_us": "-1", "pids.max": "max"}),
        (1, Bounds(cpu=0.001), {"cpu.cfs_quota_us": "1000"}),
        (2, Bounds(cpu=0.001), {"cpu.max": "1000 100000"}),
        (2, Bounds(), {"memory.max": "max", "cpu.max": "max 100000", "pids.max": "max"}),
    ],
)
def test_each_version_has_its_own_files_for_limits(
    tmp_path: Path, version: int, bounds: Bounds, written: dict[str, str]
) -> None:
    folders = dict.fromkeys(("memory", "pids", "cpu", "cpuacct"), tmp_path)

    Group(version, folders).make(bounds)

    assert {name: (tmp_path / name).read_text() for name in written} == written


BOTH = """\
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""


@pytest.mark.parametrize(
    ("controller", "groups", "mounts", "found"),
    [
        ("memory", "4:memory:/a/b\n0::/u\n", BOTH, (1, "/sys/fs/cgroup/memory/a/b")),
        ("pids", "4:memory:/a/b\n0::/u\n", BOTH, (2, "/sys/fs/cgroup/unified/u")),
        ("cpu", "0::/\n", "1 0 0:2 / /sys/fs/cgroup rw - cgroup2 none rw\n", (2, "/sys/fs/cgroup")),
        (
            "cpu",
            "0::/docker/1\n",
            "1 0 0:2 /docker/1 /sys/fs/cgroup rw - cgroup2 none rw\n",
            (2, "/sys/fs/cgroup"),
        ),
        ("cpu", "4:memory:/\n", BOTH, None),
    ],
)
def test_a_controllers_group_is_found_in_either_version(
    controller: str, groups: str, mounts: str, found: tuple[int, str] | None
) -> None:
    expected = None if found is None else (found[0], Path(found[1]))

    assert group_of(controller, groups, mounts) == expected


def test_a_group_of_systemd_that_is_not_delegated_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "service" / "server"
    (own / "cgroup.subtree_control").mkdir(parents=True)  # as a group with processes: not writable
    control = own.parent / "cgroup.subtree_control"
    control.touch()

    with pytest.raises(Unavailable, match="is not delegated to the server"):
        delegated(own)
    assert control.read_text() == ""
    os.setxattr(own.parent, "user.delegate", b"1")

    assert delegated(own) == own.parent
    assert control.read_text() == "+memory +pids +cpu"


@pytest.mark.parametrize(
    ("version", "files"),
    [
        (
            1,
            {
                "memory.usage_in_bytes": "1000",
                "memory.stat": "active_file 1\ntotal_inactive_file 300\ntotal_active_file 200\n",
            },
        ),
        (2, {"memory.current": "1000\n", "memory.stat": "inactive_file 300\nactive_file 200\n"}),
    ],
)
def test_what_can_be_taken_back_is_no_memory_in_use(
    tmp_path: Path, version: int, files: dict[str, str]
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    group = Group(version, dict.fromkeys(("memory", "pids", "cpu", "cpuacct"), tmp_path))

    assert group.use().memory == 500


REUSED = """
import os, pathlib, sys
from jupyter_mcp_ext.sandbox.limits.ending import kill
from jupyter_mcp_ext.sandbox.limits.family import Family

def start():
    ready, blocked = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(blocked)
        os.read(ready, 1)
        os._exit(0)
    os.close(ready)
    return pid, blocked

first, blocked = start()
family = Family(first)
if sys.argv[1] == "seen":
    family.look()
os.close(blocked)
os.waitpid(first, 0)
family.look()
pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(first - 1))
stranger, blocked = start()
assert stranger == first
use = family.look()
family.kill()
print(use.processes, os.waitpid(stranger, os.WNOHANG))
"""


@pytest.mark.parametrize("was", ["seen", "new"])
def test_a_stranger_with_the_number_of_a_process_that_has_ended_is_no_member(was: str) -> None:
    inside = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")

    ran = subprocess.run(
        [*inside, sys.executable, "-c", REUSED, was], capture_output=True, text=True, check=False
    )

    assert (ran.stdout, ran.stderr) == ("0 (0, 0)\n", "")


MANY = """
import subprocess
[subprocess.Popen(["sleep", "600"]) for _ in range(150)]
print(flush=True)
input()
"""


def test_many_processes_are_ended_with_few_open_files() -> None:
    open_files = []

    def living() -> list[int]:
        return [each.pid for each in children if each.is_running() and each.status() != "zombie"]

    def meant(pids: Collection[int]) -> Collection[int]:
        open_files.append(psutil.Process().num_fds())
        return pids

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", MANY], **pipes) as started:  # type: ignore[call-overload]
        assert started.stdout is not None
        started.stdout.readline()
        children = psutil.Process(started.pid).children()
        before = psutil.Process().num_fds()
        kill(living, meant)
        left = living()

    assert len(children) == 150
    assert not left
    assert before + 60 < max(open_files) < before + 140
