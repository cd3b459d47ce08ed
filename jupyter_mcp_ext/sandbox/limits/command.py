"""The command that brings limits into force in a new process before it runs a kernel's command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .bounds import Bounds

if sys.platform != "win32":
    import resource

SHELL = "/bin/sh"

BLOCK = 512
"""Bytes in which a shell counts the size of a file."""


def prefix(bounds: Bounds, groups: Sequence[Path]) -> list[str]:
    """What comes before a command so that it runs in control groups and with limits of its own.

    ``groups`` are their ``cgroup.procs``. A shell joins them and takes the limits, both of which
    its children inherit, and becomes the command: at no moment has a kernel's code none.
    """
    steps = [*_joining(groups), *_limits(bounds), 'exec "$@"']
    return [SHELL, "-c", " && ".join(steps), SHELL]


def _joining(groups: Sequence[Path]) -> Iterator[str]:
    for procs in groups:
        yield f"echo 0 > {shlex.quote(str(procs))}"  # 0 is the process that writes it


def _limits(bounds: Bounds) -> Iterator[str]:
    if bounds.memory:
        yield f"ulimit -d {_within(bounds.memory, resource.RLIMIT_DATA) // 1024}"
    if bounds.file_bytes:
        # Without the signal, which ends programs, a write fails with EFBIG.
        yield "trap '' XFSZ"
        yield f"ulimit -f {_within(bounds.file_bytes, resource.RLIMIT_FSIZE) // BLOCK}"


def _within(wanted: int, kind: int) -> int:
    """What may be set: an ordinary user can only lower a limit."""
    _, most = resource.getrlimit(kind)
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)
