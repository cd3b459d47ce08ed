"""Where the program of a kernel and its libraries are, so that a sandbox can show them. Blocks."""

from __future__ import annotations

import os
import shutil
import site
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

OWN = (
    "python",
    f"python{sys.version_info[0]}",
    f"python{sys.version_info[0]}.{sys.version_info[1]}",
)
"""Commands that Jupyter replaces by the server's own Python."""

STORES = ("/nix/store", "/gnu/store")
"""Where Nix and Guix keep all programs, linked among each other."""

MAX_HOPS = 16
MAX_LINKED = 200
"""Places that links in an environment may lead to."""


class NoPrefix(Exception):
    """The files that a kernel needs cannot be shown without showing much else."""


def readable(command: Sequence[str], path: str, *, never: Sequence[Path]) -> tuple[Path, ...]:
    """The folders that a kernel command needs beyond the system's, resolved.

    ``path`` is the ``PATH`` by which it is found; no folder in ``never``, nor one that has one of
    these in it, is shown. Raises NoPrefix.
    """
    program = program_of(command, path)
    found: dict[Path, None] = {}
    for prefix in _prefixes(program):
        _check(prefix, program, never)
        found[prefix] = None
        for linked in _linked(prefix):
            _check(linked, program, never)
            found[linked] = None
    if len(found) > MAX_LINKED:
        msg = f"the environment of {program} consists of links to {len(found)} other places"
        raise NoPrefix(msg)
    return tuple(_outermost(found))


def program_of(command: Sequence[str], path: str) -> Path:
    """The file that a kernel command runs. Raises NoPrefix."""
    first = command[0] if command else ""
    found = sys.executable if first in OWN else shutil.which(first, path=path)
    if not found:
        msg = f"its program {first!r} is not there"
        raise NoPrefix(msg)
    return Path(os.path.abspath(found))  # noqa: PTH100  # links are followed one by one


def user_packages(command: Sequence[str], path: str) -> Path | None:
    """The packages that the account has installed for itself, if the command's Python uses them."""
    own = Path(sys.executable)
    if not site.ENABLE_USER_SITE or program_of(command, path) != own:
        return None
    found = Path(site.getusersitepackages())
    return found if found.is_dir() else None


def _prefixes(program: Path) -> Iterator[Path]:
    """The environments that a program is in, that its links lead through, and that these extend."""
    waiting = [program]
    seen: set[Path] = set()
    while waiting and len(seen) < MAX_HOPS:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        prefix = file.parent.parent
        if _is_environment(prefix):
            yield real(prefix)
            if real(prefix) != prefix:
                yield prefix
            if home := _home(prefix):
                waiting.append(home / file.name)
        elif not _is_system(real(file)):
            yield real(file)
        if file.is_symlink():
            waiting.append(file.parent / file.readlink())
        elif real(file) != file:
            waiting.append(real(file))


def _is_environment(prefix: Path) -> bool:
    is_known = (prefix / "pyvenv.cfg").is_file() or (prefix / "conda-meta").is_dir()
    return is_known or any(prefix.glob("lib*/python*/os.py"))


def _home(prefix: Path) -> Path | None:
    """Where the Python is that a virtual environment was made with (PEP 405)."""
    try:
        lines = (prefix / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return None
    keys = (line.partition("=") for line in lines)
    return next((Path(value.strip()) for key, _, value in keys if key.strip() == "home"), None)


def _linked(prefix: Path) -> Iterator[Path]:
    """What the packages of an environment are links to, if they are."""
    for packages in prefix.glob("lib*/python*/site-packages"):
        for entry in os.scandir(packages):
            if entry.is_symlink():
                target = real(entry.path)
                if target.exists() and not _is_system(target) and prefix not in target.parents:
                    yield target


def real(path: str | Path) -> Path:
    """Where links lead to; unlike ``Path.resolve`` it does not raise if they lead in a circle."""
    return Path(os.path.realpath(path))


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(each) for each in ("/usr", "/bin", "/sbin", "/lib", "/lib64"))


def _check(folder: Path, program: Path, never: Sequence[Path]) -> None:
    """Raise NoPrefix if the folder has, or is, one that must not be shown."""
    for each in never:
        if each.is_relative_to(folder):
            msg = f"{program} belongs to {folder}, which has {each} in it"
            raise NoPrefix(msg)


def _outermost(folders: Sequence[Path] | dict[Path, None]) -> Iterator[Path]:
    """Those that are in no other, and are not the system's; stores as a whole."""
    stores = [Path(store) for store in STORES]
    whole = {next((s for s in stores if f.is_relative_to(s)), f) for f in folders}
    for folder in sorted(whole):
        if not _is_system(folder) and not any(
            folder != other and folder.is_relative_to(other) for other in whole
        ):
            yield folder
