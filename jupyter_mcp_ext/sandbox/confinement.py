"""What one kernel in a sandbox may reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .proxy.process import Proxy

HANDED = "handed"
"""The folder, among what the server keeps of a session, in which its kernel may write."""

Network = Literal["none", "host"]
"""``none``: nothing but the kernel's own loopback; ``host``: all that the server reaches."""

Mode = Literal["bubblewrap", "landlock"]
"""What confines a kernel."""

MODES: tuple[Mode, ...] = ("bubblewrap", "landlock")
"""The strongest first."""

WORK = "work"
"""The folder in a session's in which its kernel writes if it cannot write beside what is kept."""


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """The files, the network and the room of one kernel. Paths are absolute and exist."""

    mode: Mode = "bubblewrap"
    folder: Path
    """The session's folder, or the one in it, which can be written."""
    cwd: Path
    """Where the kernel starts."""
    kept: Path | None = None
    """A folder in it that belongs to the server, and cannot be written."""
    handed: Path | None = None
    """A folder in that one, through which the kernel hands over what it saves."""
    overlay: Path | None = None
    """The folder, in what the server keeps, of what was installed for the session alone."""
    programs: tuple[Path, ...] = ()
    """The environment of its Python, which can be read."""
    hidden: tuple[Path, ...] = ()
    """What is not shown even where it is in the environment or among the system's programs."""
    readable: tuple[Path, ...] = ()
    """What else can be read."""
    writable: tuple[Path, ...] = ()
    """What else can be written."""
    sessions: Path | None = None
    """The folder with those of all sessions: of it, only the kernel's own is ever shown."""
    network: Network = "none"
    proxy: Proxy | None = None
    """Through which it reaches the hosts that are listed, without a network."""
    scratch_bytes: int = 1 << 30
    """Room in each of its ``/tmp``, ``/dev/shm`` and home."""
    env: Mapping[str, str] = field(default_factory=dict)
    """The variables of its environment that are not the kernelspec's."""


def is_confined(provisioner: object) -> bool:
    """Whether the kernel of a provisioner was started in a sandbox."""
    return getattr(provisioner, "confinement", None) is not None
