"""The control groups of kernels, in which the Linux kernel enforces limits on all their processes.

Those of one server are in a group of its own below the server's, ``jmcp-<namespace>-<pid>``, whose
limits are those of all kernels together. What can be, is a file that is read or written: nothing
here waits.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from .bounds import Bounds, Use
from .ending import kill
from .hierarchies import CONTROLLERS, Folders, Unavailable, enable, parents
from .virtual import Held, counter, number, read

PREFIX = "jmcp"
PERIOD = 100_000
"""Microseconds over which a share of the processors is counted."""

LEAST = 1_000
"""The smallest share that Linux takes."""

CACHED = (b"inactive_file", b"active_file")
"""The memory of files that were read or written, which Linux takes back when it needs some."""


class Group:
    """The group of one kernel, or of all kernels of a server."""

    def __init__(self, version: int, folders: Folders, above: Group | None = None) -> None:
        """``above`` is the group in which it is."""
        self.version = version
        self.is_leaving = False
        """Whether it goes with the last group in it."""
        self._folders = folders
        self._above = above
        self._held = Held()

    @property
    def folders(self) -> Sequence[Path]:
        """Where it is."""
        return list(dict.fromkeys(self._folders.values()))

    @property
    def procs(self) -> Sequence[Path]:
        """The files into which a process writes itself to join."""
        return [folder / "cgroup.procs" for folder in self.folders]

    def pids(self) -> list[int]:
        """Its processes."""
        try:
            return [int(pid) for pid in self.procs[0].read_text().split()]
        except OSError:
            return []

    def make(self, bounds: Bounds) -> None:
        """Make it with these limits. Raises OSError."""
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
        for controller, file, value in _settings(self.version, bounds):
            (self._folders[controller] / file).write_text(value)
        if bounds.memory:
            with contextlib.suppress(OSError):  # without swap there is no such file
                self._no_swap(bounds.memory)

    def limit_cpu(self, cpu: float) -> None:
        """Change how many cores its processes may use. Raises OSError."""
        for controller, file, value in _settings(self.version, Bounds(cpu=cpu)):
            if controller == "cpu":
                (self._folders[controller] / file).write_text(value)

    def use(self) -> Use:
        """What its processes use."""
        return Use(
            memory=self._memory(),
            cpu_seconds=self.cpu_seconds(),
            processes=number(self._file("pids", "pids.current")),
        )

    def cpu_seconds(self) -> float:
        """The CPU time of its processes, also of those that have ended."""
        if self.version == 1:
            return number(self._file("cpuacct", "cpuacct.usage")) / 1e9
        with contextlib.suppress(OSError):
            return counter(read(self._file("cpu", "cpu.stat")), b"usage_usec") / 1e6
        return 0.0

    def peak(self) -> int:
        """The most memory that its processes have used; the limit, where that is not known."""
        if self.version == 1:
            return number(self._file("memory", "memory.max_usage_in_bytes"))
        peak = number(self._file("memory", "memory.peak"))  # since Linux 5.19
        return peak or number(self._file("memory", "memory.max"))

    def peak_processes(self) -> int:
        """The most processes that it has had; the limit, where that is not known."""
        peak = number(self._file("pids", "pids.peak"))  # since Linux 6.1
        return peak or number(self._file("pids", "pids.max"))

    def kills(self) -> int:
        """How many of its processes were killed for lack of memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return self._held.counter(self._file("memory", name), b"oom_kill")

    def refusals(self) -> int:
        """How often no process could be started since there were too many."""
        return self._held.counter(self._file("pids", "pids.events"), b"max")

    def kill(self) -> None:
        """Kill its processes, and wait until they have ended. Blocks shortly."""
        with contextlib.suppress(OSError):  # what is killed starts no others
            (self._folders["pids"] / "pids.max").write_text("0")
        with contextlib.suppress(OSError):
            (self._folders["memory"] / "cgroup.kill").write_text("1")
        kill(self.pids, lambda _: set(self.pids()))

    def leave(self) -> None:
        """Remove it, now or with the last group in it."""
        self.is_leaving = True
        self.remove()

    def remove(self) -> None:
        """Remove it once no process is in it."""
        self._held.close()
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if self._above is not None and self._above.is_leaving:
            self._above.remove()

    def _memory(self) -> int:
        """Bytes that cannot be taken back."""
        name, total = ("usage_in_bytes", b"total_") if self.version == 1 else ("current", b"")
        used, cached = number(self._file("memory", f"memory.{name}")), 0
        with contextlib.suppress(OSError):
            stat = read(self._file("memory", "memory.stat"))
            cached = sum(counter(stat, total + each) for each in CACHED)
        return max(0, used - cached)

    def _file(self, controller: str, name: str) -> str:
        return f"{self._folders[controller]}/{name}"

    def _no_swap(self, memory: int) -> None:
        folder = self._folders["memory"]
        if self.version == 1:
            (folder / "memory.memsw.limit_in_bytes").write_text(str(memory))
        else:
            (folder / "memory.swap.max").write_text("0")


class Groups:
    """The groups of one server's kernels."""

    def __init__(self, version: int, parents: Folders) -> None:
        self._parents = parents
        self._own = Group(version, {name: path / _own_name() for name, path in parents.items()})
        self.version = version

    @classmethod
    def make(cls, bounds: Bounds) -> Groups:
        """The groups of a server, in its own group; ``bounds`` are those of all kernels.

        Those of servers that were killed are removed. Raises Unavailable.
        """
        version, found = parents()
        made = cls(version, found)
        try:
            made._sweep()
            made._make(bounds)
        except OSError as err:
            made.close()
            msg = f"control groups cannot be made ({err.strerror}: {err.filename})"
            raise Unavailable(msg) from err
        return made

    def of(self, name: str) -> Group:
        """The group of the kernel with this name; it need not exist."""
        folders = {k: path / _own_name() / name for k, path in self._parents.items()}
        return Group(self.version, folders, self._own)

    def close(self) -> None:
        """Remove the group of all kernels, now or when the last kernel has ended."""
        self._own.leave()

    def _make(self, bounds: Bounds) -> None:
        self._own.make(bounds)
        if self.version == 2:
            enable(self._own.folders[0])
        probe = self.of("probe")
        probe.make(bounds)
        probe.remove()

    def _sweep(self) -> None:
        """Remove the groups of servers that no longer run."""
        for parent in self._parents.values():
            for folder in parent.glob(f"{PREFIX}-*"):
                if _is_left(folder.name):
                    _clear(
                        Group(self.version, {k: p / folder.name for k, p in self._parents.items()})
                    )


def _settings(version: int, bounds: Bounds) -> Iterator[tuple[str, str, str]]:
    """The files of a group's limits: controller, name, content."""
    quota = str(max(LEAST, int(bounds.cpu * PERIOD))) if bounds.cpu else None
    if version == 1:
        yield "memory", "memory.limit_in_bytes", str(bounds.memory or -1)
        yield "cpu", "cpu.cfs_quota_us", quota or "-1"
    else:
        yield "memory", "memory.max", str(bounds.memory or "max")
        yield "cpu", "cpu.max", f"{quota or 'max'} {PERIOD}"
    yield "pids", "pids.max", str(bounds.processes or "max")


def _own_name() -> str:
    return f"{PREFIX}-{_namespace()}-{os.getpid()}"


def _namespace() -> int:
    """The PID namespace: numbers of processes in others mean nothing here."""
    return Path("/proc/self/ns/pid").stat().st_ino


def _is_left(name: str) -> bool:
    """Whether a group is that of a server which no longer runs, before this one makes its own."""
    found = re.fullmatch(rf"{PREFIX}-{_namespace()}-([0-9]+)", name)
    if found is None:
        return False
    # A process may have the number of an earlier one.
    return int(found[1]) == os.getpid() or not psutil.pid_exists(int(found[1]))


def _clear(group: Group) -> None:
    """Remove a group and those in it, with their processes."""
    for folder in group.folders:
        for inner in _children(folder):
            one = Group(group.version, dict.fromkeys(CONTROLLERS[2], inner))
            one.kill()
            one.remove()
    group.remove()


def _children(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if each.is_dir()]
    except OSError:
        return []
