"""Connects clients on this machine, takes that back, and says what was done."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from jupyter_core.paths import jupyter_data_dir

from jupyter_mcp_ext.clients.servers import KEPT_IN, TOKEN_VARIABLE, Server

from .client import NAME, Client, Machine, NotWritable, is_ours, twins
from .clients import CLIENTS
from .editing.text import NotEditable
from .file import Change, Unusable, change, read
from .target import NoWay, Road, Wish, road


class Refused(Exception):
    """A client that stays as it is; the message says why and what to do."""


def this_machine() -> Machine:
    """The machine and account of this process."""
    match sys.platform:
        case "win32":
            system: Literal["linux", "mac", "windows"] = "windows"
        case "darwin":
            system = "mac"
        case _:
            system = "linux"
    return Machine(system=system, home=Path.home(), env=os.environ, which=shutil.which)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What was done with a client."""

    words: str
    is_changed: bool
    note: str = ""
    """What else is to be done; empty if that is nothing."""


@dataclass(frozen=True, kw_only=True)
class Connecting:
    """Connects clients on one machine."""

    machine: Machine = field(default_factory=this_machine)

    def installed(self) -> tuple[Client, ...]:
        """The clients that are installed."""
        return tuple(client for client in CLIENTS if client.is_installed(self.machine))

    def check_installed(self, client: Client) -> None:
        """Raises Refused for a client that is not here."""
        if not client.is_installed(self.machine):
            programs = " or ".join(f"`{program}`" for program in client.programs)
            msg = (
                f"{client.title} is not installed here: there is no program {programs} and no "
                f"{self._short(client.file(self.machine))}. Install it, or see its configuration "
                "with --print; --force writes it."
            )
            raise Refused(msg)

    def connect(self, client: Client, server: Server, wish: Wish, *, force: bool) -> Done:
        """Write the entry of a server. Raises Refused."""
        taken = self._road(client, server, wish)
        file = client.file(self.machine)
        others: tuple[str, ...] = ()

        def connected(text: str) -> str:
            nonlocal others
            present = client.present(text)
            if present is not None and not force and not is_ours(client, present, taken.target.url):
                msg = (
                    f"{self._short(file)} has an entry {NAME!r} that this command has not made. "
                    "Give it another name, or replace it with --force."
                )
                raise Refused(msg)
            changed = client.connected(text, taken.target, taken.way)
            others = twins(client, changed, taken.target)
            return changed

        done = self._changed(client, file, connected, url=taken.target.url)
        way = "through the bridge" if taken.way == "bridge" else "over HTTP"
        already = "" if done.is_changed else " already"
        words = f"{client.title} is connected{already}, {way}: {self._written(file, done)}"
        return Done(words=words, is_changed=done.is_changed, note=_twice(others))

    def remove(self, client: Client, *, url: str = "", force: bool = False) -> Done:
        """Take the entry back. Raises Refused."""
        file = client.file(self.machine)

        def removed(text: str) -> str:
            present = client.present(text) if text.strip() else None
            if present is not None and not force and not is_ours(client, present, url):
                msg = (
                    f"{self._short(file)} has an entry {NAME!r} that this command has not made: "
                    "it stays. --force takes it out all the same."
                )
                raise Refused(msg)
            return client.removed(text)

        done = self._changed(client, file, removed, url=url, goes_back=True)
        state = "is not connected any more" if done.is_changed else "was not connected"
        words = f"{client.title} {state}: {self._written(file, done)}"
        return Done(words=words, is_changed=done.is_changed)

    def shown(self, client: Client, server: Server, wish: Wish) -> str:
        """What would be written if the file were new. Raises Refused."""
        taken = self._road(client, server, wish)
        return client.connected("", taken.target, taken.way)

    def state(self, client: Client) -> str:
        """Whether a client is connected, in a word."""
        try:
            text = read(client.file(self.machine)).text
            present = client.present(text) if text.strip() else None
        except (Unusable, NotEditable):
            return "not readable"
        if present is None:
            return "not connected"
        return "connected" if is_ours(client, present) else f"has another {NAME!r}"

    def needs(self, client: Client, server: Server, wish: Wish) -> list[str]:
        """What has to be in the environment of a client, as lines of a shell."""
        taken = self._road(client, server, wish)
        lines = []
        if taken.way == "http" and wish.cafile:
            lines.append(_export(client.trusts, str(Path(wish.cafile).expanduser().absolute())))
        if taken.showing == "reference" and client.companion is None:
            lines.append(token_line(server))
        return lines

    def where(self, client: Client) -> str:
        """The file of a client, as it is named to people."""
        return self._short(client.file(self.machine))

    def _road(self, client: Client, server: Server, wish: Wish) -> Road:
        try:
            taken = road(client, server, wish, self.machine.env)
            client.check(client.entry(taken.target, taken.way), taken.target.token)
        except NoWay as err:
            raise Refused(str(err)) from err
        except NotWritable as err:
            msg = f"{err}. Give it another name, without such characters."
            raise Refused(msg) from err
        return taken

    def _changed(
        self,
        client: Client,
        file: Path,
        make: Callable[[str], str],
        *,
        url: str,
        goes_back: bool = False,
    ) -> Change:
        try:
            return change(
                file,
                make,
                led_to=partial(client.led_to, url=url),
                kept_of=client.without_token,
                goes_back=goes_back,
            )
        except NotEditable as err:
            msg = (
                f"{self._short(file)} is left as it is: {err}. Correct it, or write into it what "
                f"`jupyter mcp connect {client.id} --print` shows."
            )
            raise Refused(msg) from err
        except Unusable as err:
            raise Refused(str(err)) from err

    def _written(self, file: Path, done: Change) -> str:
        before = f" (before: {self._short(done.backup)})" if done.backup else ""
        return f"{self._short(file)}{before}"

    def _short(self, file: Path) -> str:
        try:
            return str(Path("~") / file.relative_to(self.machine.home))
        except ValueError:
            return str(file)


def _twice(others: Sequence[str]) -> str:
    if not others:
        return ""
    names = " and ".join(map(repr, others))
    return f"Its {names} leads to this server too, so its model has each tool twice. Take one out."


def token_line(server: Server) -> str:
    """The line that puts the token of a server into the environment of a shell."""
    file = Path(jupyter_data_dir()) / KEPT_IN
    try:
        is_kept = file.read_text().strip() == server.token
    except (OSError, ValueError):
        is_kept = False
    if is_kept and os.name != "nt":
        return f'export {TOKEN_VARIABLE}="$(cat {shlex.quote(str(file))})"'
    return _export(TOKEN_VARIABLE, server.token)


def _export(variable: str, value: str) -> str:
    """A line for a POSIX shell, or on Windows for PowerShell."""
    if os.name == "nt":
        quoted = value.replace("'", "''")
        return f"$env:{variable} = '{quoted}'"
    return f"export {variable}={shlex.quote(value)}"
