"""What is installed in an environment, run by its Python: the only text here that no kernel runs.

It prints JSON in the last line.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import sysconfig
from importlib import metadata, util
from typing import Any


def name_of(dist: Any) -> str:
    """Its normalised name; empty if it has none."""
    try:
        return re.sub(r"[-_.]+", "-", dist.metadata["Name"]).lower()
    except Exception:  # noqa: BLE001  # broken installations
        return ""


def modules_of(dist: Any) -> list[str]:
    """The modules that it brings."""
    found = set((dist.read_text("top_level.txt") or "").split())
    for path in dist.files or ():
        first = path.parts[0]
        if first not in ("..", "__pycache__") and not first.endswith((".dist-info", ".data")):
            found.add(first.split(".")[0] if len(path.parts) == 1 else first)
    return sorted(name for name in found if name.isidentifier())


def installed(
    wanted: set[str], path: list[str]
) -> tuple[dict[str, list[Any]], dict[str, list[str]]]:
    """Versions and requirements by name, and the modules of the ``wanted`` ones."""
    dists: dict[str, list[Any]] = {}
    modules: dict[str, list[str]] = {}
    for dist in metadata.distributions(path=path):
        name = name_of(dist)
        if not name or name in dists:
            continue
        try:
            dists[name] = [dist.version, list(dist.requires or ())]
            if name in wanted:
                modules[name] = modules_of(dist)
        except Exception:  # noqa: BLE001  # broken installations
            continue
    return dists, modules


def site_of(overlay: str) -> list[str]:
    """Where the packages of an overlay are, if it has some for this Python."""
    try:
        with open(os.path.join(overlay, "python")) as file:
            python = file.read()
    except OSError:
        return []
    version = "{}-{}.{}".format(sys.implementation.name, *sys.version_info)
    return [os.path.join(overlay, "site")] if python == version else []


def markers() -> dict[str, str]:
    """The values of the variables in requirements' markers."""
    v = sys.version_info
    full = "{}.{}.{}".format(*v) + ("" if v[3] == "final" else v[3][0] + str(v[4]))
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": full,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": full,
        "python_version": "{}.{}".format(*v),
        "sys_platform": sys.platform,
    }


def is_managed() -> bool:
    """Whether the operating system manages the packages (PEP 668)."""
    mark = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and os.path.exists(mark)


def describe(overlay: str, *wanted: str) -> None:
    """Print it; ``wanted`` are the packages whose modules are named.

    ``overlay`` is a folder with packages beside the environment, which are only read; may be empty.
    """
    dists, modules = installed(set(wanted), sys.path)
    beside, more = installed(set(wanted) - set(dists), site_of(overlay))
    beside = {name: found for name, found in beside.items() if name not in dists}
    found = {
        "prefix": os.path.realpath(sys.prefix),
        "has_pip": util.find_spec("pip") is not None,
        "is_managed": is_managed(),
        "distributions": {**dists, **beside},
        "beside": sorted(beside),
        "modules": {**modules, **more},
        "markers": markers(),
    }
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    describe(*sys.argv[1:])
