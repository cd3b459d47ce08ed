"""How kernels take an interrupt: what is to be known, and done, before one is sent."""

from __future__ import annotations

from .link import Content, KernelInfo

XEUS_PYTHON = "xeus-python"

SOUND = ("ipython", XEUS_PYTHON)
"""Implementations that a second interrupt does no harm."""

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
"""Python 3.8. It raises KeyboardInterrupt in code of the session only: elsewhere that wedges the
kernel."""


def may_repeat(info: KernelInfo | None) -> bool:
    """Whether code that has not heeded an interrupt may be interrupted once more.

    bash_kernel waits for its shell after the first; the second ends that wait, and then each
    answer is that of the code before.
    """
    return info is not None and info.implementation in SOUND


def sleeps_through(info: KernelInfo | None) -> bool:
    """Whether a kernel heeds an interrupt only when it is spoken to, while its code awaits.

    ipykernel's handler does not wake the event loop that sleeps. xeus takes up a request beside
    the code that runs, and is left alone.
    """
    return info is not None and info.language == "python" and info.implementation != XEUS_PYTHON


def handler_request(info: KernelInfo | None) -> Content | None:
    """An execute request after which an interrupt does not end the kernel; mostly none is needed.

    xeus-python answers ``interrupt_request`` and goes on, and exits on SIGINT, since its handler
    replaces Python's. Python's is put back in its place. It binds no name and counts nothing.
    """
    if info is None or info.implementation != XEUS_PYTHON:
        return None
    return {
        "code": f"exec({HANDLER!r}, {{}})",
        "silent": True,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": False,
    }
