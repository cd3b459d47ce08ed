"""A client's configuration file: read with care, and replaced in one step."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir

from jupyter_mcp_ext.system import lock

MAX_BYTES = 20_000_000
"""Bytes of a configuration file that is changed."""

NEW_MODE = 0o600
"""Mode of a file that is made: it may come to hold secrets of other servers."""

_BOM = "\ufeff"
_TRIES = 5
"""How often a change is made again, since the client has written its file in between."""

_OWN_NEWLINE = re.compile(r"(?<!\r)\n")


class Unusable(Exception):
    """A file that is left as it is; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a file has, as it was read."""

    target: Path
    """The file itself, behind symbolic links."""
    raw: bytes | None = None
    """None if there is no file."""
    mode: int = NEW_MODE
    owner: tuple[int, int] | None = None
    text: str = ""
    """Without the mark at its start, and with the line ends of Unix if all of them are others."""
    has_bom: bool = False
    has_crlf: bool = field(default=False)

    def encoded(self, text: str) -> bytes:
        """A changed text as it is written."""
        if self.has_crlf:
            text = _OWN_NEWLINE.sub("\r\n", text)
        return ((_BOM if self.has_bom else "") + text).encode()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of a file."""

    is_changed: bool
    backup: Path | None = None
    """The file as it was, if there was one."""


def read(path: Path) -> Held:
    """What a file has; a file that is not there is empty. Raises Unusable."""
    try:
        target = Path(os.path.realpath(path, strict=False))
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(target, flags), "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                msg = f"{path} is not a file. Move it away, then try again."
                raise Unusable(msg)
            raw = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Held(target=target)
    except IsADirectoryError:
        msg = f"{path} is a folder, not a file. Move it away, then try again."
        raise Unusable(msg) from None
    except OSError as err:
        msg = f"{path} cannot be read: {err.strerror or err}."
        raise Unusable(msg) from err
    if len(raw) > MAX_BYTES:
        msg = f"{path} has more than {MAX_BYTES // 1_000_000} MB: it is left as it is."
        raise Unusable(msg)
    try:
        text = raw.decode()
    except UnicodeDecodeError as err:
        line = raw.count(b"\n", 0, err.start) + 1
        msg = f"{path} is not UTF-8 in line {line}: it is left as it is. Save it as UTF-8."
        raise Unusable(msg) from None
    has_bom = text.startswith(_BOM)
    text = text.removeprefix(_BOM)
    has_crlf = "\r\n" in text and not _OWN_NEWLINE.search(text)
    return Held(
        target=target,
        raw=raw,
        mode=stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        text=text.replace("\r\n", "\n") if has_crlf else text,
        has_bom=has_bom,
        has_crlf=has_crlf,
    )


def change(path: Path, changed: Callable[[str], str]) -> Change:
    """Change a file, if there is something to change.

    Other commands like this one wait. Raises Unusable, and what ``changed`` raises.
    """
    with _alone():
        for _ in range(_TRIES):
            held = read(path)
            new = held.encoded(changed(held.text))
            if new == (held.raw or b""):
                return Change(is_changed=False)
            if not held.mode & 0o200:
                msg = f"{path} is read-only: it is left as it is. Change its mode first."
                raise Unusable(msg)
            try:
                if _replaced(held, new):
                    return Change(
                        is_changed=True,
                        backup=backup_of(held.target) if held.raw is not None else None,
                    )
            except OSError as err:
                msg = f"{path} cannot be written: {err.strerror or err}."
                raise Unusable(msg) from err
    msg = f"{path} is being written by another program. Close the client, then try again."
    raise Unusable(msg)


def backup_of(target: Path) -> Path:
    """Where the file as it was is kept."""
    return target.with_name(f"{target.name}.bak")


def _replaced(held: Held, new: bytes) -> bool:
    """Replace a file and keep the one before; False if it is not as it was when it was read."""
    held.target.parent.mkdir(parents=True, exist_ok=True)
    with _beside(held.target, held, new) as made:
        if held.raw is not None:
            with _beside(backup_of(held.target), held, held.raw) as kept:
                if _bytes(held.target) != held.raw:
                    return False
                kept.replace(backup_of(held.target))
        elif _bytes(held.target) is not None:
            return False
        made.replace(held.target)
    return True


@contextmanager
def _beside(target: Path, held: Held, content: bytes) -> Iterator[Path]:
    """A file with a content in the folder of another; it is gone at the end unless it was moved."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        if held.owner is not None and hasattr(os, "chown"):
            with suppress(PermissionError):  # only root gives files to others
                os.chown(name, *held.owner)
        Path(name).chmod(held.mode)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@contextmanager
def _alone() -> Iterator[None]:
    """Have the commands of this account change configurations one after the other."""
    folder = Path(jupyter_runtime_dir())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "jupyter-mcp-connect.lock").open("a") as file:
        lock(file, wait=True)
        yield
