"""The command line of bubblewrap for a kernel.

Everything that is not named is absent: a kernel gets the system's programs, its own Python and its
session's folder, in namespaces of its own, without capabilities and without a way to get any
(https://github.com/containers/bubblewrap).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .confinement import Confinement

NAME = "bwrap"

PLACES = ("/usr/bin", "/bin", "/usr/local/bin", "/run/current-system/sw/bin")
"""Where programs of the system are looked for. ``PATH`` is not asked: environments are in it, and a
package that is installed into one could bring a program of that name, which would run outside."""

HOME = "/home/jupyter"
"""The home of the account in a sandbox; empty, in memory, and gone with the kernel."""

SCRATCH = ("/tmp", "/dev/shm", HOME)  # noqa: S108  # of the sandbox
"""Folders in memory, of bounded size."""

ENVIRONMENT = {"HOME": HOME, "TMPDIR": "/tmp", "USER": "jupyter"}  # noqa: S108  # of the sandbox

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Programs and libraries. What is a link, as on most systems, is made as a link."""

SETTINGS = (
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/localtime", "/etc/timezone", "/etc/locale.conf", "/etc/os-release"),
    *("/etc/debian_version", "/etc/nsswitch.conf", "/etc/mime.types", "/etc/magic"),
    *("/etc/fonts", "/etc/ImageMagick-6", "/etc/texmf", "/etc/java", "/etc/R"),
    *("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls"),
    *("/etc/pki/ca-trust", "/etc/crypto-policies", "/etc/protocols", "/etc/services"),
)
"""Settings of libraries, none of which is a secret."""

MADE = ("/etc/passwd", "/etc/group", "/etc/hosts")
"""Files that are not the system's."""

ON_NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf")

SHOWN_OF_PROC = (
    *("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/scsi"),
    *("/proc/acpi", "/proc/asound", "/proc/driver", "/proc/tty", "/proc/mtrr", "/proc/pressure"),
)
"""What cannot be written in ``/proc``. These files belong to root, and for them a root in a user
namespace is the root of the host if it is that account: bubblewrap covers fewer of them."""

HIDDEN_OF_PROC = (
    *("/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/key-users", "/proc/latency_stats"),
    *("/proc/timer_list", "/proc/sched_debug", "/proc/kallsyms", "/proc/modules"),
    *("/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup", "/proc/slabinfo"),
    *("/proc/vmallocinfo", "/proc/pagetypeinfo", "/proc/iomem", "/proc/ioports"),
)
"""What cannot be read in it either."""

EMPTY_FOLDER = ("--size", str(1 << 20), "--tmpfs")
"""In the place of a folder that is hidden: with room for the folders in it that are shown."""

PROCESSORS = "/sys/devices/system/cpu"
"""Where the C library counts them."""


def program() -> str | None:
    """The program, None if the system has none. Reads the disk."""
    return shutil.which(NAME, path=os.pathsep.join(PLACES))


def arguments(
    confinement: Confinement,
    *,
    filter_fd: int,
    made_fds: Sequence[int],
    more: Sequence[str] = (),
) -> list[str]:
    """The arguments of bubblewrap before the command that it runs.

    It reads the filter of system calls from ``filter_fd``, and what `made` gives from ``made_fds``;
    ``more`` are arguments that apply to one program.
    """
    return [
        *_isolation(confinement),
        *("--seccomp", str(filter_fd)),
        *_system(confinement, made_fds),
        *_own(confinement),
        *more,
        # Only these mounts themselves: what is mounted in them stays as it is.
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(confinement.cwd)),
    ]


def made() -> tuple[bytes, ...]:
    """The contents of `MADE`: this account alone, and the names of the kernel's own loopback."""
    user, group = os.getuid(), os.getgid()
    return (
        f"jupyter:x:{user}:{group}::{HOME}:/bin/sh\n".encode(),
        f"jupyter:x:{group}:\n".encode(),
        b"127.0.0.1 localhost sandbox\n::1 localhost\n",
    )


def _isolation(confinement: Confinement) -> Iterator[str]:
    yield from ("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc")
    yield from ("--unshare-uts", "--hostname", "sandbox", "--unshare-cgroup-try")
    if confinement.network == "none":
        yield "--unshare-net"
    # Ends with the server, and has no terminal to type into.
    yield from ("--cap-drop", "ALL", "--die-with-parent", "--new-session")


def _system(confinement: Confinement, made_fds: Sequence[int]) -> Iterator[str]:
    """The system's part of the file tree."""
    for path in SYSTEM:
        if os.path.islink(path):  # noqa: PTH114
            yield from ("--symlink", os.readlink(path), path)  # noqa: PTH115
        elif os.path.isdir(path):  # noqa: PTH112
            yield from ("--ro-bind", path, path)
    on_network = ON_NETWORK if confinement.network == "host" else ()
    for fd, path in zip(made_fds, MADE, strict=True):
        if path not in on_network:  # nothing can be mounted on a file that was made
            yield from ("--ro-bind-data", str(fd), path)
    for path in (*SETTINGS, *on_network):
        yield from ("--ro-bind-try", os.path.realpath(path), path)
    yield from ("--proc", "/proc")
    for path in SHOWN_OF_PROC:
        yield from ("--ro-bind-try", path, path)
    for path in filter(os.path.exists, HIDDEN_OF_PROC):
        yield from ("--ro-bind", os.devnull, path)
    yield from ("--dev", "/dev", "--ro-bind-try", PROCESSORS, PROCESSORS)
    size = ("--size", str(confinement.scratch_bytes))
    for path in SCRATCH:
        yield from (*size, "--tmpfs", path)
    yield from ("--symlink", "../tmp", "/var/tmp", "--dir", "/run")  # noqa: S108


def _own(confinement: Confinement) -> Iterator[str]:
    """What is the kernel's own; a folder comes before those in it."""
    for path, how in sorted(_shown(confinement).items()):
        yield from (*how, str(path))
    if confinement.kept is not None:
        yield from ("--ro-bind", str(confinement.kept), str(confinement.kept))
    if confinement.handed is not None:
        yield from ("--bind", str(confinement.handed), str(confinement.handed))


def _shown(confinement: Confinement) -> dict[Path, tuple[str, ...]]:
    """How each path is mounted that can be read or written, or that hides what is in others."""
    named = (*confinement.readable, *confinement.writable)
    shown: dict[Path, tuple[str, ...]] = {
        **{path: ("--ro-bind", str(path)) for path in confinement.programs},
        **{path: how for path, how in _hidden(confinement) if not _is_in(path, named)},
        **{path: ("--ro-bind", str(path)) for path in confinement.readable},
        **{path: ("--bind", str(path)) for path in (confinement.folder, *confinement.writable)},
    }
    sessions = confinement.sessions
    if sessions is not None and _is_in(sessions, shown):
        shown[sessions] = EMPTY_FOLDER
    return shown


def _hidden(confinement: Confinement) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """What hides paths that are in one of the folders that are shown, such as ``/usr/src/app``."""
    hidden = confinement.hidden
    for path in hidden:
        if _is_in(path, [other for other in hidden if other != path]):
            continue
        for each in {path, path.resolve()}:
            if _is_in(each, (*map(Path, SYSTEM), *confinement.programs)):
                yield each, EMPTY_FOLDER if each.is_dir() else ("--ro-bind", os.devnull)


def _is_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
