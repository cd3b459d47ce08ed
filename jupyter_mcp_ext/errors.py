"""Errors of tools, with messages that a model can act on.

A message has one sentence that says what is so and one that says what to do. It reaches the client
unchanged, so it names no class, no traceback and no path outside Jupyter's root.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MAX_SHOWN = 80
"""Characters of a caller's value that a message repeats."""


def shown(value: object) -> str:
    """A caller's value as a message may repeat it: quoted and cut."""
    words = repr(value)
    return words if len(words) <= MAX_SHOWN else f"{words[:MAX_SHOWN]}…"


def did_you_mean(wanted: str, names: Iterable[str]) -> str:
    """A sentence that offers names similar to one that does not exist; may be empty."""
    by_low = {name.lower(): name for name in names}
    near = get_close_matches(wanted.lower()[:200], by_low, n=3)
    return f" Did you mean {' or '.join(shown(by_low[name]) for name in near)}?" if near else ""


class ToolError(Exception):
    """A tool could not do what was asked; the message says why and what to do instead."""


class InvalidArgument(ToolError):
    """An argument is missing, unknown or out of its range."""


class Forbidden(ToolError):
    """The server's policy does not let this caller do this."""


class LimitReached(ToolError):
    """As much is done as this server allows; the message says when more can be."""


class UnknownSession(ToolError):
    """No session fits, or more than one does."""


class AmbiguousSession(UnknownSession):
    """More than one session fits."""


class UnknownExecution(ToolError):
    """No execution or output has this id, or it is no longer kept."""


class KernelUnavailable(ToolError):
    """A kernel could not be started, reached or changed."""


class ContentsError(ToolError):
    """A file or notebook could not be read or written; nothing was changed."""


class InstallationFailed(ToolError):
    """Packages could not be installed; the message has the resolver's reason."""


class InternalError(ToolError):
    """A fault of this package; the message has the reference under which the log tells of it."""
