"""How a kernel died and how often in a row, to stop restarting one that dies every time."""

from __future__ import annotations

from collections.abc import MutableSet

from jupyter_mcp_ext.governance.life import DeathCause

from .limited import KernelLimits
from .memory import MemoryGroup
from .process import Exit

MAX_DEATHS = 5
"""Deaths in a row without an execution between them that the kernel survived."""


class Deaths:
    """The deaths of one kernel; ``groups`` are the memory groups of all kernels of the server."""

    def __init__(self, groups: MutableSet[MemoryGroup], limits: KernelLimits) -> None:
        self._limits = limits
        self._groups = groups
        self._group: MemoryGroup | None = None
        self._row: list[str] = []
        """A description of each death since the kernel last survived an execution."""
        self._words = ""
        """A description of how the latest process ended."""
        self.cause: DeathCause = "unknown"
        """Why it ended, in a word."""

    @property
    def are_too_many(self) -> bool:
        """Whether the kernel is restarted only on request."""
        return len(self._row) >= MAX_DEATHS

    @property
    def refusal(self) -> str:
        """Why the kernel is not started, and what to do."""
        return (
            f"The kernel died {len(self._row)} times in a row (last: {self._row[-1]}), so it is "
            "not started again by itself. Find what kills it; then restart_kernel starts it again."
        )

    def watch(self, pid: int) -> None:
        """A process of the kernel answers: watch whether its memory group runs out of memory."""
        group = MemoryGroup.of(pid)
        if group is not None:
            self._group = group
            self._groups.add(group)

    def restarted(self) -> None:
        """The kernel has a new process."""
        self._words = ""

    def mark(self) -> None:
        """An execution begins."""
        if self._group is not None:
            self._group.mark()

    def survive(self) -> None:
        """An execution has ended and the kernel is alive, or a person has restarted it."""
        self._row.clear()

    def explain(self, end: Exit) -> str:
        """A description of how the kernel's process ended; that of the first call is kept."""
        if self._words:
            return self._words
        self._words = self._limits.reason(was_killed=end.was_killed)
        if self._words:
            self.cause = "limit"
            return self._words
        self._words, self.cause = end.words, _cause(end)
        group = self._group
        if group is not None and end.was_killed and group.has_killed():
            self._words, self.cause = group.words(end.peak), "memory"
            for other in list(self._groups):
                other.concede(group)
        return self._words

    def count(self, words: str) -> str:
        """Count a death, and describe it; the description says if it was one too many."""
        self._row.append(words)
        if not self.are_too_many:
            return words
        ordinal = _ordinal(len(self._row))
        return f"{words}, the {ordinal} death in a row: restart_kernel starts it again"

    def forget(self) -> None:
        """The kernel is restarted on request, or is gone for good."""
        self._group, self._words = None, ""
        self._row.clear()


def _cause(end: Exit) -> DeathCause:
    if end.signal is not None:
        return "signal"
    return "unknown" if end.code is None else "exit"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"
