"""How kernels died, and how often in a row: when to stop starting one that dies again and again."""

from __future__ import annotations

from .memory import MemoryGroup
from .process import Exit

MAX_DEATHS = 5
"""Deaths in a row, with no execution between them that its kernel survived."""


class Deaths:
    """What is known of the deaths of every kernel."""

    def __init__(self) -> None:
        self._groups: dict[str, MemoryGroup] = {}
        self._row: dict[str, list[str]] = {}
        """Words for each death since an execution was last survived."""
        self._words: dict[str, str] = {}
        """Words for how the latest process of a kernel ended."""

    def watch(self, kernel_id: str, pid: int) -> None:
        """A process of the kernel answers: whether it runs out of memory is to be known."""
        group = MemoryGroup.of(pid)
        if group is not None:
            self._groups[kernel_id] = group

    def restarted(self, kernel_id: str) -> None:
        """The kernel has a new process."""
        self._words.pop(kernel_id, None)

    def mark(self, kernel_id: str) -> None:
        """An execution begins."""
        group = self._groups.get(kernel_id)
        if group is not None:
            group.mark()

    def survive(self, kernel_id: str) -> None:
        """An execution has ended and the kernel lives."""
        self._row.pop(kernel_id, None)

    def explain(self, kernel_id: str, end: Exit) -> str:
        """Words for how the kernel's process ended; the first that are asked for count."""
        known = self._words.get(kernel_id)
        if known is not None:
            return known
        words = end.words
        group = self._groups.get(kernel_id)
        if group is not None and end.was_killed and group.has_killed():
            words = group.words(end.peak)
            for other in self._groups.values():
                other.concede(group)
        self._words[kernel_id] = words
        return words

    def count(self, kernel_id: str, words: str) -> str:
        """Count a death; the words for it, which tell when it was one too many."""
        row = self._row.setdefault(kernel_id, [])
        row.append(words)
        if not self.are_too_many(kernel_id):
            return words
        return f"{words}, the {_ordinal(len(row))} death in a row: restart_kernel starts it again"

    def are_too_many(self, kernel_id: str) -> bool:
        """Whether the kernel is not to be started unasked any more."""
        return len(self._row.get(kernel_id, ())) >= MAX_DEATHS

    def refusal(self, kernel_id: str) -> str:
        """Why the kernel is not started, and what to do."""
        row = self._row[kernel_id]
        return (
            f"The kernel died {len(row)} times in a row (last: {row[-1]}), so it is not started "
            "again by itself. Find what kills it; then restart_kernel starts it again."
        )

    def forget(self, kernel_id: str) -> None:
        """The kernel is started again by others, or it is gone for good."""
        for known in (self._groups, self._row, self._words):
            known.pop(kernel_id, None)


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"
