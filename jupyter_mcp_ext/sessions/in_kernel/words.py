"""What the other modules share: constants, and words for what went wrong."""

from __future__ import annotations

import pickle
import platform
import re
import sys
import time
from typing import Any

PROTOCOL = 5

MISSING = object()

PIECE = 1 << 20

MAX_WHY = 200

ATTRIBUTES = "attributes of "
"""What a record of the first version names the state of a definition that is run again."""

SPECIAL = "\0"
"""Begins the names in a record that are of no variables."""

PREAMBLE = SPECIAL + "names"
"""The session's names, which functions refer to."""

MODULES = SPECIAL + "modules"
"""The place in a record at which modules are imported."""

CONTENTS = SPECIAL + "contents"
"""What containers have that are modules' own."""

KEYS = SPECIAL + "keys"
"""Follows what has objects that may be hashed, as keys, before they are whole: see `keys`."""

STATE = SPECIAL + "state "
"""Begins the names of what is set in the process: see `process`."""

NOT_THE_USERS = re.compile(
    r"_+|_i+|_i?\d+|_[iod]h|_exit_code|In|Out|exit|quit|get_ipython"
    r"|__(name|doc|package|loader|spec|builtins?|file|cached|session|warningregistry)__"
)
"""What IPython and Python put into the namespace."""


class OutOfTime(Exception):
    """The save or the load as a whole has come to its deadline."""

    def __init__(self) -> None:
        super().__init__("there was no time left for it")


class TooSlow(BaseException):
    """A variable takes longer than one may."""

    def __init__(self) -> None:
        super().__init__("it takes longer than one variable may")


def about() -> dict[str, str]:
    """Which Python this is: pickles are only for the same."""
    return {
        "python": "{}.{}".format(*sys.version_info),
        "implementation": platform.python_implementation(),
    }


def text_of(value: Any, attribute: str) -> str:
    """An attribute that is a text, else an empty one."""
    try:
        found = getattr(value, attribute, "")
    except Exception:  # noqa: BLE001  # of what makes its attributes itself
        return ""
    return found if type(found) is str else ""


def why_of(err: BaseException) -> str:
    """An exception in a few words, whatever its class makes of them."""
    if isinstance(err, RecursionError) or isinstance(err.__cause__, RecursionError):
        return "it is nested too deeply"
    try:
        words = " ".join(str(err).split())
    except BaseException:  # noqa: BLE001  # code of users
        words = ""
    if not isinstance(err, (TypeError, pickle.PickleError, OutOfTime, TooSlow)) or not words:
        name = type(err).__name__
        words = f"{name}: {words}" if words else name
    return words if len(words) <= MAX_WHY else words[:MAX_WHY] + "…"


def deadline_in(seconds: float) -> float:
    """The time of the monotonic clock in so many seconds."""
    return time.monotonic() + seconds


def the_shell() -> Any:
    """The shell of this kernel."""
    return sys.modules["IPython"].get_ipython()
