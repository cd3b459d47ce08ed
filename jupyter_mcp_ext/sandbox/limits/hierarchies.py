"""Where a process is among the control groups that Linux has mounted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

CONTROLLERS = {1: ("memory", "pids", "cpu", "cpuacct"), 2: ("memory", "pids", "cpu")}

Folders = Mapping[str, Path]
"""The folders of a group, by controller; with version 2 they are one."""


class Unavailable(Exception):
    """The server can make no groups here; the message says why."""


def parents() -> tuple[int, Folders]:
    """The version, and where the groups of this server can be. Raises Unavailable."""
    try:
        groups, mounts = (Path("/proc/self", name).read_text() for name in ("cgroup", "mountinfo"))
    except OSError as err:
        msg = "there are no control groups"
        raise Unavailable(msg) from err
    found = {name: group_of(name, groups, mounts) for name in CONTROLLERS[1]}
    versions = {each[0] for each in found.values() if each is not None}
    if None not in found.values() and versions == {1}:
        return 1, {name: each[1] for name, each in found.items() if each is not None}
    unified = found["memory"]
    if unified is None or unified[0] != 2:
        msg = "the controllers of memory, processes and processors are not mounted"
        raise Unavailable(msg)
    return 2, dict.fromkeys(CONTROLLERS[2], delegated(unified[1]))


def group_of(controller: str, groups: str, mounts: str) -> tuple[int, Path] | None:
    """The version of a controller's hierarchy, and the folder of a process in it.

    ``groups`` is the process's ``cgroup`` and ``mounts`` our ``mountinfo`` in ``/proc``. Both
    versions can be mounted: a controller that no hierarchy of version 1 has can be in the other.
    """
    paths: dict[str, str] = {}
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            paths["cgroup"] = path
        elif not controllers:
            paths["cgroup2"] = path
    for version, kind in ((1, "cgroup"), (2, "cgroup2")):
        for line in mounts.splitlines():
            mount, _, more = line.partition(" - ")
            kind_found, _, options = more.split(" ", 2)
            is_wanted = kind == "cgroup2" or controller in options.split(",")
            if kind in paths and kind_found == kind and is_wanted:
                root, point = mount.split(" ")[3:5]
                return version, Path(point) / _below(paths[kind], root)
    return None


def _below(path: str, root: str) -> str:
    # In a container without a cgroup namespace the path is the host's, and the mount shows only
    # what is below the container's own group.
    whole = PurePosixPath(path)
    inner = whole.relative_to(root) if whole.is_relative_to(root) else PurePosixPath()
    return "" if ".." in inner.parts else str(inner)


def enable(folder: Path) -> None:
    """Let the groups in a group of version 2 have limits. Raises OSError."""
    (folder / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in CONTROLLERS[2]))


def delegated(own: Path) -> Path:
    """A server's group, or the one above, in which groups can be limited. Raises Unavailable.

    A group with processes cannot have limited ones in it. The one above can, if it is the server's
    too: systemd's other groups are not to be changed by others.
    """
    for folder in (own, own.parent) if _is_delegated(own.parent) else (own,):
        with contextlib.suppress(OSError):
            if not _has_controllers(folder):
                enable(folder)
            return folder
    msg = (
        f"the control group {own} is not delegated to the server (in a unit of systemd, set "
        "Delegate=yes and DelegateSubgroup=server)"
    )
    raise Unavailable(msg)


def _is_delegated(folder: Path) -> bool:
    """Whether a group is marked as delegated, or is the topmost that a container has."""
    # In the topmost group of the machine there is no such file.
    if (folder / "cgroup.type").exists() and folder.is_mount():
        return True
    for name in ("user.delegate", "trusted.delegate"):  # systemd's marks, since 251 and before
        with contextlib.suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _has_controllers(folder: Path) -> bool:
    enabled = (folder / "cgroup.subtree_control").read_text().split()
    return set(CONTROLLERS[2]) <= set(enabled)
