"""What a path argument may name: something below Jupyter's root.

Whether hidden files may be used is the ContentsManager's to say (``files/contents.py`` asks it).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.outputs.characters import escaped

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Hides: TypeAlias = Callable[[str], bool]
"""Whether an API path is hidden from a caller, since it belongs to another user."""

MAX_LENGTH = 1_000
MAX_FOLDERS = 50

_ADVICE = "Give a path relative to Jupyter's root, as its file browser shows it."


@dataclass(frozen=True, kw_only=True)
class Place:
    """A path beneath Jupyter's root."""

    path: str
    """The API path as it was named."""
    real: str
    """The same without symbolic links."""


def place_of(path: str, root: Path | None) -> Place:
    """What ``path`` names: an API path, or an absolute one below the root. Raises ContentsError.

    ``"."`` is the root itself, ``""``. With ``root`` None (a ContentsManager without a disk) there
    are no absolute paths and no symbolic links, so only the wording is judged. Else it looks at
    the disk, and blocks: call it in a thread.

    The answer holds for the time of asking. Between it and the ContentsManager's use of the path
    another process can still put a symbolic link in the way: the ContentsManager takes names, not
    open folders, so that race cannot be closed from outside it.
    """
    check_wording(path)
    if path.startswith("/"):
        path = _beneath(Path(path), root)
    named = "/".join(part for part in path.split("/") if part not in {"", "."})
    return Place(path=named, real=named if root is None else followed(named, root))


def contents_path(path: str, root: Path | None) -> str:
    """The API path that ``path`` names, as `place_of` has it."""
    return place_of(path, root).path


def check_wording(path: str) -> None:
    """Refuse a path that no file here can have, whatever is on the disk. Raises ContentsError."""
    if not path.strip():
        msg = f"The path is empty. {_ADVICE}"
        raise ContentsError(msg)
    if len(path) > MAX_LENGTH or path.count("/") > MAX_FOLDERS:
        msg = f"The path is over {MAX_LENGTH} characters or {MAX_FOLDERS} folders. Shorten it."
        raise ContentsError(msg)
    if _CONTROL.search(path):
        msg = f"The path has a control character, which no file here may have. {_ADVICE}"
        raise ContentsError(msg)
    try:
        path.encode()
    except UnicodeEncodeError as err:
        msg = f"The path is not valid Unicode. {_ADVICE}"
        raise ContentsError(msg) from err
    if "\\" in path:
        msg = f"The path {quoted(path)} has a backslash. Separate folders with / instead."
        raise ContentsError(msg)
    parts = path.split("/")
    if ".." in parts:
        msg = f"The path {quoted(path)} has a .. in it, which is not followed. {_ADVICE}"
        raise ContentsError(msg)
    if parts[0] == "~":
        msg = f"The path {quoted(path)} begins with ~, which has no meaning here. {_ADVICE}"
        raise ContentsError(msg)


def _beneath(path: Path, root: Path | None) -> str:
    """An absolute path relative to the root, whichever name it has for the root."""
    if root is not None:
        for ancestor in (path, *path.parents):
            if _is_same(ancestor, root):
                return path.relative_to(ancestor).as_posix()
    msg = f"This absolute path is not beneath Jupyter's root. {_ADVICE}"
    raise ContentsError(msg)


def followed(api_path: str, root: Path) -> str:
    """The API path with its symbolic links resolved. Raises ContentsError.

    Open it without following links (`opened` of ``beneath.py``): a link that was put in its way
    since then makes that fail.
    """
    # realpath also follows a link whose target does not exist yet, through which a file could be
    # made outside; what does not exist after that is taken by its wording.
    real, top = Path(os.path.realpath(root / api_path)), os.path.realpath(root)
    if not real.is_relative_to(top):
        msg = (
            f"The path {quoted(api_path)} leads out of Jupyter's root through a symbolic link, "
            "which is not followed. Use a file beneath the root."
        )
        raise ContentsError(msg)
    path = real.relative_to(top).as_posix()
    return "" if path == "." else path


def _is_same(path: Path, root: Path) -> bool:
    try:
        return path.samefile(root)
    except OSError:
        return False


def quoted(path: str) -> str:
    """A path as a message quotes it, cut when it is very long."""
    return f'"{escaped(path)}"' if len(path) <= 200 else f'"{escaped(path[:200])}…"'
