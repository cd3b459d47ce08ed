"""Keeps a kernel shown as busy in Jupyter while a subshell answers beside its code.

Jupyter shows a kernel as idle when any request ends, also one in a subshell, and culls idle
kernels.
"""

from __future__ import annotations

from typing import Any, Protocol


class Heard(Protocol):
    """What a link knows of its kernel."""

    @property
    def is_open(self) -> bool:
        """Whether it is open."""

    @property
    def is_busy(self) -> bool:
        """Whether code runs."""


def say(kernel: Any, state: str) -> None:
    """Make Jupyter show a kernel in this state; ``kernel`` is its manager."""
    kernel.execution_state = state


class HonestState:
    """Keeps a kernel's ``execution_state`` busy while its link knows that code runs.

    ``kernel`` is its manager, whose trait is set by Jupyter's own listener. The listener and the
    link receive the same messages in either order, so both are followed: call `follow` when the
    link may have changed. It ends with the link.
    """

    def __init__(self, kernel: Any, link: Heard) -> None:
        self.link = link
        self._kernel = kernel
        self._is_held = False
        """Whether Jupyter showed idle while the link knew that code runs."""
        self._has_ended = False
        kernel.observe(self._on_state, "execution_state")

    def follow(self) -> None:
        """The link has received something, or is lost."""
        state = self._kernel.execution_state
        if self._has_ended:
            return  # a lost link still reports the end of requests that waited for it
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
