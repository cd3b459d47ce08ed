"""What is installed in an environment, as its own Python reports it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mcp_ext.in_kernel import texts
from jupyter_mcp_ext.sandbox.overlay import Overlay

from .plan import Distribution
from .process import MEMORY, Run, run

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
    beside: frozenset[str] = frozenset()
    """Those of one session alone, beside the environment."""
    modules: Mapping[str, tuple[str, ...]]
    """The modules of the packages that were asked for."""
    markers: Mapping[str, str]

    @property
    def fixed(self) -> Mapping[str, Distribution]:
        """Those of the environment itself."""
        return {k: v for k, v in self.distributions.items() if k not in self.beside}

    @property
    def python(self) -> str:
        """The Python for which packages are, as an overlay has it: ``cpython-3.12``."""
        return f"{self.markers['implementation_name']}-{self.markers['python_version']}"

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions by name."""
        return {name: each.version for name, each in self.distributions.items()}


async def look(
    python: str,
    env: Mapping[str, str],
    names: Sequence[str] = (),
    overlay: Overlay | None = None,
) -> Installed:
    """What an environment has, with an overlay, and the modules of these packages.

    Raises NotPython.
    """
    folder = "" if overlay is None else str(overlay.folder)
    try:
        source = await asyncio.to_thread(texts.distributions)
        memory = MEMORY if folder else 0
        argv = [python, "-c", source, folder, *names]
        ran = await run(argv, env, within=SECONDS, memory=memory)
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
        beside=frozenset(found["beside"]),
        modules={name: tuple(modules) for name, modules in found["modules"].items()},
        markers={name: str(value) for name, value in found["markers"].items()},
    )
