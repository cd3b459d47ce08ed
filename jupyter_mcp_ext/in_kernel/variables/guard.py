"""Runs a user's code for a second at most, while the kernel is idle."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from .plain import class_name, cut

SECONDS = 1.0

AGAIN = 0.05
"""Seconds after which code that caught the exception is stopped again."""


class TooSlow(BaseException):
    """The time is over; not an Exception, so that code does not catch it by accident."""


class Deaf:
    """A stream that drops what one thread writes and passes on what others write."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._thread = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> Any:
        if threading.get_ident() == self._thread:
            return len(text)
        return self._stream.write(text)


def can_run() -> bool:
    """Whether code can be stopped here: on the main thread, if no other code waits for alarms."""
    return (
        threading.current_thread() is threading.main_thread()
        and hasattr(signal, "setitimer")
        and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        and signal.getsignal(signal.SIGALRM) is not None
    )


def guarded(function: Callable[[], Any]) -> tuple[Any, str]:
    """The value of a user's function, or the reason why there is none."""
    earlier = signal.signal(signal.SIGALRM, stop)
    out, err = sys.stdout, sys.stderr
    deaf = Deaf(out), Deaf(err)
    try:
        sys.stdout, sys.stderr = deaf
        signal.setitimer(signal.ITIMER_REAL, SECONDS, AGAIN)
        return run(function), ""
    except TooSlow:
        return None, f"took more than {SECONDS:g} s"
    except BaseException as caught:  # noqa: BLE001  # users' code may raise anything
        return None, "raised " + said(caught)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
        sys.stdout = out if sys.stdout is deaf[0] else sys.stdout
        sys.stderr = err if sys.stderr is deaf[1] else sys.stderr


def run(function: Callable[[], Any]) -> Any:
    return function()


def stop(number: int, frame: Any) -> None:
    """Stop what `run` runs; just before or after it there is nothing to stop."""
    while frame is not None:
        if frame.f_code is run.__code__:
            raise TooSlow
        frame = frame.f_back


def said(caught: BaseException) -> str:
    """The name and the message of an exception, without asking it: its class may be a user's."""
    name = class_name(type(caught))
    args = BaseException.__dict__["args"].__get__(caught)
    words = args[0] if args and type(args[0]) is str else ""
    return f"{name}: {cut(words, 200)}" if words else name
