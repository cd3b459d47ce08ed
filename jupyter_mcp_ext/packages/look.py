"""What is installed in an environment, as its own Python reports it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mcp_ext.in_kernel import texts

from .plan import Distribution
from .process import Run, run

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
        source = await asyncio.to_thread(texts.distributions)
        ran = await run([python, "-c", source, *names], env, within=SECONDS)
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
