"""What each kind of kernel can do and what it needs, in one table.

A kind is what a kernel calls its ``implementation`` in its ``kernel_info_reply``. A new kind of
kernel needs an entry in `KINDS`; if its variables can be looked at in a new way, also that way in
``variables/variables.py``. A kernel that is not in the table is
treated in the way that is safe for any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jupyter_mcp_ext.in_kernel import texts

Look = Literal["ipython", "xeus", "bash", "inspect"]
"""The ways to look at a kernel's variables; an ``inspect_request`` can be sent to every kernel."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The abilities of kernels of one implementation."""

    look: Look = "inspect"
    """How its variables are looked at."""
    runs_functions: bool = False
    """Whether functions of this package can run in it without a trace: hints, checks, packages."""
    saves_variables: bool = False
    """Whether its variables can be saved to disk and loaded again."""
    takes_second_interrupt: bool = False
    """Whether it stays usable when code that ignored an interrupt gets another."""
    sleeps_through_interrupt: bool = False
    """Whether, while its code awaits something, it obeys an interrupt only when a message comes."""
    first_code: str = ""
    """Code that runs in it silently first, so that an interrupt does not end the kernel."""
    lost_line: str = ""
    """The last line that it prints if it loses its variables without a restart."""


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
        # In raw mode it has no IPython, so functions are tried only for looking at variables.
        look="xeus",
        takes_second_interrupt=True,
        # It begins a request while code runs, so none may be sent to wake it.
        sleeps_through_interrupt=False,
        # It answers ``interrupt_request`` and continues, and exits on SIGINT.
        first_code=f"exec({texts.interrupts()!r}, {{}})",
    ),
    "bash_kernel": Kind(
        look="bash",
        # It waits for its shell after an interrupt. A second one ends that wait, and then each
        # answer belongs to the code before.
        takes_second_interrupt=False,
        lost_line="Restarting Bash",
    ),
}
"""By ``implementation``."""

UNKNOWN = Kind()

UNKNOWN_PYTHON = Kind(sleeps_through_interrupt=True)
"""Most are built on ipykernel."""


def kind_of(implementation: str, language: str) -> Kind:
    """The kind of a kernel with this information."""
    return KINDS.get(implementation) or (UNKNOWN_PYTHON if language == "python" else UNKNOWN)
