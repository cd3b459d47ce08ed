"""A session's saved variables: the index beside them, and the outcome of loading them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jupyter_mcp_ext.sealed import canonical, is_sealed, seal

VERSION = 2

SPECIAL = "\0"
"""Prefix of names in a record that are not variables."""

READ = (1, VERSION)
"""Versions that are read."""


class UnusableSnapshot(Exception):
    """The snapshot cannot be loaded; the message says why, as a sentence without its subject."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NoSnapshot(UnusableSnapshot):
    """The session has not been saved."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A part of the data file, and the variables in it."""

    offset: int
    size: int
    sha256: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A variable that was not saved."""

    name: str
    type: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Hole:
    """A part of a saved variable that is not saved; something else comes back in its place."""

    name: str
    """The variable."""
    where: str
    """The way to it from there, as in Python: ``".lock"`` or ``"['a'][0]"``; it may be cut."""
    why: str


@dataclass(frozen=True, kw_only=True)
class Unrestored:
    """A change of the session to its process that is not saved."""

    name: str
    """In plain words: ``"locale"``."""
    why: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A variable that was not loaded, or a definition (its first line) that raised."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was saved, with everything needed to trust and load it."""

    session_id: str
    owner: str
    created: float
    after: int
    """The number of the execution after which it was taken."""
    python: str
    """``"3.11"``"""
    implementation: str
    """``"CPython"``"""
    file: str
    records: tuple[Record, ...]
    modules: Mapping[str, str]
    """Variables that are modules, with the modules' names."""
    skipped: tuple[Skipped, ...]
    """All variables that are not in it."""
    sources: tuple[str, ...] = ()
    """Of version 1, the definitions to run before the variables are loaded."""
    definitions: tuple[str, ...] = ()
    """Those of the names that these bind that the session had."""
    holes: tuple[Hole, ...] = ()
    """All parts that its variables lack."""
    unrestored: tuple[Unrestored, ...] = ()
    """Other differences between a restored session and this one."""
    is_confined: bool = False
    """Whether the kernel that has written it ran in a sandbox."""
    version: int = field(default=VERSION)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables in the data file."""
        names = (name for record in self.records for name in record.names)
        return tuple(name for name in names if not name.startswith(SPECIAL))

    @property
    def size(self) -> int:
        """Bytes of the data file."""
        return sum(record.size for record in self.records)

    def to_bytes(self, key: bytes) -> bytes:
        """JSON with a digest by the key."""
        return canonical(seal(asdict(self), key))

    @classmethod
    def from_bytes(cls, data: bytes, key: bytes) -> Snapshot:
        """Read what `to_bytes` made with the same key. Raises UnusableSnapshot."""
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as err:
            msg = "it is cut off or not JSON"
            raise UnusableSnapshot(msg) from err
        if not isinstance(content, dict) or "digest" not in content:
            msg = "it is not a snapshot"
            raise UnusableSnapshot(msg)
        if content.get("version") not in READ:
            msg = f"it is of version {content.get('version')!r}, and this server reads {VERSION}"
            raise UnusableSnapshot(msg)
        if not is_sealed(content, key):
            msg = "it was not made with this server's key"
            raise UnusableSnapshot(msg)
        del content["digest"]
        return cls(**content | parsed(content))

    def check_kernel(self, python: str, implementation: str, *, is_confined: bool) -> None:
        """Raise UnusableSnapshot for a kernel with another Python, or one without a sandbox.

        What is loaded can run code, which was to stay in the sandbox in which it was written.
        """
        if self.is_confined and not is_confined:
            msg = "it was saved in a sandbox, and this kernel runs in none"
            raise UnusableSnapshot(msg)
        saved = f"{self.implementation} {self.python}"
        found = f"{implementation} {python}"
        if saved != found:
            msg = f"it was saved by {saved}, and the kernel is {found}"
            raise UnusableSnapshot(msg)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """The outcome of loading a snapshot into a kernel."""

    loaded: tuple[str, ...]
    """Variables, modules among them."""
    failed: tuple[Failed, ...]
    definitions: tuple[str, ...]
    """Names that definitions bind, which were run again."""
    definitions_failed: tuple[Failed, ...]
    state: tuple[str, ...] = ()
    """Parts of the process that came back, in plain words: ``"working directory"``."""
    state_failed: tuple[Failed, ...] = ()
    """Parts of the process that did not."""
    snapshot: Snapshot | None = None
    """Where the variables came from; its ``skipped`` were not in it."""


def parsed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The lists in a snapshot's JSON, as objects of a `Snapshot`."""
    records = (Record(**one | {"names": tuple(one["names"])}) for one in content["records"])
    return {
        "records": tuple(records),
        "definitions": tuple(content.get("definitions", ())),
        "skipped": tuple(Skipped(**one) for one in content["skipped"]),
        "holes": tuple(Hole(**one) for one in content.get("holes", ())),
        "unrestored": tuple(Unrestored(**one) for one in content.get("unrestored", ())),
        **({"sources": tuple(content["sources"])} if "sources" in content else {}),
    }
