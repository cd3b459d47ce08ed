"""What the launcher is told to run a kernel under Landlock and seccomp, without namespaces.

Paths that no rule names can be neither read nor written (https://docs.kernel.org/userspace-api/
landlock.html). Rules add rights to a folder with all below it, and none takes some away: what is
not to be reached must not be below a folder that is named.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from jupyter_mcp_ext.in_kernel import texts

from . import directories, open_files, seccomp
from .bubblewrap import ON_NETWORK, PROCESSORS, SETTINGS, SYSTEM
from .confinement import Confinement

LAUNCHER = Path(__file__).parent / "launcher.py"

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
MAKE_SOCK, MAKE_FIFO, MAKE_SYM = 1 << 9, 1 << 10, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = EXECUTE | READ_FILE | READ_DIR
MAKE = MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
WRITE = READ | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE | REFER
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV

DEVICES = {
    **dict.fromkeys(("/dev/null", "/dev/zero", "/dev/full"), READ_FILE | WRITE_FILE),
    **dict.fromkeys(("/dev/random", "/dev/urandom"), READ_FILE),
    **dict.fromkeys(("/dev/tty", "/dev/ptmx"), DEVICE),
}

PROC = (
    *("meminfo", "cpuinfo", "stat", "loadavg", "uptime", "version", "filesystems"),
    *("sys/kernel/osrelease", "sys/kernel/ostype", "sys/kernel/pid_max", "sys/kernel/random/uuid"),
    *("sys/kernel/cap_last_cap", "sys/kernel/ngroups_max", "sys/kernel/threads-max"),
    *("sys/vm/overcommit_memory", "sys/vm/max_map_count", "sys/fs/file-max"),
    *("sys/fs/pipe-max-size", "sys/net/core/somaxconn"),
)
"""What can be read in ``/proc`` of the machine; no secret, and no process."""

OWN_PROC = {
    **dict.fromkeys(("stat", "statm", "status", "environ", "cmdline", "auxv", "limits"), READ_FILE),
    **dict.fromkeys(("maps", "smaps", "smaps_rollup", "io", "oom_score"), READ_FILE),
    **dict.fromkeys(("comm", "oom_score_adj"), READ_FILE | WRITE_FILE),
    "fd": READ_DIR,
}
"""What can be read in it of the kernel itself. Folders of threads would show the network too."""

WITHOUT_HISTORY = "--HistoryManager.hist_file=:memory:"
"""For ipykernel: a new home is on the disk here, and the start would wait for it several times."""

HOME, TEMPORARY = "home", "tmp"
"""Folders in the kernel's directory."""

CONFIGURATION = ".ipython/profile_default/ipython_kernel_config.py"
"""Where ipykernel looks for its configuration in a home."""

Rule = tuple[str, int]


def environment(directory: Path) -> dict[str, str]:
    """The variables that say where things are in the sandbox."""
    home, temporary = str(directory / HOME), str(directory / TEMPORARY)
    # Git would end because of the system's settings, which it may not read.
    return {"HOME": home, "TMPDIR": temporary, "USER": "jupyter", "GIT_CONFIG_NOSYSTEM": "1"}


def prepare(directory: Path) -> None:
    """Have new folders, and no sockets, in a kernel's directory. Blocks. Raises OSError."""
    directories.clear(directory)
    for name in (HOME, TEMPORARY):
        (directory / name).mkdir(mode=0o700)
    configuration = directory / HOME / CONFIGURATION
    configuration.parent.mkdir(parents=True)
    configuration.write_text(texts.configuration(), encoding="utf-8")


def command(plan_fd: int) -> list[str]:
    """The command of the launcher."""
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(plan_fd)]


def plan(
    confinement: Confinement,
    directory: Path,
    kernel: Sequence[str],
    *,
    status_fd: int,
    readable: Sequence[Path] = (),
) -> bytes:
    """What the launcher reads; it reports the kernel's process on ``status_fd``. Blocks."""
    has_network = confinement.network == "host"
    proc = [path for name in PROC if os.path.exists(path := f"/proc/{name}")]  # noqa: PTH110
    return marshal.dumps(
        {
            "server": os.getpid(),
            "status": status_fd,
            "command": [*kernel, *([WITHOUT_HISTORY] if "ipykernel_launcher" in kernel else [])],
            "cwd": str(confinement.cwd),
            "all_files": open_files.packed(open_files.most()),
            "its_files": open_files.packed(open_files.limits()),
            "has_network": has_network,
            "filter": seccomp.program(has_inet=has_network, has_namespaces=False),
            "rules": [*_rules(confinement, directory, readable), *((p, READ_FILE) for p in proc)],
            "proc": proc,
            "own_proc": list(OWN_PROC.items()),
        }
    )


def _rules(confinement: Confinement, directory: Path, readable: Sequence[Path]) -> Iterator[Rule]:
    on_network = ON_NETWORK if confinement.network == "host" else ()
    system = (*SYSTEM, *SETTINGS, *on_network, PROCESSORS)
    for path in (*map(Path, system), *confinement.programs):
        for shown in _around(path.resolve(), [each.resolve() for each in confinement.hidden]):
            yield str(shown), READ
    sessions = [confinement.sessions] if confinement.sessions is not None else []
    for path in (*confinement.readable, *readable):
        for shown in _around(path, sessions):
            yield str(shown), READ
    if confinement.kept is not None:
        yield str(confinement.kept), READ
    if confinement.handed is not None:
        yield str(confinement.handed), WRITE
    for path in (confinement.folder, *confinement.writable):
        yield str(path), WRITE
    # Sockets can be made there, and not be replaced.
    yield str(directory), MAKE_SOCK
    for name in (HOME, TEMPORARY):
        yield str(directory / name), WRITE
    yield from ((path, rights) for path, rights in DEVICES.items() if os.path.exists(path))  # noqa: PTH110


def _around(path: Path, hidden: Sequence[Path]) -> Iterator[Path]:
    """A path, or if something in it is hidden, what is beside that."""
    if not path.exists() or path in hidden:
        return
    if not any(each.is_relative_to(path) for each in hidden):
        yield path
        return
    for inner in path.iterdir():
        if not inner.is_symlink():  # what it leads to has its own rule, or none
            yield from _around(inner, hidden)
