"""What each kind of kernel can do and what it needs, in one table.

A kind is what a kernel calls its ``implementation`` in its ``kernel_info_reply``. A new kind of
kernel needs an entry in `KINDS`; if its variables can be looked at in a new way, also that way in
``variables/service.py``. A kernel that is not in the table gets the answer that is safe for any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .signals import HANDLER

Look = Literal["ipython", "xeus", "bash", "inspect"]
"""The ways to look at a kernel's variables; every kernel may be sent an ``inspect_request``."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is known of kernels of one implementation."""

    look: Look = "inspect"
    """How its variables are looked at."""
    runs_functions: bool = False
    """Whether functions of this package run in it unseen: hints, checks, questions of packages."""
    saves_variables: bool = False
    """Whether its variables can be saved to disk and loaded again."""
    takes_second_interrupt: bool = False
    """Whether it stays sound when code that ignored an interrupt gets another."""
    sleeps_through_interrupt: bool = False
    """Whether it heeds an interrupt only when a message comes, while its code awaits something."""
    first_code: str = ""
    """Code that runs in it silently before any other, so that an interrupt does not end it."""
    lost_line: str = ""
    """The last line that it prints when it has lost its variables and goes on without a restart."""


KINDS = {
    "ipython": Kind(
        look="ipython",
        runs_functions=True,
        saves_variables=True,
        takes_second_interrupt=True,
        # Its handler does not wake the event loop that sleeps.
        sleeps_through_interrupt=True,
    ),
    "xeus-python": Kind(
        # In its raw mode there is no IPython, so only a look at variables tries to run functions.
        look="xeus",
        takes_second_interrupt=True,
        # It takes up a request beside the code that runs, so none may be sent to wake it.
        sleeps_through_interrupt=False,
        # It answers ``interrupt_request`` and goes on, and exits on SIGINT.
        first_code=f"exec({HANDLER!r}, {{}})",
    ),
    "bash_kernel": Kind(
        look="bash",
        # It waits for its shell after an interrupt. A second one ends that wait, and then each
        # answer is that of the code before.
        takes_second_interrupt=False,
        lost_line="Restarting Bash",
    ),
}
"""By ``implementation``."""

UNKNOWN = Kind()

UNKNOWN_PYTHON = Kind(sleeps_through_interrupt=True)
"""Most are built on ipykernel."""


def kind_of(implementation: str, language: str) -> Kind:
    """The kind of a kernel that says this of itself."""
    return KINDS.get(implementation) or (UNKNOWN_PYTHON if language == "python" else UNKNOWN)
