"""What an entry of a client's configuration says, by the words that are in it; pure but for files.

Clients name the members of entries differently; what a text is shows in the text itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.clients.configuring.client import texts_of
from jupyter_mcp_ext.clients.servers import TOKEN_VARIABLE

_PROGRAMS = ("command", "cmd")
_URLS = ("url", "serverUrl", "httpUrl", "uri")
_BEARER, _BASIC = "bearer ", "basic "
_REFERENCE = re.compile(r"\$\{.*\}|\{env:.*\}|\$\w+")
_SCRIPT = 512
"""Bytes of a program that may name what runs it."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """An entry."""

    url: str = ""
    command: tuple[str, ...] = ()
    """The program and its arguments."""
    token: str = field(default="", repr=False)
    """As it stands there in clear."""
    is_referred: bool = False
    """The client reads the token from the variable."""
    is_elsewhere: bool = False
    """The person types it, or it is in another variable or file."""
    is_basic: bool = False
    """It sends a password."""
    is_off: bool = False

    def options(self, name: str) -> list[str]:
        """The values of an option of the program, which may be there more than once."""
        return [value for option, value in pairwise(self.command) if option == name]

    def option(self, name: str) -> str:
        """An option of the program; empty if it is not there."""
        return next(iter(self.options(name)), "")


def written(entry: Any) -> Written:
    """What an entry says; whatever it is."""
    if not isinstance(entry, Mapping):
        return Written()
    members = {str(key): value for key, value in entry.items()}
    url = next((text for key in _URLS if isinstance(text := members.get(key), str)), "")
    command = tuple(text for key in (*_PROGRAMS, "args") for text in texts_of(members.get(key)))
    logins = tuple(_logins(members))
    clear = next((_bare(text) for text in logins if not _REFERENCE.fullmatch(_bare(text))), "")
    is_basic = any(text.lower().startswith(_BASIC) for text in logins)
    is_referred = any(TOKEN_VARIABLE in text for text in texts_of(entry))
    return Written(
        url=url,
        command=() if url else command,
        token="" if is_basic else clear,
        is_referred=is_referred,
        is_elsewhere=bool(logins) and not clear and not is_referred,
        is_basic=is_basic,
        is_off=members.get("enabled") is False or members.get("disabled") is True,
    )


def _bare(login: str) -> str:
    return login[len(_BEARER) :] if login.lower().startswith(_BEARER) else login


def _logins(value: Any) -> Iterator[str]:
    """The headers and variables with credentials, wherever they are."""
    if not isinstance(value, Mapping):
        return
    for key, member in value.items():
        is_login = str(key).lower() == "authorization" or key == TOKEN_VARIABLE
        if is_login and isinstance(member, str):
            yield member
        else:
            yield from _logins(member)


def broken_program(command: tuple[str, ...], which: Callable[[str], str | None]) -> str:
    """Why a program cannot be started, in words; empty if nothing speaks against it."""
    name = command[0]
    place = Path(name).expanduser() if os.sep in name else None
    if place is None:
        found = which(name)
        if found is None:
            return f"there is no program {name!r} on the PATH"
        place = Path(found)
    if not place.is_file():
        return f"there is no program {name} any more"
    if not os.access(place, os.X_OK):
        return f"{name} may not be executed"
    return _without_interpreter(place)


def _without_interpreter(program: Path) -> str:
    """Whether a script names a Python that is gone, as after its environment was moved."""
    try:
        with program.open("rb") as opened:
            first = opened.read(_SCRIPT).split(b"\n", 1)[0]
    except OSError as err:
        return f"{program} cannot be read ({err.strerror})"
    if not first.startswith(b"#!"):
        return ""
    interpreter = os.fsdecode(first[2:].strip())
    is_plain = interpreter.startswith("/") and " " not in interpreter
    return (
        f"{interpreter}, which runs {program}, is gone"
        if (is_plain and not Path(interpreter).exists())
        else ""
    )
