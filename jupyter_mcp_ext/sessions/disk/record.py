"""What ``session.json`` says of a session, with a digest so that its owner cannot be forged.

The digest is keyed with the server's secret (`governance.keys`): a file without the right one is
still a session, but its owner is unknown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from jupyter_mcp_ext.sealed import is_sealed, seal

VERSION = 1

MAX_TEXT = 1_000
MAX_PID = 2**31
MAX_TIME = 1e11

Restore = Literal["snapshot", "replay", "fresh"]
"""How a session comes back when its kernel is gone."""

NotSaved = Literal["", "busy", "late", "failed", "ended", "expired", "full"]
"""Why a session's latest variables are not saved; empty if they are."""


def as_restore(word: str) -> Restore:
    """A word as a `Restore`; any other word is taken for ``fresh``."""
    known: tuple[Restore, ...] = get_args(Restore)
    return next((way for way in known if way == word), "fresh")


class UnusableRecord(ValueError):
    """The file is not a session's record, or not one that this version can read."""


@dataclass(frozen=True, kw_only=True)
class KernelProcess:
    """The process of a session's kernel; a later process with the same number differs in time."""

    kernel_id: str
    pid: int
    created: float
    """Seconds since the epoch."""


def _read(
    check: Callable[[object, bool], object], *, is_believed: bool = False
) -> Mapping[str, Any]:
    """How a field's value is read from a file: ``check`` gives it or raises ValueError, TypeError.

    It is told whether this server's key has signed the file. Of a file without that signature
    only the fields are taken that are ``is_believed``.
    """
    return {"check": check, "is_believed": is_believed}


def _text(limit: int = MAX_TEXT, *, is_believed: bool = False) -> Mapping[str, Any]:
    """Text of another program must not break a line that it is shown in."""

    def check(value: object, is_signed: bool) -> str:
        if not isinstance(value, str):
            raise TypeError
        if not (is_signed or (len(value) <= limit and value.isprintable())):
            raise ValueError
        return value

    return _read(check, is_believed=is_believed)


def _flag(*, is_believed: bool = False) -> Mapping[str, Any]:
    return _read(lambda value, _: value is True, is_believed=is_believed)


def _moment() -> Mapping[str, Any]:
    return _read(lambda value, _: _time(value), is_believed=True)


def _way(value: object, _: bool) -> object:
    if value not in get_args(Restore):
        raise ValueError
    return value


def _line(value: object, is_signed: bool) -> str:
    line = str(value)[:MAX_TEXT]
    return line if is_signed else "".join(c for c in line if c.isprintable())


def _reason(value: object, _: bool) -> object:
    return value if value in get_args(NotSaved) else ""


@dataclass(frozen=True, kw_only=True)
class SessionRecord:
    """A session as it is on disk. Times are seconds since the epoch, paths API paths.

    Each field says how it is read (`_read`); nothing else lists the fields.
    """

    id: str = field(metadata=_text(8, is_believed=True))
    jupyter_id: str = field(metadata=_text(100, is_believed=True))
    name: str = field(metadata=_text(is_believed=True))
    owner: str = field(metadata=_text())
    client: str = field(metadata=_text(is_believed=True))
    scope: str = field(default="", metadata=_text(is_believed=True))
    is_default: bool = field(default=False, metadata=_flag(is_believed=True))
    kernel_name: str = field(metadata=_text(is_believed=True))
    path: str = field(metadata=_text())
    notebook: str = field(default="", metadata=_text())
    """The file with its story; in records of earlier releases the session's name tells it."""
    cwd: str = field(metadata=_text())
    restore: Restore = field(metadata=_read(_way))
    created: float = field(metadata=_moment())
    last_used: float = field(metadata=_moment())
    is_at_rest: bool = field(default=False, metadata=_flag())
    """Whether no server holds it: then ``last_used`` is when it was, and no file's time counts."""
    last_line: str = field(default="", metadata=_read(_line))
    """The last line that its latest execution put out."""
    last_client: str = field(default="", metadata=_text())
    """The client that used it last."""
    had_kernel: bool = field(default=False, metadata=_flag(is_believed=True))
    """Whether it ever had a kernel: then there is something to come back."""
    not_saved: NotSaved = field(default="", metadata=_read(_reason))
    archived: float = field(default=0.0, metadata=_moment())
    """When it was archived: it cannot be used any more, and its notebook stays. 0: it was not."""
    kernel: KernelProcess | None = field(
        default=None, metadata=_read(lambda value, _: _process(value))
    )
    """The kernel's process while it runs."""

    def to_bytes(self, key: bytes) -> bytes:
        """The file's content."""
        content = {"version": VERSION, **asdict(self)}
        text = json.dumps(seal(content, key), indent=1, sort_keys=True)
        return text.encode() + b"\n"

    def deleted(self, *, now: float) -> SessionRecord:
        """The record of the session once its folder was deleted."""
        return replace(self, archived=now, notebook="")

    def claimed(self, *, owner: str, notebook: str, folder: str) -> SessionRecord:
        """A record that our key has not signed, for an owner, in the place where it was found.

        What it says of places, processes and its owner is not believed.
        """
        believed = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.metadata["is_believed"]
        }
        return SessionRecord(
            **believed,
            owner=owner,
            path=f"{folder}/{notebook}",
            notebook=notebook,
            cwd=folder,
            restore="snapshot",
        )


def parse(data: bytes, key: bytes) -> tuple[SessionRecord, bool]:
    """The record in a file's content, and whether this server's key has signed it.

    Raises UnusableRecord.
    """
    try:
        content = json.loads(data)
        version, is_signed = content["version"], is_sealed(content, key)
        if version != VERSION:
            msg = f"it has version {version!r}, which this release does not know"
            raise UnusableRecord(msg)
        return _record(content, is_signed=is_signed), is_signed
    except UnusableRecord:
        raise
    except (
        *(ValueError, TypeError, KeyError, AttributeError),
        *(OverflowError, RecursionError),
    ) as err:
        msg = "it cannot be read"
        raise UnusableRecord(msg) from err


def _record(content: dict[str, object], *, is_signed: bool) -> SessionRecord:
    values: dict[str, Any] = {
        each.name: each.metadata["check"](content[each.name], is_signed)
        for each in fields(SessionRecord)
        if each.name in content
    }
    return SessionRecord(**values)


def _process(kernel: object) -> KernelProcess | None:
    if not isinstance(kernel, dict):
        return None
    kernel_id, pid = kernel["kernel_id"], kernel["pid"]
    _text()["check"](kernel_id, False)
    if type(pid) is not int or not 0 < pid < MAX_PID:
        raise ValueError
    return KernelProcess(kernel_id=kernel_id, pid=pid, created=_time(kernel["created"]))


def _time(value: object) -> float:
    seconds = float(value) if isinstance(value, int | float) else math.nan
    if not 0 <= seconds < MAX_TIME:
        raise ValueError
    return seconds
