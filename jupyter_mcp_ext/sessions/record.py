"""What ``session.json`` says of a session, with a digest so that nobody forges its owner.

The digest is keyed with the server's secret (`governance.keys`): a file without the right one is
still a session, but whose it is cannot be told from it.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

VERSION = 1

Restore = Literal["snapshot", "replay", "fresh"]
"""How a session comes back when its kernel is gone."""


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
    cwd: str
    restore: Restore
    created: float
    last_used: float
    last_line: str = ""
    last_client: str = ""
    had_kernel: bool = False
    """Whether it ever had a kernel: then there is something to come back."""
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
        return _record(content), is_signed
    except UnusableRecord:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
        msg = "it cannot be read"
        raise UnusableRecord(msg) from err


def _record(content: dict[str, object]) -> SessionRecord:
    names = {field.name for field in fields(SessionRecord)}
    known = {name: value for name, value in content.items() if name in names}
    kernel = known.pop("kernel", None)
    texts = (
        *("id", "jupyter_id", "name", "owner", "client", "scope", "kernel_name", "path", "cwd"),
        *("last_client", "last_line"),
    )
    if not all(isinstance(known.get(name, ""), str) for name in texts):
        raise TypeError
    if known["restore"] not in get_args(Restore):
        raise ValueError
    for name in ("created", "last_used"):
        known[name] = float(known[name])  # type: ignore[arg-type]  # TypeError is met above
    process = KernelProcess(**kernel) if isinstance(kernel, dict) else None
    return SessionRecord(**known, kernel=process)  # type: ignore[arg-type]  # checked by name


def _digest(content: dict[str, object], key: bytes) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key, canonical, "sha256").hexdigest()
