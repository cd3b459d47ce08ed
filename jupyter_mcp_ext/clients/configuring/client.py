"""What is known of one client: where its configuration is, and how a server is written there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

from jupyter_mcp_ext.clients.servers import TOKEN_VARIABLE

from .editing import jsonc, toml, yaml
from .editing import text as editing

NAME = "jupyter"
"""The name that clients give the server."""

MARK = {"Made-By": "jupyter mcp connect"}
"""A header by which an entry with a token in clear is known to be ours; servers pass it over."""

_PROGRAM = re.compile(r"(^|[/\\\\])jupyter-mcp(-ext)?(\.exe)?$|^jupyter_mcp_ext$")

Format: TypeAlias = Literal["json", "toml", "yaml"]

Way: TypeAlias = Literal["bridge", "http"]
"""How a client reaches the server: by a program that it starts, or by itself."""

EDITORS: Mapping[Format, editing.Editor] = {"json": jsonc, "toml": toml, "yaml": yaml}

Entry: TypeAlias = dict[str, Any]


class NotWritable(Exception):
    """A text that a configuration cannot have; the message says which and why."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine and account on which clients are configured."""

    system: Literal["linux", "mac", "windows"]
    home: Path
    env: Mapping[str, str] = field(repr=False)
    which: Callable[[str], str | None]
    """Finds a program."""

    def folder(self, variable: str, default: str) -> Path:
        """The folder that a variable names, or one below the home folder."""
        return Path(self.env[variable]) if self.env.get(variable) else self.home / default

    @property
    def config(self) -> Path:
        """Where programs keep their configuration, by the custom of the system."""
        match self.system:
            case "windows":
                return self.folder("APPDATA", "AppData/Roaming")
            case "mac":
                return self.home / "Library/Application Support"
            case _:
                return self.xdg

    @property
    def xdg(self) -> Path:
        """The same for programs that do as on Linux everywhere."""
        return self.folder("XDG_CONFIG_HOME", ".config")


@dataclass(frozen=True, kw_only=True)
class Target:
    """The server that a client is connected to."""

    url: str = ""
    """The address of MCP; empty for a server on a socket."""
    command: str = ""
    """The program of the bridge."""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    """What the bridge needs of the environment, which clients pass on in part."""
    token: str = field(default="", repr=False)
    """As it is written: a reference in the client's own form, or in clear. Empty: none is needed,
    or the bridge finds it."""
    is_clear: bool = False
    """Whether the token is in clear."""

    @property
    def headers(self) -> dict[str, str]:
        """What a client sends that reaches the server by itself."""
        if not self.token:
            return {}
        return {"Authorization": f"Bearer {self.token}", **(MARK if self.is_clear else {})}


@dataclass(frozen=True, kw_only=True)
class Client:
    """One client. Its functions are pure."""

    id: str
    title: str
    programs: tuple[str, ...]
    files: Callable[[Machine], tuple[Path, ...]]
    """Its configuration; the first that is there is used, or else made."""
    folders: Callable[[Machine], tuple[Path, ...]]
    """Where one of these is, or one of the programs, the client is installed."""
    shown: str
    """A file in which a person writes the entry."""
    path: editing.Path
    """Where the entry is in the file."""
    bridge: Callable[[Target], Entry]
    http: Callable[[Target], Entry] | None = None
    """None if it cannot send a header at all."""
    reference: str = ""
    """How its configuration refers to the variable with the token; empty if it cannot."""
    format: Format = "json"
    new: str = ""
    """What a file that is made begins with."""
    command: Callable[[str, str], str] | None = None
    """The client's own command that adds a server, given the URL and what the token is."""
    companion: tuple[editing.Path, Mapping[str, Any]] | None = None
    """What its reference refers to, in the same file."""
    replaces: str = r"\$\{"
    """What it takes for a variable in any text of an entry, as a pattern; empty for nothing."""
    trusts: str = "NODE_EXTRA_CA_CERTS"
    """The variable with a file of certificates that it trusts."""

    @property
    def editor(self) -> editing.Editor:
        """What changes its file."""
        return EDITORS[self.format]

    @property
    def known(self) -> frozenset[str]:
        """The members of an entry that are written by this program, in one way or another."""
        ways = [self.bridge, *([self.http] if self.http else [])]
        tokens = ("", "in clear", self.reference)
        made = [Target(url="x", command="x", env={"x": "y"}, token=token) for token in tokens]
        return frozenset(key for way in ways for target in made for key in way(target))

    def entry(self, target: Target, way: Way) -> Entry:
        """What is written about a server."""
        if way == "bridge" or self.http is None:
            return self.bridge(target)
        return self.http(target)

    def fault(self, text: str) -> str:
        """Why the client would read a text as another one; empty if it would not."""
        if self.replaces and re.search(self.replaces, text):
            return f"{self.title} would take a part of it for a variable"
        try:
            text.encode()
        except UnicodeEncodeError:
            return "it is not UTF-8, as a configuration has to be"
        return ""

    def check(self, entry: Entry, token: str) -> None:
        """Raises NotWritable for an entry that the client would read as another one."""
        for text in texts_of(entry):
            is_token = bool(token) and text in (token, f"Bearer {token}")
            if is_token and token == self.reference:
                continue
            if fault := self.fault(text):
                what = "The token" if is_token else ascii(text)
                msg = f"{what} cannot be written: {fault}"
                raise NotWritable(msg)

    def file(self, machine: Machine) -> Path:
        """Its configuration on a machine."""
        files = self.files(machine)
        return next((file for file in files if os.path.lexists(file)), files[0])

    def is_installed(self, machine: Machine) -> bool:
        """Whether one of its programs or folders is there."""
        return any(machine.which(program) for program in self.programs) or any(
            os.path.lexists(path) for path in (*self.folders(machine), *self.files(machine))
        )

    def connected(self, text: str, target: Target, way: Way) -> str:
        """The configuration with the entry. Raises NotEditable."""
        refers = target.token == self.reference
        return self._with(text, self.entry(target, way), refers=refers)

    def led_to(self, text: str, before: str, url: str = "") -> bool:
        """Whether a configuration is another one into which only our entry was written.

        What the other one has of that name, if anything, is a person's.
        """
        try:
            entry = self.present(text)
            if not isinstance(entry, dict) or not is_ours(self, entry, url):
                return False
            if before.strip() and is_ours(self, self.present(before), url):
                return False
            refers = self.companion is not None and bool(self.editor.get(text, self.companion[0]))
            if self._with(before, entry, refers=refers) == text:
                return True
            # What the reference refers to came and went, and left a list.
            added = self._with(before, entry, refers=True)
            return self._with(added, entry, refers=refers) == text
        except editing.NotEditable:
            return False

    def _with(self, text: str, entry: Entry, *, refers: bool) -> str:
        changed = editing.merged(self.editor, text or self.new, self.path, entry, self.known)
        if self.companion is None:
            return changed
        path, value = self.companion
        present = self.editor.get(changed, path)
        if refers:
            return changed if present == value else self.editor.put(changed, path, dict(value))
        return self.editor.drop(changed, path) if present == value else changed

    def removed(self, text: str) -> str:
        """The configuration without the entry, if it has one. Raises NotEditable."""
        for path in (self.path, *([self.companion[0]] if self.companion else [])):
            if text.strip() and self.editor.get(text, path) is not None:
                text = self.editor.drop(text, path)
        return text

    def without_token(self, text: str) -> str:
        """The configuration without an entry of ours that has a token in clear."""
        entry = self.present(text) if text.strip() else None
        has_token = any(
            value not in ("", "Bearer ", self.reference, f"Bearer {self.reference}")
            for value in _logins(entry)
        )
        return self.removed(text) if has_token and is_ours(self, entry) else text

    def present(self, text: str) -> Any:
        """The entry that a configuration has; None if it has none. Raises NotEditable."""
        return self.editor.get(text, self.path)


def is_ours(client: Client, entry: Any, url: str = "") -> bool:
    """Whether an entry was made by this program, or by what its documentation says.

    It starts the bridge, or is an address with a reference to the token, or the address ``url``.
    """
    texts = list(texts_of(entry))
    if MARK["Made-By"] in texts:
        return True
    if "bridge" in texts and any(_PROGRAM.search(text) for text in texts):
        return True
    addresses = [text for text in texts if text.startswith(("http://", "https://"))]
    login = (f"Bearer {client.reference}", TOKEN_VARIABLE)
    refers = bool(client.reference) and any(text in login for text in texts)
    return bool(addresses) and (refers or url in addresses)


def twins(client: Client, text: str, target: Target) -> tuple[str, ...]:
    """The names of other entries that lead to the server of a target. Raises NotEditable."""
    *table, last = client.path
    beside = client.editor.get(text, tuple(table))
    if isinstance(last, editing.Item) and isinstance(beside, list):
        beside = {str(item.get(last.key)): item for item in beside if isinstance(item, dict)}
    if not isinstance(beside, dict):
        return ()
    return tuple(
        str(name)
        for name, entry in beside.items()
        if name != NAME and isinstance(entry, dict) and _leads_to(entry, target)
    )


def _leads_to(entry: Entry, target: Target) -> bool:
    if entry.get("enabled") is False or entry.get("disabled") is True:
        return False
    texts = list(texts_of(entry))
    if target.url and target.url in texts:
        return True
    starts = "bridge" in texts and any(_PROGRAM.search(text) for text in texts)
    return starts and _servers(texts) <= _servers(target.args)


def _servers(args: Sequence[str]) -> set[str]:
    """The servers that the arguments of a bridge name; it finds one by itself if there is none."""
    return {value for option, value in pairwise(args) if option == "--server"}


def _logins(value: Any) -> Iterator[str]:
    """The tokens of an entry, and what refers to them."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key in (TOKEN_VARIABLE, "Authorization") and isinstance(member, str):
                yield member
            yield from _logins(member)


def texts_of(value: Any) -> Iterator[str]:
    """All texts of an entry, in their order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from texts_of(member)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
