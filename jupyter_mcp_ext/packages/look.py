"""What is installed in an environment, as its own Python reports it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .plan import Distribution
from .process import Run, run

SOURCE = """
import json, os, platform, re, sys, sysconfig
from importlib import metadata, util

def name_of(dist):
    try:
        return re.sub(r"[-_.]+", "-", dist.metadata["Name"]).lower()
    except Exception:
        return ""

def modules_of(dist):
    found = set((dist.read_text("top_level.txt") or "").split())
    for path in dist.files or ():
        first = path.parts[0]
        if first not in ("..", "__pycache__") and not first.endswith((".dist-info", ".data")):
            found.add(first.split(".")[0] if len(path.parts) == 1 else first)
    return sorted(name for name in found if name.isidentifier())

wanted, dists, modules = set(sys.argv[1:]), {}, {}
for dist in metadata.distributions():
    name = name_of(dist)
    if not name or name in dists:
        continue
    try:
        dists[name] = [dist.version, list(dist.requires or ())]
        if name in wanted:
            modules[name] = modules_of(dist)
    except Exception:
        continue
v = sys.version_info
full = "%d.%d.%d" % v[:3] + ("" if v[3] == "final" else v[3][0] + str(v[4]))
print()
print(json.dumps({
    "prefix": os.path.realpath(sys.prefix),
    "has_pip": util.find_spec("pip") is not None,
    "is_managed": sys.prefix == sys.base_prefix and os.path.exists(
        os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")),
    "distributions": dists,
    "modules": modules,
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": full,
        "python_version": "%d.%d" % v[:2],
        "sys_platform": sys.platform,
    },
}))
"""
"""What an environment's Python runs to describe itself; it works from Python 3.8 on."""

SECONDS = 60.0


class NotPython(Exception):
    """The program does not answer like a Python interpreter."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What an environment has at one moment."""

    prefix: str
    has_pip: bool
    is_managed: bool
    """Whether the operating system manages its packages (PEP 668)."""
    distributions: Mapping[str, Distribution]
    """By normalised name, as an import would find them."""
    modules: Mapping[str, tuple[str, ...]]
    """The modules of the packages that were asked for."""
    markers: Mapping[str, str]

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions by name."""
        return {name: each.version for name, each in self.distributions.items()}


async def look(python: str, env: Mapping[str, str], names: Sequence[str] = ()) -> Installed:
    """What an environment has, and the modules of these packages. Raises NotPython."""
    try:
        ran = await run([python, "-c", SOURCE, *names], env, within=SECONDS)
        return _installed(ran)
    except (OSError, asyncio.TimeoutError, ValueError, KeyError, TypeError) as err:
        raise NotPython(str(err)) from err


def _installed(ran: Run) -> Installed:
    found: Mapping[str, Any] = json.loads(ran.lines[-1] if ran.lines else "")
    return Installed(
        prefix=str(found["prefix"]),
        has_pip=bool(found["has_pip"]),
        is_managed=bool(found["is_managed"]),
        distributions={
            name: Distribution(name=name, version=str(version), requires=tuple(requires))
            for name, (version, requires) in found["distributions"].items()
        },
        modules={name: tuple(modules) for name, modules in found["modules"].items()},
        markers={name: str(value) for name, value in found["markers"].items()},
    )
