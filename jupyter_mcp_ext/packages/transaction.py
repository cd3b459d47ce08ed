"""Installs a plan as a whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp_ext.errors import InstallationFailed, KernelUnavailable
from jupyter_mcp_ext.sandbox.overlay import Overlay, Unfit

from .beside import unwritable
from .installer import Installer, ProgramFailed, Say
from .look import Installed, NotPython, look
from .outcome import changes
from .plan import Planned

UNCHANGED = "The environment is as it was."


@dataclass(frozen=True, kw_only=True)
class Target:
    """An environment that packages are installed into."""

    python: str
    env: Mapping[str, str] = field(repr=False)
    """The environment variables of programs that work on it."""
    installed: Installed = field(repr=False)
    """What it had before."""
    overlay: Overlay | None = None
    """Where packages go instead that are for one session alone."""


async def installed_in(
    python: str,
    env: Mapping[str, str],
    names: Sequence[str] = (),
    overlay: Overlay | None = None,
) -> Installed:
    """What an environment has, and the modules of these packages. Raises KernelUnavailable."""
    try:
        return await look(python, env, names, overlay)
    except NotPython as err:
        msg = (
            "The kernel's Python does not report what its environment has. Try "
            "execute_code with %pip install."
        )
        raise KernelUnavailable(msg) from err


async def carry_out(
    installer: Installer, target: Target, planned: Sequence[Planned], say: Say
) -> Installed:
    """Install a plan; what is installed then. Raises InstallationFailed.

    When it is cancelled, what has begun to change the environment goes on to its end all the same.
    """
    work = asyncio.create_task(
        _install_or_put_back(installer, target, planned, say), name="mcp-packages-install"
    )
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError:
        if not installer.is_changing:
            work.cancel()
        await _ended(work)
    return work.result()


async def carry_out_beside(
    installer: Installer,
    target: Target,
    planned: Sequence[Planned],
    add: Callable[[], None],
    say: Say,
) -> Installed:
    """Install a plan into a folder, and have ``add`` show it; what is installed then.

    When it is cancelled, what is being shown is shown all the same. Raises InstallationFailed.
    """
    try:
        await installer.install(planned, say=say)
        adding = asyncio.create_task(asyncio.to_thread(add), name="mcp-packages-add")
        await _ended(adding)
        adding.result()
    except ProgramFailed as err:
        msg = f"{err}\n{UNCHANGED} {err.advice}"
        raise InstallationFailed(msg) from err
    except Unfit as err:
        msg = f"Nothing was installed: {err}. Ask for other packages, or ask a person."
        raise InstallationFailed(msg) from err
    except OSError as err:
        raise unwritable(err) from err
    names = [each.name for each in planned]
    return await installed_in(target.python, target.env, names, target.overlay)


async def _ended(work: asyncio.Task[Any]) -> None:
    """Wait for the end of work, however often the waiting is cancelled."""
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({work})


async def _install_or_put_back(
    installer: Installer, target: Target, planned: Sequence[Planned], say: Say
) -> Installed:
    names = [each.name for each in planned]
    try:
        await installer.install(planned, say=say)
        after = await installed_in(target.python, target.env, names)
    except asyncio.CancelledError:
        await _put_back(installer, target, say)
        raise
    except ProgramFailed as err:
        left = await _put_back(installer, target, say)
        now = f"These packages are not as they were: {', '.join(left)}." if left else UNCHANGED
        msg = f"{err}\n{now} {err.advice}"
        raise InstallationFailed(msg) from err
    elsewhere = [name for name in names if name not in after.distributions]
    if elsewhere:
        msg = (
            f"{', '.join(elsewhere)} went where the kernel does not look: the configuration of the "
            "installer says where (target, prefix, user). Have a person change it."
        )
        raise InstallationFailed(msg)
    return after


async def _put_back(installer: Installer, target: Target, say: Say) -> list[str]:
    """Undo the changes; the names of the packages that could not be restored."""
    before = target.installed.versions
    found = changes(before, (await installed_in(target.python, target.env)).versions)
    if not found:
        return []
    say("putting the environment back")
    added = [each.name for each in found if not each.old]
    lost = [Planned(name=each.name, version=each.old) for each in found if each.old]
    try:
        if added:
            await installer.uninstall(added, say=say)
        if lost:
            await installer.install(lost, say=say)
    except ProgramFailed:  # what is left is told
        pass
    now = (await installed_in(target.python, target.env)).versions
    return [each.name for each in changes(before, now)]
