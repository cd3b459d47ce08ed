"""A secret in its own file: made if it is missing, and always complete for other processes.

The caller decides what the secret is for, and what to do if the file cannot be used.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

MAX_SIZE = 1_024
"""Characters that are read of a file."""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """The content of a file."""

    text: str = field(repr=False)
    is_exposed: bool
    """Whether other accounts can read the file, or one of them made it."""


def read_or_make(path: Path, make: Callable[[], str]) -> Secret:
    """The secret in a file; if there is none, the secret of ``make`` in a new file of mode 0600.

    If two processes make it at the same time, both get the same. Raises OSError; ValueError if the
    file is not text.
    """
    return _read(path) or _make(path, make())


def _read(path: Path) -> Secret | None:
    try:
        # A pipe would be waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, encoding="ascii") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                msg = "It is not a file"
                raise OSError(msg)
            text = file.read(MAX_SIZE).strip()
    except FileNotFoundError:
        return None
    is_exposed = os.name == "posix" and (
        bool(status.st_mode & 0o077) or status.st_uid not in (0, os.geteuid())
    )
    return Secret(text=text, is_exposed=is_exposed)


def _make(path: Path, text: str) -> Secret:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{text}\n")
    try:
        os.link(draft, path)  # never replaces, and the file is complete when it appears
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    secret = _read(path)
    if secret is None:
        raise FileNotFoundError
    return secret
