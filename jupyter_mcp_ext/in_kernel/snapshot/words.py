"""Shared by the other modules: constants, and descriptions of errors."""

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
"""The name, in records of version 1, of the state of a definition that is run again."""

SPECIAL = "\0"
"""Prefix of names in a record that are not variables."""

PREAMBLE = SPECIAL + "names"
"""The session's names, which functions refer to."""

MODULES = SPECIAL + "modules"
"""The position in a record at which modules are imported."""

CONTENTS = SPECIAL + "contents"
"""The contents of modules' own containers."""

KEYS = SPECIAL + "keys"
"""Follows a value with objects that may be hashed, as keys, while incomplete: see `keys`."""

STATE = SPECIAL + "state "
"""Prefix of names for the state of the process: see `process`."""

NOT_THE_USERS = re.compile(
    r"_+|_i+|_i?\d+|_[iod]h|_exit_code|In|Out|exit|quit|get_ipython"
    r"|__(name|doc|package|loader|spec|builtins?|file|cached|session|warningregistry)__"
)
"""Names that IPython and Python put into the namespace."""


class OutOfTime(Exception):
    """The whole save or load has reached its deadline."""

    def __init__(self) -> None:
        super().__init__("there was no time left for it")


class TooSlow(BaseException):
    """A variable takes longer than allowed."""

    def __init__(self) -> None:
        super().__init__("it takes longer than one variable may")


def about() -> dict[str, str]:
    """This Python's version: pickles are only valid for the same."""
    return {
        "python": "{}.{}".format(*sys.version_info),
        "implementation": platform.python_implementation(),
    }


def text_of(value: Any, attribute: str) -> str:
    """An attribute that is a string, otherwise an empty string."""
    try:
        found = getattr(value, attribute, "")
    except Exception:  # noqa: BLE001  # objects can compute their attributes
        return ""
    return found if type(found) is str else ""


def why_of(err: BaseException) -> str:
    """A short description of an exception, whatever its class does."""
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
    """The time of the monotonic clock in this many seconds."""
    return time.monotonic() + seconds


def the_shell() -> Any:
    """The shell of this kernel."""
    return sys.modules["IPython"].get_ipython()
