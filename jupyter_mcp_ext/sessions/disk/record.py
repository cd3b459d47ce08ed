"""What ``session.json`` says of a session, with a digest so that its owner cannot be forged.

The digest is keyed with the server's secret (`governance.keys`): a file without the right one is
still a session, but whose it is cannot be told from it.
"""

from __future__ import annotations

import hmac
import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

VERSION = 1

MAX_TEXT = 1_000
TEXTS = {
    "id": 8,
    "jupyter_id": 100,
    "kernel_name": MAX_TEXT,
    "last_client": MAX_TEXT,
    **dict.fromkeys(("name", "owner", "client", "scope", "path", "notebook", "cwd"), MAX_TEXT),
}
"""The texts of a record, and the characters that each may have."""

MAX_PID = 2**31
MAX_TIME = 1e11

Restore = Literal["snapshot", "replay", "fresh"]
"""How a session comes back when its kernel is gone."""

NotSaved = Literal["", "busy", "late", "failed", "ended"]
"""Why a session's latest variables were not saved when its kernel was ended; empty if they were."""


def as_restore(word: str) -> Restore:
    """A word as a way to come back; one that is none is taken for ``fresh``."""
    known: tuple[Restore, ...] = get_args(Restore)
    return next((way for way in known if way == word), "fresh")


class UnusableRecord(ValueError):
    """The file is no session's record that this version can read."""


@dataclass(frozen=True, kw_only=True)
class KernelProcess:
    """The process of a session's kernel, to be told from a later one of the same number."""

    kernel_id: str
    pid: int
    created: float
    """Seconds since the epoch."""


@dataclass(frozen=True, kw_only=True)
class SessionRecord:
    """A session as it is on disk. Times are seconds since the epoch, paths API paths."""

    id: str
    jupyter_id: str
    name: str
    owner: str
    client: str
    scope: str = ""
    is_default: bool = False
    kernel_name: str
    path: str
    notebook: str = ""
    """The file with its story; in records of earlier releases the session's name tells it."""
    cwd: str
    restore: Restore
    created: float
    last_used: float
    is_at_rest: bool = False
    """Whether no server holds it: then ``last_used`` is when it was, and no file's time counts."""
    last_line: str = ""
    last_client: str = ""
    had_kernel: bool = False
    """Whether it ever had a kernel: then there is something to come back."""
    not_saved: NotSaved = ""
    kernel: KernelProcess | None = None
    """The kernel's process while it runs."""

    def to_bytes(self, key: bytes) -> bytes:
        """The file's content."""
        content = {"version": VERSION, **asdict(self)}
        text = json.dumps({**content, "digest": _digest(content, key)}, indent=1, sort_keys=True)
        return text.encode() + b"\n"


def parse(data: bytes, key: bytes) -> tuple[SessionRecord, bool]:
    """The record in a file's content, and whether this server's key has signed it.

    Raises UnusableRecord.
    """
    try:
        content = json.loads(data)
        version, digest = content.pop("version"), content.pop("digest", "")
        if version != VERSION:
            msg = f"it has version {version!r}, which this release does not know"
            raise UnusableRecord(msg)
        is_signed = isinstance(digest, str) and hmac.compare_digest(
            digest.encode(), _digest({"version": version, **content}, key).encode()
        )
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
    names = {field.name for field in fields(SessionRecord)}
    known = {name: value for name, value in content.items() if name in names}
    kernel = known.pop("kernel", None)
    for name, limit in TEXTS.items():
        _check_text(known.get(name, ""), limit, is_ours=is_signed)
    if known["restore"] not in get_args(Restore):
        raise ValueError
    known["is_at_rest"] = known.get("is_at_rest") is True
    if known.get("not_saved") not in get_args(NotSaved):
        known["not_saved"] = ""
    for name in ("created", "last_used"):
        known[name] = _time(known[name])
    for name in ("is_default", "had_kernel"):
        known[name] = known.get(name, False) is True
    line = str(known.get("last_line", ""))[:MAX_TEXT]
    known["last_line"] = line if is_signed else "".join(c for c in line if c.isprintable())
    return SessionRecord(**known, kernel=_process(kernel))  # type: ignore[arg-type]  # checked by name


def _process(kernel: object) -> KernelProcess | None:
    if not isinstance(kernel, dict):
        return None
    kernel_id, pid = kernel["kernel_id"], kernel["pid"]
    _check_text(kernel_id, MAX_TEXT, is_ours=False)
    if type(pid) is not int or not 0 < pid < MAX_PID:
        raise ValueError
    return KernelProcess(kernel_id=kernel_id, pid=pid, created=_time(kernel["created"]))


def _check_text(value: object, limit: int, *, is_ours: bool) -> None:
    """Raise ValueError for text of other programs that could break a line it is shown in."""
    if not isinstance(value, str):
        raise TypeError
    if not (is_ours or (len(value) <= limit and value.isprintable())):
        raise ValueError


def _time(value: object) -> float:
    seconds = float(value) if isinstance(value, int | float) else math.nan
    if not 0 <= seconds < MAX_TIME:
        raise ValueError
    return seconds


def _digest(content: dict[str, object], key: bytes) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key, canonical, "sha256").hexdigest()
