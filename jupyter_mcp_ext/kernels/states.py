"""Jupyter's word on whether a kernel is busy, put right while a subshell answers beside its code.

Jupyter takes the end of any request for the kernel's idleness, also of one in a subshell, and
culls what is idle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Heard(Protocol):
    """What a link to a kernel has heard of it."""

    on_change: Callable[[], object]

    @property
    def is_open(self) -> bool:
        """Whether it still hears."""

    @property
    def is_busy(self) -> bool:
        """Whether code runs."""


class HonestState:
    """Keeps a kernel's ``execution_state`` busy while its link knows that code runs.

    ``kernel`` is its manager, whose trait is set by Jupyter's own listener. That one and the link
    hear the same, one before the other, so each is followed when it speaks. It ends with the link.
    """

    def __init__(self, kernel: Any, link: Heard) -> None:
        self._kernel = kernel
        self._link = link
        self._is_held = False
        """Whether Jupyter said idle while the link knew better."""
        self._has_ended = False
        kernel.observe(self._on_state, "execution_state")
        link.on_change = self._on_link

    def _on_state(self, change: Any) -> None:
        if change.new == "idle" and self._link.is_busy:
            self._is_held = True
            self._kernel.execution_state = "busy"

    def _on_link(self) -> None:
        state = self._kernel.execution_state
        if self._has_ended:
            return  # a link that is lost still speaks when what waited for it is over
        if not self._link.is_open:
            self._has_ended = True
            self._kernel.unobserve(self._on_state, "execution_state")
        elif self._link.is_busy and state == "idle":
            self._is_held = True
            self._kernel.execution_state = "busy"
        elif not self._link.is_busy and state == "busy" and self._is_held:
            self._is_held = False
            self._kernel.execution_state = "idle"
