"""A client's configuration file: read with care, and replaced in one step."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import TypeAlias

from jupyter_mcp_ext.system import lock

MAX_BYTES = 20_000_000
"""Bytes of a configuration file that is changed."""

NEW_MODE = 0o600
"""Mode of a file that is made: it may come to hold secrets of other servers."""

_BOM = "\ufeff"
_TRIES = 5
"""How often a change is made again, since the client has written its file in between."""

_BY_HAND = "or write into it by hand what --print shows"

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
    has_links: bool = False
    """Whether it has other names, which would keep what it had if it were replaced."""
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
    """The file as it was, if that is more than what is there now without our entry."""


LedTo: TypeAlias = Callable[[str, str], bool]
"""Whether the first text is the second one, an entry of ours and nothing else."""


def read(path: Path) -> Held:
    """What a file has; a file that is not there is empty. Raises Unusable."""
    target = Path(os.path.realpath(path, strict=False))
    try:
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
        msg = f"{path} cannot be read: {err.strerror or err}. Put that right, then try again."
        raise Unusable(msg) from err
    if len(raw) > MAX_BYTES:
        msg = f"{path} has more than {MAX_BYTES // 1_000_000} MB. Make it smaller, {_BY_HAND}."
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
        has_links=status.st_nlink > 1,
        text=text.replace("\r\n", "\n") if has_crlf else text,
        has_bom=has_bom,
        has_crlf=has_crlf,
    )


def change(
    path: Path,
    changed: Callable[[str], str],
    *,
    led_to: LedTo = lambda _text, _before: False,
    kept_of: Callable[[str], str] = str,
    goes_back: bool = False,
) -> Change:
    """Change a file, if there is something to change, and keep it as it was beside it.

    ``kept_of`` gives what is kept of a text.

    Where the file is the kept one and our entry, the kept one stays, and is put back if the file
    ``goes_back``; a file that was made for the entry is removed then. Other commands like this one
    wait. Raises Unusable, and what ``changed`` raises.
    """
    try:
        folder = read(path).target.parent
        if not folder.is_dir():
            if not changed(""):
                return Change(is_changed=False)
            folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            for _ in range(_TRIES):
                done = _tried(path, changed, led_to, kept_of, goes_back=goes_back)
                if done is not None:
                    return done
    except OSError as err:
        msg = f"{path} cannot be written: {err.strerror or err}. Put that right, {_BY_HAND}."
        raise Unusable(msg) from err
    msg = f"{path} is being written by another program. Close the client, then try again."
    raise Unusable(msg)


def _tried(
    path: Path,
    changed: Callable[[str], str],
    led_to: LedTo,
    kept_of: Callable[[str], str],
    *,
    goes_back: bool,
) -> Change | None:
    """What became of the file; None if it was written by another program just now."""
    held = read(path)
    new: bytes | None = held.encoded(changed(held.text))
    if new == (held.raw or b""):
        return Change(is_changed=False)
    if held.raw is None:
        return Change(is_changed=True) if _replaced(held, new, None) else None
    if not _is_writable(held):
        msg = f"{path} is read-only. Let your account write it, {_BY_HAND}."
        raise Unusable(msg)
    backup = backup_of(held.target)
    kept = _kept(backup)
    is_ours = led_to(held.text, kept.text)
    if is_ours and goes_back:
        new = kept.raw
    if not _replaced(held, new, None if is_ours else held.encoded(kept_of(held.text))):
        return None
    if is_ours and goes_back:
        backup.unlink(missing_ok=True)
    return Change(is_changed=True, backup=None if is_ours else backup)


def backup_of(target: Path) -> Path:
    """Where the file as it was is kept; a name that no person and no other program uses."""
    return target.with_name(f"{target.name}.jupyter-mcp.bak")


def _kept(backup: Path) -> Held:
    try:
        return read(backup)
    except Unusable:
        return Held(target=backup)


def _is_writable(held: Held) -> bool:
    """Whether its account may write it; to root all files are open, whatever their mode says."""
    return bool(held.mode & 0o222) and os.access(held.target, os.W_OK)


def _replaced(held: Held, new: bytes | None, kept: bytes | None) -> bool:
    """Replace a file, or remove it, and keep something beside it.

    False if it is not as it was when it was read.
    """
    with ExitStack() as made:
        backup = made.enter_context(_beside(backup_of(held.target), held, kept))
        draft = made.enter_context(_beside(held.target, held, new))
        if _bytes(held.target) != held.raw:
            return False
        if backup is not None:
            backup.replace(backup_of(held.target))
        if draft is None or new is None:
            held.target.unlink()
        elif held.has_links or not _has_owner(draft, held):
            _overwrite(held, new)
        else:
            try:
                draft.replace(held.target)
            except OSError as err:
                if err.errno != errno.EBUSY:  # it is mounted there by itself, as in a container
                    raise
                _overwrite(held, new)
    return True


def _overwrite(held: Held, new: bytes) -> None:
    """Write into a file that has to stay the same one; what it had is written again on a fault."""
    with held.target.open("r+b", buffering=0) as opened:
        try:
            _write(opened, new)
        except OSError:
            opened.seek(0)
            _write(opened, held.raw or b"")
            raise


def _write(opened: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[opened.write(rest) :]
    opened.truncate()
    os.fsync(opened.fileno())


@contextmanager
def _beside(target: Path, held: Held, content: bytes | None) -> Iterator[Path | None]:
    """A file with a content in the folder of another; it is gone at the end unless it was moved."""
    if content is None:
        yield None
        return
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as opened:
            _write(opened, content)
        if held.owner is not None and hasattr(os, "chown"):
            with suppress(PermissionError):  # only root gives files to others
                os.chown(draft, *held.owner)
        # Another group must not read what only the group of the file may.
        draft.chmod(held.mode if _has_owner(draft, held) else held.mode & 0o700)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _has_owner(path: Path, held: Held) -> bool:
    """Whether a file belongs to the same account and group as another one."""
    status = path.stat()
    return held.owner in (None, (status.st_uid, status.st_gid))


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Have commands that change files of a folder wait for each other, where it can be locked."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # on Windows folders cannot be opened
        yield
        return
    try:
        with suppress(OSError):  # some network file systems lock no folders
            lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)
