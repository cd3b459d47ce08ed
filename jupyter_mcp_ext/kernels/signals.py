"""The code that makes xeus-python handle interrupts like other Python kernels."""

from __future__ import annotations

HANDLER = """
import signal, sys

def take_interrupts():
    usual = signal.default_int_handler
    if signal.getsignal(signal.SIGINT) is not usual:
        return
    main = sys.modules["__main__"].__dict__

    def interrupt(number, frame):
        while frame is not None:
            if frame.f_globals is main:
                return usual(number, frame)
            frame = frame.f_back

    signal.signal(signal.SIGINT, interrupt)

take_interrupts()
"""
"""Python 3.8. xeus-python's own handler replaces Python's, which is put back in its place. This one
raises KeyboardInterrupt in code of the session only, since elsewhere that wedges the kernel. It
binds no name."""
