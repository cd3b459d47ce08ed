"""Installs packages into the environment of a kernel, as far as the operator's policy goes."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Int, List, TraitError, Unicode, validate
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.concurrency import Locks
from jupyter_mcp_ext.errors import Forbidden, InstallationFailed, KernelUnavailable

from .beside import Beside, beside, check_fixed, check_planned, check_uv
from .configuration import environment, names_index_for_pip, names_index_for_uv
from .environment import KernelOf, interpreter, kernel_environment, loaded
from .installer import Installer, Pip, ProgramFailed, Say, Uv
from .look import Installed
from .outcome import Outcome, VersionChange, changes
from .plan import Conflict, Planned, applies, conflicts
from .policy import InvalidRule, PackagePolicy, rules
from .requirements import name_of, parse
from .transaction import UNCHANGED, Target, carry_out, carry_out_beside, installed_in

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.sandbox.credentials import Credentials

OWN_PREFIX = os.path.realpath(sys.prefix)
"""The environment of the server itself."""

MAX_CONFLICTS = 5
"""Conflicts that a refusal names, at most."""


class McpPackages(LoggingConfigurable):
    """The packages of kernels' environments."""

    enabled = Bool(default_value=True, help="Whether install_package installs anything.").tag(
        config=True
    )
    allow = List(
        Unicode(),
        help="The only packages that are installed, those that others need included: names with or "
        "without versions ('numpy', 'requests>=2.32'). Empty: all are.",
    ).tag(config=True)
    deny = List(
        Unicode(),
        help="Packages that are not installed, also where others need them: names with or without "
        "versions ('tensorflow', 'requests<2.32').",
    ).tag(config=True)
    index_url = Unicode(
        "",
        help="The one index that packages are from; other configuration of pip and uv is then not "
        "read. Empty: as they are configured for the server's account.",
    ).tag(config=True)
    only_binary = Bool(
        default_value=False,
        help="Whether only wheels are installed: what is built from source runs code of its own "
        "already while it is resolved, before the policy is applied.",
    ).tag(config=True)
    allow_urls = Bool(
        default_value=False,
        help="Whether a requirement may say where its package is from: a URL, a repository, a file "
        "('name @ https://…').",
    ).tag(config=True)
    use_uv = Bool(
        default_value=True,
        help="Whether uv installs where the server or the environment has it; otherwise always "
        "the environment's own pip does.",
    ).tag(config=True)

    max_session_bytes = Int(
        10 << 30,
        min=0,
        help="Bytes that the packages may have which one session in the sandbox has for itself. "
        "0: as many as fit on the disk.",
    ).tag(config=True)

    @validate("allow", "deny")
    def _validate_rules(self, proposal: dict[str, Any]) -> list[str]:
        lines: list[str] = proposal["value"]
        try:
            rules(lines)
        except InvalidRule as err:
            msg = f"McpPackages.{proposal['trait'].name}: {err}."
            raise TraitError(msg) from err
        return lines

    def __init__(self, kernels: Kernels, *, credentials: Credentials, **kwargs: Any) -> None:
        """``credentials`` are what agents' programs do not get of the server's environment."""
        super().__init__(**kwargs)
        self._kernels = kernels
        self._credentials = credentials
        self._policy = PackagePolicy(allow=rules(self.allow), deny=rules(self.deny))
        self._locks: Locks[str] = Locks()
        self._turns = 0
        """How many installations have ended."""

    def requested(self, package: str | Sequence[str]) -> tuple[Requirement, ...]:
        """The requirements in an argument, checked as far as is possible before they are resolved.

        Raises InvalidArgument, Forbidden.
        """
        if not self.enabled:
            msg = (
                "This server does not install packages (McpPackages.enabled). Do without, or ask "
                "its operator."
            )
            raise Forbidden(msg)
        # What is built from source runs its own code, outside of the sandbox.
        allow_urls = self.allow_urls and not self._kernels.sandbox.is_on
        requirements = parse(package, allow_urls=allow_urls)
        self._policy.check_requested(requirements)
        return requirements

    async def install(
        self, requirements: Sequence[Requirement], kernel: KernelOf, *, upgrade: bool, say: Say
    ) -> Outcome:
        """Install the missing ones of these into the environment of a kernel, or beside it.

        ``say`` hears how far it is. Raises KernelUnavailable, Forbidden, InstallationFailed;
        then the environment is as it was.
        """
        ended = self._turns
        target = await self._target(kernel)
        async with (
            self._turn(target, ended, say) as target,
            beside(target.overlay, target.installed) as place,
        ):
            if place is not None:
                check_fixed(requirements, target.installed)
            installer = await self._installer(target, place)
            say(f"resolving {', '.join(map(str, requirements))} with {installer.name}")
            planned = await self._plan(installer, requirements, upgrade=upgrade, say=say)
            _check_conflicts(
                conflicts(target.installed.distributions, planned, target.installed.markers)
            )
            after = target.installed
            if planned:
                say(f"installing {', '.join(each.pin for each in planned)}")
                after = await self._carry_out(installer, target, place, planned, say)
        outcome = _outcome(requirements, target.installed, after)
        if target.overlay is not None:
            kept = frozenset(target.installed.fixed) if upgrade else frozenset()
            outcome = replace(outcome, is_for_session=True, kept=kept)
        return await self._with_loaded(outcome, target, after, kernel)

    async def _carry_out(
        self,
        installer: Installer,
        target: Target,
        place: Beside | None,
        planned: Sequence[Planned],
        say: Say,
    ) -> Installed:
        """Install a plan; what is installed then. Raises InstallationFailed."""
        if place is None or target.overlay is None:
            return await carry_out(installer, target, planned, say)
        check_planned(planned, target.installed)
        add = partial(
            target.overlay.add,
            place.folder,
            python=target.installed.python,
            most=self.max_session_bytes,
        )
        return await carry_out_beside(installer, target, planned, add, say)

    async def _plan(
        self, installer: Installer, requirements: Sequence[Requirement], *, upgrade: bool, say: Say
    ) -> tuple[Planned, ...]:
        """What would be installed, checked against the policy."""
        try:
            planned = await installer.resolve(requirements, upgrade=upgrade, say=say)
        except ProgramFailed as err:
            msg = f"{err}\n{UNCHANGED} {err.advice}"
            raise InstallationFailed(msg) from err
        try:
            self._policy.check(planned, requirements)
        except Forbidden:
            self._policy.check(await installer.explained(planned), requirements)
            raise
        return planned

    async def _target(self, kernel: KernelOf) -> Target:
        if self._kernels.sandbox.is_on and kernel.overlay is None:
            msg = (
                "This server installs packages for kernels in its sandbox alone, and the kernel "
                "of this session is not in it. create_session makes a session of your own."
            )
            raise Forbidden(msg)
        base = await kernel_environment(
            self._kernels,
            kernel.name,
            environment(os.environ, credentials=self._credentials, index_url=""),
        )
        python = await interpreter(self._kernels, kernel, base)
        env = environment(base, credentials=self._credentials, index_url=self.index_url)
        installed = await installed_in(python, env, overlay=kernel.overlay)
        if installed.is_managed and kernel.overlay is None:
            msg = (
                f"The Python of the kernel {kernel.name!r} belongs to the operating system, which "
                "alone installs packages into it (PEP 668). Use the kernel of a virtual "
                "environment: list_sessions shows the kernels."
            )
            raise KernelUnavailable(msg)
        return Target(python=python, env=env, installed=installed, overlay=kernel.overlay)

    @asynccontextmanager
    async def _turn(self, target: Target, ended: int, say: Say) -> AsyncIterator[Target]:
        """Wait for other installations into an environment.

        It is looked at again if more of them have ended than when it was looked at first.
        """
        overlay = target.overlay
        lock = self._locks.of(target.installed.prefix if overlay is None else str(overlay.folder))
        if lock.locked():
            say("waiting for another installation into the same environment")
        async with lock:
            try:
                if self._turns != ended:
                    now = await installed_in(target.python, target.env, overlay=overlay)
                    target = replace(target, installed=now)
                yield target
            finally:
                self._turns += 1

    async def _installer(self, target: Target, place: Beside | None) -> Installer:
        path = os.pathsep.join([str(Path(target.python).parent), os.environ.get("PATH", "")])
        uv = shutil.which("uv", path=path) if self.use_uv else None
        if uv is not None and await self._knows_the_index(target):
            if place is not None:
                await check_uv(uv, target.env)
            only_binary = self.only_binary or place is not None
            return Uv(uv, target.python, target.env, only_binary=only_binary, beside=place)
        if place is None and target.installed.has_pip:
            return Pip(target.python, target.env, only_binary=self.only_binary)
        if uv and place is not None:
            msg = (
                "The index is named in pip's configuration, which uv does not read, and packages "
                "for kernels in the sandbox are installed with uv alone. Have a person set "
                "McpPackages.index_url."
            )
        elif uv:
            msg = (
                "The index is named in pip's configuration, which uv does not read, and the "
                "kernel's environment has no pip. Have a person set McpPackages.index_url."
            )
        elif place is not None:
            # pip builds what a package names by its URL, whatever its options say.
            msg = (
                "Packages for kernels in the sandbox are installed with uv alone, which is not "
                "there or not to be used (McpPackages.use_uv). Have a person install uv for the "
                "server."
            )
        else:
            msg = (
                "The kernel's environment has no pip, and there is no uv. Have a person run "
                "'python -m ensurepip' in it or install uv for the server."
            )
        raise InstallationFailed(msg)

    async def _knows_the_index(self, target: Target) -> bool:
        """Whether uv would use the index that pip would: another one may have another package."""
        if self.index_url:
            return True
        prefix = target.installed.prefix
        for_uv = await asyncio.to_thread(names_index_for_uv, target.env)
        return for_uv or not await asyncio.to_thread(names_index_for_pip, target.env, prefix)

    async def _with_loaded(
        self, outcome: Outcome, target: Target, after: Installed, kernel: KernelOf
    ) -> Outcome:
        """Find out which of the changed packages the kernel has loaded."""
        if not outcome.changed:
            return outcome
        modules = {each.name: after.modules.get(each.name, ()) for each in outcome.changed}
        names = [module for found in modules.values() for module in found]
        if after.prefix == OWN_PREFIX and target.overlay is None:
            outcome = replace(outcome, in_server=_users(modules, set(sys.modules)))
        if kernel.running is None or not kernel.running.hosted.is_there:
            return outcome
        in_kernel = await loaded(kernel.running, names)
        if in_kernel is None:
            return replace(outcome, may_be_loaded=tuple(modules))
        return replace(outcome, loaded=_users(modules, in_kernel))


def _check_conflicts(found: Sequence[Conflict]) -> None:
    """Refuse what would break a package that works."""
    if not found:
        return
    words = [f"{c.name} {c.version} needs {c.needs} and would get {c.gets}" for c in found]
    more = f" and {len(found) - MAX_CONFLICTS} more" if len(found) > MAX_CONFLICTS else ""
    msg = (
        f"This would break packages that are there: {'; '.join(words[:MAX_CONFLICTS])}{more}. "
        "Nothing was installed. Ask for versions that fit, or for newer ones of those packages too."
    )
    raise InstallationFailed(msg)


def _outcome(requirements: Sequence[Requirement], before: Installed, after: Installed) -> Outcome:
    found = changes(before.versions, after.versions)
    touched = {each.name for each in found}
    wanted = {name_of(r): r for r in requirements}
    return Outcome(
        changes=tuple(each for each in found if each.new),
        there=tuple(
            VersionChange(name=name, old=after.versions[name], new=after.versions[name])
            for name in wanted
            if name in after.versions and name not in touched
        ),
        skipped=tuple(
            str(requirement)
            for name, requirement in wanted.items()
            if name not in after.versions and not applies(requirement, before.markers)
        ),
    )


def _users(modules: Mapping[str, Sequence[str]], names: set[str]) -> tuple[str, ...]:
    """The packages that these modules belong to."""
    return tuple(name for name, found in modules.items() if not names.isdisjoint(found))
