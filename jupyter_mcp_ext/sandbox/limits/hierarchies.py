"""Where a process is among the control groups that Linux has mounted."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


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
