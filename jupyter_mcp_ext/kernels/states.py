"""Keeps what Jupyter shows of a kernel busy while a subshell answers beside its code.

Jupyter takes the end of any request for the kernel's idleness, also of one in a subshell, and
culls what is idle.
"""

from __future__ import annotations

from typing import Any, Protocol


class Heard(Protocol):
    """What a link to a kernel has heard of it."""

    @property
    def is_open(self) -> bool:
        """Whether it still hears."""

    @property
    def is_busy(self) -> bool:
        """Whether code runs."""


def say(kernel: Any, state: str) -> None:
    """Have Jupyter show a kernel in a state; ``kernel`` is its manager."""
    kernel.execution_state = state


class HonestState:
    """Keeps a kernel's ``execution_state`` busy while its link knows that code runs.

    ``kernel`` is its manager, whose trait is set by Jupyter's own listener. That one and the link
    hear the same, one before the other, so each is followed when it speaks: `follow` is to be
    called when the link may have changed. It ends with the link.
    """

    def __init__(self, kernel: Any, link: Heard) -> None:
        self.link = link
        self._kernel = kernel
        self._is_held = False
        """Whether Jupyter said idle while the link knew better."""
        self._has_ended = False
        kernel.observe(self._on_state, "execution_state")

    def follow(self) -> None:
        """The link has heard something, or is lost."""
        state = self._kernel.execution_state
        if self._has_ended:
            return  # a link that is lost still speaks when what waited for it is over
        if not self.link.is_open:
            self._has_ended = True
            self._kernel.unobserve(self._on_state, "execution_state")
        elif self.link.is_busy and state == "idle":
            self._hold()
        elif not self.link.is_busy and state == "busy" and self._is_held:
            self._is_held = False
            say(self._kernel, "idle")

    def _on_state(self, change: Any) -> None:
        if change.new == "idle" and self.link.is_busy:
            self._hold()

    def _hold(self) -> None:
        self._is_held = True
        say(self._kernel, "busy")
