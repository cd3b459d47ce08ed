"""Installations for one session alone: beside the environment of its kernel, which stays as it is.

What the environment has is used, in the version that it has: packages of the session come after it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from jupyter_mcp_ext.concurrency import to_its_end
from jupyter_mcp_ext.errors import InstallationFailed
from jupyter_mcp_ext.sandbox.overlay import Overlay

from .look import SECONDS, Installed
from .plan import Distribution, Planned, admits, applies
from .process import run

FIXED = (
    "An installation for one session cannot change the packages of the kernel's environment. Ask "
    "for versions that fit, or have a person change the environment."
)

LEAST_UV = Version("0.12")
"""Earlier ones write the programs of a package wherever the package says."""

NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
MAX_NAME = 200
"""Characters of a package's name and version together."""

VERSION = re.compile(r"uv (\d+(?:\.\d+)+)")


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a resolver and an installer are given so that the environment stays as it is."""

    view: Path
    """What there is, as metadata alone: nothing in it can be run."""
    pins: Path
    """The constraints that keep the environment's packages in their versions."""
    fixed: frozenset[str]
    """Their names."""
    folder: Path
    """Where the new packages go."""


@asynccontextmanager
async def beside(overlay: Overlay | None, installed: Installed) -> AsyncIterator[Beside | None]:
    """What an installation into an overlay needs, removed at the end; None if there is none.

    Raises InstallationFailed.
    """
    if overlay is None:
        yield None
        return
    opened = ExitStack()
    try:
        try:
            place = await to_its_end(lambda: _opened(opened, overlay, installed))
        except OSError as err:
            raise unwritable(err) from err
        yield place
    finally:
        await to_its_end(opened.close)


async def check_uv(uv: str, env: Mapping[str, str]) -> None:
    """Refuse a uv that may write outside the folder that it is given. Raises InstallationFailed."""
    try:
        ran = await run([uv, "--version"], env, within=SECONDS)
        found = VERSION.match(ran.lines[0] if ran.lines else "")
    except (OSError, asyncio.TimeoutError):
        found = None
    if found is None or Version(found[1]) < LEAST_UV:
        msg = (
            f"Packages for kernels in the sandbox are installed with uv {LEAST_UV} or later, and "
            f"this server has {found[0] if found else 'another program of that name'}. Have a "
            "person upgrade it."
        )
        raise InstallationFailed(msg)


def check_fixed(requirements: Sequence[Requirement], installed: Installed) -> None:
    """Refuse other versions of what the environment has. Raises InstallationFailed."""
    fixed = installed.fixed
    for requirement in requirements:
        there = fixed.get(canonicalize_name(requirement.name))
        if (
            there is not None
            and applies(requirement, installed.markers)
            and not admits(requirement, there.version)
        ):
            raise _is_fixed(there)


def check_planned(planned: Sequence[Planned], installed: Installed) -> None:
    """Refuse a plan that has them in other versions all the same. Raises InstallationFailed."""
    for each in planned:
        if each.name in installed.fixed:
            raise _is_fixed(installed.fixed[each.name])


def unwritable(err: OSError) -> InstallationFailed:
    """The refusal when the overlay cannot be written."""
    return InstallationFailed(
        f"Nothing was installed: the session's folder cannot be written ({err.strerror or err}). "
        "Make room, or ask a person."
    )


def _is_fixed(there: Distribution) -> InstallationFailed:
    return InstallationFailed(
        f"The kernel's environment has {there.name} {there.version}. {FIXED} Nothing was installed."
    )


def _opened(opened: ExitStack, overlay: Overlay, installed: Installed) -> Beside:
    folder = Path(opened.enter_context(TemporaryDirectory(prefix="jupyter-mcp-")))
    view, pins = folder / "view", folder / "pins.txt"
    view.mkdir()
    for each in installed.distributions.values():
        _show(each, view)
    pins.write_text(
        "".join(f"{e.name}=={e.version}\n" for e in installed.fixed.values() if _is_proper(e)),
        "utf-8",
    )
    return Beside(
        view=view,
        pins=pins,
        fixed=frozenset(installed.fixed),
        folder=opened.enter_context(overlay.new()),
    )


def _show(distribution: Distribution, view: Path) -> None:
    """Write the metadata of an installed package as installers write it."""
    if not _is_proper(distribution):
        return
    name = distribution.name.replace("-", "_")
    info = view / f"{name}-{distribution.version}.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {words}\n" for words in distribution.requires)
    head = f"Name: {distribution.name}\nVersion: {distribution.version}\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{head}{requires}", "utf-8")


def _is_proper(distribution: Distribution) -> bool:
    """Whether it can be named to an installer: in an overlay a package names others as it likes."""
    name, version = distribution.name, distribution.version
    try:
        Version(version)
    except InvalidVersion:
        return False
    return bool(NAME.fullmatch(name)) and len(name) + len(version) <= MAX_NAME
