"""The sandbox of one server: its configuration, whether it holds here, and what kernels get."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from traitlets import Enum, Int, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.concurrency import Listeners

from . import bubblewrap, canary, directories, environment
from .confinement import HANDED, MODES, WORK, Confinement, Mode, Network, is_confined
from .overlay import PACKAGES, Overlay
from .places import Places
from .prefixes import NoPrefix, readable, real, user_packages
from .provisioner import ARGUMENT, OtherProvisioner, install, own_of
from .proxy.patterns import NoPattern, patterns
from .proxy.process import Connections, Proxy


class SandboxUnusable(Exception):
    """The sandbox that is configured cannot be made here; the message says what to do."""


class CannotConfine(Exception):
    """A kernel cannot run in the sandbox; the message says why, as a sentence's end."""


class Kernel(Protocol):
    """A kernel of the server."""

    @property
    def is_confined(self) -> bool:
        """Whether it runs in a sandbox."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a session is on disk; API paths."""

    folder: str
    """Its own folder."""
    kept: str
    """What the server keeps of it there."""


class McpSandbox(LoggingConfigurable):
    """Whether kernels that agents start are confined, and what they may reach then."""

    mode = Enum(
        ["none", "auto", *MODES],
        default_value="none",
        help="What kernels of agents' sessions are confined with; those that people start are not. "
        "'auto': the best that this machine can do of 'bubblewrap' and 'landlock', or no endpoint "
        "at all.",
    ).tag(config=True)
    network = Enum(
        ["none", "host"],
        default_value="none",
        help="The network of kernels in the sandbox: 'none', their own loopback at most; 'host', "
        "all that the server reaches.",
    ).tag(config=True)
    allow_hosts = List(
        Unicode(),
        help="Hosts that kernels in the sandbox may reach over TLS although they have no network: "
        "names with a port (443 if there is none) such as 'pypi.org' and "
        "'*.pythonhosted.org:443', which stands for all names below that one.",
    ).tag(config=True)
    read_only_paths = List(
        Unicode(), help="Folders and files that kernels in the sandbox may read in addition."
    ).tag(config=True)
    writable_paths = List(
        Unicode(), help="Folders that kernels in the sandbox may write in addition."
    ).tag(config=True)
    environment = List(
        Unicode(),
        help="Variables of the server's environment, as shell patterns, that kernels in the "
        "sandbox get in addition to what a kernel needs.",
    ).tag(config=True)
    people = Enum(
        ["refuse", "ask", "allow"],
        default_value="refuse",
        help="Whether agents may run code in kernels that people have started, which no sandbox "
        "confines: no, once the person at the client has allowed it, or yes. Without a sandbox "
        "they may.",
    ).tag(config=True)
    scratch_bytes = Int(
        1 << 30,
        min=1 << 20,
        help="Room, in memory, for each of the /tmp, /dev/shm and home of a kernel under "
        "bubblewrap.",
    ).tag(config=True)

    def __init__(self, *, root: Path | None, secrets: Sequence[Path] = (), **kwargs: Any) -> None:
        """``root`` is Jupyter's; ``secrets`` are files that no kernel may ever see."""
        super().__init__(**kwargs)
        self._root = None if root is None else real(root)
        self._secrets = tuple(map(real, secrets))
        self.places = Places()
        """What kernels are shown in addition, where it was at the start."""
        self._proxy: Proxy | None = None
        self._sessions: Path | None = None
        """The folder in which those of all sessions are."""
        self.connections: Listeners[Connections] = Listeners()
        """Told what became of connections to hosts, for each kernel every few seconds."""

        self._in_force: Mode = "landlock" if self.mode == "landlock" else "bubblewrap"

    @property
    def in_force(self) -> str:
        """What confines kernels: ``bubblewrap``, ``landlock`` or ``none``."""
        return self._in_force if self.is_on else "none"

    @property
    def is_on(self) -> bool:
        """Whether kernels of agents are confined."""
        return self.mode != "none"

    def open(self, sessions_dir: str) -> None:
        """Have Jupyter start kernels through this package's provisioner, once the sandbox holds.

        ``sessions_dir`` is the API path of the folder with those of all sessions. Blocks. Raises
        SandboxUnusable.
        """
        if not self.is_on:
            return
        self.places = Places.of(self.read_only_paths, self.writable_paths)
        self._check_paths()
        self._open_proxy()
        if self._root is None:
            msg = "sessions are not kept on disk here, and a sandbox needs their folders"
            raise SandboxUnusable(msg)
        directories.sweep()
        self._sessions = real(self._root / sessions_dir)
        self._in_force = self._first_that_holds(self._sessions)
        try:
            install(self.parent)
        except OtherProvisioner as err:
            raise SandboxUnusable(str(err)) from err

    async def close(self) -> None:
        """End what lets kernels reach hosts."""
        if self._proxy is not None:
            await self._proxy.close()

    def _first_that_holds(self, sessions: Path) -> Mode:
        """The mode that is configured, or the best that this machine can do. Blocks."""
        failures: dict[Mode, str] = {}
        for mode in MODES if self.mode == "auto" else (cast("Mode", self.mode),):
            failures[mode] = self._failure(mode, sessions)
            if not failures[mode]:
                return mode
        raise SandboxUnusable("; ".join(dict.fromkeys(failures.values())))

    def _failure(self, mode: Mode, sessions: Path) -> str:
        """Why a mode cannot be used here; empty if it can."""
        if fault := self.places.fault(mode, sessions):
            return fault
        if mode == "landlock" and self._proxy is not None:
            return (
                "McpSandbox.allow_hosts needs network namespaces, which Landlock has not. Use "
                "bubblewrap, or take it back"
            )
        try:
            canary.check(mode, secrets=self._secrets, network=cast("Network", self.network))
        except canary.Escaped as err:
            return str(err)
        return self._proxy.failure(bubblewrap.program()) if self._proxy is not None else ""

    def admits(self, kernel: Kernel) -> bool:
        """Whether agents may run code in a kernel, although no person has allowed it."""
        return not self.is_on or self.people == "allow" or kernel.is_confined

    def words(self, kernel: Kernel) -> str:
        """What confines a kernel: ``none``, or ``bubblewrap, no network`` and the like."""
        return self.summary if kernel.is_confined else "none"

    @property
    def summary(self) -> str:
        """What confines the kernels of agents, as `words`."""
        if not self.is_on:
            return "none"
        if self._proxy is not None:
            network = f"{self._proxy.listed} host{'s' if self._proxy.listed > 1 else ''}"
        else:
            network = "no network" if self.network == "none" else "the host's network"
        return f"{self.in_force}, {network}"

    def start_in(self, cwd: str, folder: str) -> str:
        """Where the kernel of a session starts that is to start in ``cwd``; all API paths."""
        if not self.shows(cwd, folder):
            cwd = folder
        return f"{folder}/{WORK}" if self.in_force == "landlock" and cwd == folder else cwd

    def shows(self, path: str, folder: str) -> bool:
        """Whether the kernel of a session, whose folder this is, sees an API path."""
        if not self.is_on or self._root is None:
            return True
        wanted, own = self._root / path, self._root / folder
        if wanted.is_relative_to(own):
            return True
        sessions = self._sessions or own.parent
        is_anothers = wanted.is_relative_to(sessions)
        return any(
            wanted.is_relative_to(place) and not (is_anothers and sessions.is_relative_to(place))
            for place in self.places.all
        )

    async def arguments(
        self, place: Place | None, cwd: str, spec: Mapping[str, Any], env: Mapping[str, str]
    ) -> dict[str, Confinement]:
        """What ``start_kernel`` is given so that a session's kernel is confined.

        Raises CannotConfine.
        """
        if place is None:
            msg = "its session cannot be kept on disk, and a sandbox needs the session's folder"
            raise CannotConfine(msg)
        if own := own_of(spec):
            msg = f"its kernelspec has a provisioner of its own ({own})"
            raise CannotConfine(msg)
        try:
            made = await asyncio.to_thread(self._confinement, place, cwd, spec, env)
        except (NoPrefix, OSError) as err:
            raise CannotConfine(str(err)) from err
        return {ARGUMENT: made}

    def trusts(self, program: str, places: Sequence[str], sessions: Path) -> bool:
        """Whether no kernel in the sandbox can write where a program is, nor into ``places``.

        Its libraries and the account's own settings are looked at too. ``sessions`` has the
        folders of sessions. Blocks.
        """
        try:
            found = {*readable([program], os.defpath, never=()), Path(program).resolve()}
        except (NoPrefix, OSError):
            return False
        home = Path.home()
        found |= {home / ".config", home / ".local", *(Path(each).resolve() for each in places)}
        every = (sessions.resolve(), *filter(None, [self._sessions]))
        writable = [*every, *self.places.writable]
        return not any(
            each.is_relative_to(other) or other.is_relative_to(each)
            for each in found
            for other in writable
        )

    def check(self, provisioner: object) -> None:
        """Raise CannotConfine if a kernel runs that was not started in the sandbox."""
        if self.is_on and not is_confined(provisioner):
            msg = "it was started by another provisioner"
            raise CannotConfine(msg)

    def _confinement(
        self, place: Place, cwd: str, spec: Mapping[str, Any], env: Mapping[str, str]
    ) -> Confinement:
        """What the kernel of a session may reach. Blocks. Raises NoPrefix, OSError."""
        assert self._root is not None  # noqa: S101
        command = tuple(map(str, spec.get("argv") or ()))
        shown, path = environment.shown(env, self.environment), env.get("PATH", os.defpath)
        programs = readable(command, path, never=(self._root, *self._secrets))
        packages = user_packages(command, path)
        if packages is not None:
            programs = (*programs, packages)
            shown["PYTHONUSERBASE"] = str(packages.parents[2])
        if fault := self.places.around(self._in_force, programs):
            raise OSError(fault)
        own, kept = real(self._root / place.folder), real(self._root / place.kept)
        handed = kept / HANDED
        directories.have(handed)
        self.places.check()
        folder, shown_too = own, self.places.read_only
        if self._in_force == "landlock":
            # What can be written in a folder can be written in all that is below it.
            folder, shown_too = own / WORK, (own, *shown_too)
            directories.have(folder)
        return Confinement(
            mode=self._in_force,
            folder=folder,
            cwd=real(self._root / self.start_in(cwd, place.folder)),
            kept=kept,
            handed=handed,
            overlay=_overlay(kept, spec),
            programs=programs,
            hidden=tuple(path for path in (self._root, *self._secrets) if path.exists()),
            readable=shown_too,
            writable=self.places.writable,
            sessions=self._sessions or own.parent,
            network=cast("Network", self.network),
            proxy=self._proxy,
            scratch_bytes=self.scratch_bytes,
            env=shown,
        )

    def _open_proxy(self) -> None:
        """Have the hosts that are listed reached, if any are. Raises SandboxUnusable."""
        if not self.allow_hosts:
            return
        if self.network == "host":
            msg = (
                "McpSandbox.network = 'host' gives kernels all that McpSandbox.allow_hosts would "
                "allow and more. Take one of them back"
            )
            raise SandboxUnusable(msg)
        try:
            listed = patterns(self.allow_hosts)
        except NoPattern as err:
            msg = f"McpSandbox.allow_hosts: {err}"
            raise SandboxUnusable(msg) from err
        self._proxy = Proxy(listed, self.log, self.connections.tell)

    def _check_paths(self) -> None:
        named = {"read_only_paths": self.places.read_only, "writable_paths": self.places.writable}
        for trait, paths in named.items():
            for path in paths:
                if not path.exists():
                    msg = f"McpSandbox.{trait} names {str(path)!r}, which is not there"
                    raise SandboxUnusable(msg)
                if any(secret.is_relative_to(path) for secret in self._secrets):
                    what = "the server's key or audit file"
                    msg = f"McpSandbox.{trait} names {str(path)!r}, in which {what} is"
                    raise SandboxUnusable(msg)


def _overlay(kept: Path, spec: Mapping[str, Any]) -> Path | None:
    """The folder of what is installed for a session alone; only Python can have it. Blocks."""
    if str(spec.get("language", "")).lower() != "python":
        return None
    overlay = Overlay(kept / PACKAGES)
    try:
        overlay.prepare()
    except OSError:  # without links on its file system, or full: the kernel starts without it
        return None
    return overlay.folder
