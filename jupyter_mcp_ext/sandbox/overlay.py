"""What was installed for one session alone: a folder that its kernel sees and cannot write.

It is among what the server keeps of the session. ``site`` is a link to the packages as they are
now, in a folder with a number. An installation makes the next folder and moves the link, so that it
is done as a whole or not at all. The folders before it stay until the kernel is started again: it
may have files of them open.

Everything here blocks. Failures are OSError.
"""

from __future__ import annotations

import csv
import os
import posixpath
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from packaging.utils import canonicalize_name

from jupyter_mcp_ext.in_kernel import texts

from .directories import have

PACKAGES = "packages"
"""Its name among what the server keeps of a session."""

STARTUP = "startup"
"""The folder with the ``sitecustomize`` that adds the packages to Python's path."""

PYTHON = "python"
"""The file that says for which Python they are; missing as long as there are none."""

LEFT = 20
"""Earlier states that are kept for a running kernel, at most."""

MAX_FILES = 500_000
"""Files and folders of one session's packages: empty ones have no bytes."""

MAX_METADATA, MAX_RECORD = 2 << 20, 16 << 20
"""Bytes of one file of a package's metadata, which are read as a whole, and of its list of files.
"""

STARTED = secrets.token_hex(4)


class Unfit(Exception):
    """What would be installed cannot be shown to a kernel; the message says why."""


class Overlay:
    """The packages of one session, in this folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def site(self) -> Path:
        """Where Python finds the packages."""
        return self.folder / "site"

    def prepare(self) -> None:
        """Make what is missing, and remove what only an earlier kernel of the session needed."""
        self._make()
        self._remove_before(self.number)
        for entry in list(os.scandir(self.folder)):
            if entry.name.startswith("new-") and entry.name.split("-")[1] != _process():
                shutil.rmtree(entry.path, ignore_errors=True)  # of a server that was killed

    def seen_with(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment of a kernel, so that it and what it starts see the packages."""
        startup, path = str(self.folder / STARTUP), env.get("PYTHONPATH", "")
        programs = str(self.site / "bin")
        return {
            **env,
            "PYTHONPATH": f"{startup}{os.pathsep}{path}" if path else startup,
            "PATH": f"{env.get('PATH', os.defpath)}{os.pathsep}{programs}",
        }

    @contextmanager
    def new(self) -> Iterator[Path]:
        """An empty folder in which packages can be put together; it is removed at the end."""
        self._make()
        made = self.folder / f"new-{_process()}-{secrets.token_hex(4)}"
        made.mkdir(mode=0o700)
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def add(self, new: Path, *, python: str, most: int) -> None:
        """Add the packages in a folder of `new`'s, in place of those of the same names.

        ``python`` says for which Python they are; those for another one go. ``most`` are the bytes
        that all of them may have, without a limit if 0. Raises Unfit.
        """
        with suppress(FileNotFoundError):
            (new / ".lock").unlink()  # of uv's
        _check(new)
        current = self.folder / str(self.number)
        if self.python == python:
            _link(current, new, but=_files_of(_names(new), current))
        _check_size(new, most)
        self._show(new, python)

    def copy(self, other: Overlay) -> None:
        """Show the packages of another session too."""
        python = other.python
        if python:
            with self.new() as new:
                _link(other.folder / str(other.number), new, but=())
                self._show(new, python)

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        for folder in (self.folder, self.folder / STARTUP):
            have(folder)
        _write(self.folder / STARTUP / "sitecustomize.py", texts.startup())
        if not self.site.is_symlink():
            have(self.folder / "0")
            self._point(0)

    @property
    def number(self) -> int:
        """The folder that is shown."""
        name = str(self.site.readlink())
        if not name.isdecimal():
            msg = f"{self.site.name} is not this server's"
            raise OSError(msg)
        have(self.folder / name)
        return int(name)

    @property
    def python(self) -> str:
        try:
            return (self.folder / PYTHON).read_text()
        except FileNotFoundError:
            return ""

    def _show(self, new: Path, python: str) -> None:
        """Show a complete folder."""
        names = (path.name for path in self.folder.iterdir())
        number = 1 + max(int(name) for name in names if name.isdecimal())
        new.rename(self.folder / str(number))
        if self.python != python:
            _write(self.folder / PYTHON, python)
        self._point(number)
        self._remove_before(number - LEFT)

    def _remove_before(self, number: int) -> None:
        for entry in list(os.scandir(self.folder)):
            if entry.name.isdecimal() and int(entry.name) < number:
                shutil.rmtree(entry.path, ignore_errors=True)

    def _point(self, number: int) -> None:
        link = self.folder / f"link-{secrets.token_hex(4)}"
        link.symlink_to(str(number))
        link.replace(self.site)


def _process() -> str:
    """Tells this server from those before it, which in a container had the same number."""
    return f"{os.getpid()}.{STARTED}"


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}-{secrets.token_hex(4)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _check(new: Path) -> None:
    """Raise Unfit for anything but plain files and folders: the server reads them too."""
    for path in new.rglob("*"):
        mode = path.lstat().st_mode
        is_plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        if not is_plain or (stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID)):
            msg = f"it has {str(path.relative_to(new))!r}, which is no plain file"
            raise Unfit(msg)
    for info in _metadata(new):
        for path in info.iterdir():
            most = MAX_RECORD if path.name == "RECORD" else MAX_METADATA
            if path.lstat().st_size > most:
                msg = f"its {path.name!r} has more than {most:,} bytes"
                raise Unfit(msg)


def _check_size(new: Path, most: int) -> None:
    """Raise Unfit for too many files or bytes; ``most`` as in `Overlay.add`."""
    sizes = [path.lstat().st_size for path in islice(new.rglob("*"), MAX_FILES + 1)]
    if len(sizes) > MAX_FILES:
        msg = f"the packages of this session would have more than {MAX_FILES:,} files"
        raise Unfit(msg)
    if most and sum(sizes) > most:
        msg = f"the packages of this session would have {sum(sizes):,} bytes, and may have {most:,}"
        raise Unfit(msg)


def _link(source: Path, target: Path, *, but: Collection[str]) -> None:
    """Put the files of a folder into another, but for some and where it has one of that name."""
    for folder, _, names in os.walk(source, onerror=_fail):
        for name in names:
            old = Path(folder) / name
            path = old.relative_to(source)
            new = target / path
            is_plain = stat.S_ISREG(old.lstat().st_mode)
            gone = path.as_posix() in but or _source(path) in but
            if gone or not is_plain or os.path.lexists(new):
                continue
            new.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(old, new)
            except OSError:  # a file system without links
                shutil.copy2(old, new)


def _fail(err: OSError) -> None:
    raise err


def _source(path: Path) -> str:
    """The module whose compiled code this file is; empty if it is none."""
    if path.parent.name != "__pycache__":
        return ""
    return (path.parent.parent / f"{path.name.partition('.')[0]}.py").as_posix()


def _names(folder: Path) -> set[str]:
    """The packages in a folder."""
    return {_name(info) for info in _metadata(folder)}


def _metadata(folder: Path) -> Iterator[Path]:
    """The folders with the metadata of packages."""
    return (path for path in folder.glob("*.dist-info") if path.is_dir())


def _name(info: Path) -> str:
    return canonicalize_name(info.name.partition("-")[0])


def _files_of(names: Collection[str], folder: Path) -> set[str]:
    """The files, relative to a folder, of these packages in it."""
    found: set[str] = set()
    for info in _metadata(folder):
        if _name(info) in names:
            found.update(f"{info.name}/{each.name}" for each in info.iterdir())
            with (
                suppress(OSError, csv.Error),
                (info / "RECORD").open(newline="", errors="replace") as lines,
            ):
                found.update(posixpath.normpath(row[0]) for row in csv.reader(lines) if row)
    return found
