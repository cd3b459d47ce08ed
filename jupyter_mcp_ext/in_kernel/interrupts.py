"""Makes xeus-python handle interrupts like other Python kernels."""

from __future__ import annotations

import signal
import sys
from typing import Any


def take_interrupts() -> None:
    """Put Python's own handler back in the place of xeus-python's.

    It raises KeyboardInterrupt in code of the session only, since elsewhere that wedges the kernel.
    """
    usual = signal.default_int_handler
    if signal.getsignal(signal.SIGINT) is not usual:
        return
    main = sys.modules["__main__"].__dict__

    def interrupt(number: int, frame: Any) -> Any:
        while frame is not None:
            if frame.f_globals is main:
                return usual(number, frame)
            frame = frame.f_back
        return None

    signal.signal(signal.SIGINT, interrupt)
