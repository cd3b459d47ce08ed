"""Whether a session's kernel has what the session had, and which readers know what was lost.

Pure: it gets the events of the session's kernels, and answers what must come back and what must be
said to whom. Losses are those of the session's present kernel, oldest first; the end of the kernel
before it is the first of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jupyter_mcp_ext.kernels.losses import Loss

READERS = 64
"""Readers of a session's results that are remembered."""

TRIES = 3
"""How often a restore that is interrupted is begun; after that the session continues without it."""

Need = Literal["", "comeback", "fresh"]
"""What must happen before code runs: nothing; the session's variables are brought back; or they are
forgotten, since a person restarted the kernel to begin without them."""


class News(NamedTuple):
    """A loss, and a description of what came back after it; empty while nothing did."""

    loss: Loss
    comeback: str


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What a reader knows: all losses up to a time, and what came back."""

    until: float
    comeback: str = ""


class Continuity:
    """The continuity of one session, from the start of its first kernel."""

    def __init__(self, *, begun: float, had_kernel: bool = False) -> None:
        """``begun`` is when the session began: earlier losses do not concern its readers.

        ``had_kernel`` tells, for an earlier server's session, whether there is something to bring
        back.
        """
        self._had_kernel = had_kernel
        self.comeback = ""
        """A description of what was brought back after the latest loss, or why nothing was."""
        self.lost: tuple[str, ...] = ()
        """What is missing or changed after that, with reasons, one line each."""
        self.missing: frozenset[str] = frozenset()
        """Saved variables that could not be loaded into its kernel."""
        self._begun = begun
        self._met = 0
        """The number of its kernel's losses after which it was brought back, or is being."""
        self._is_behind = False
        """Whether its kernel still lacks the session's variables."""
        self._tries = 0
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def need(self, losses: Sequence[Loss]) -> Need:
        """What must happen before code runs."""
        new = losses[self._met :]
        if any(loss.kind == "restarted" for loss in new):
            return "fresh"
        return "comeback" if new or self._is_behind else ""

    def started(self, *, met: int = 0) -> None:
        """The session has a new kernel; this many of its losses are those of the one before."""
        self._met, self._tries = met, 0
        self._is_behind, self._had_kernel = self._had_kernel, True

    def joined(self, losses: Sequence[Loss]) -> None:
        """The session is a person's, and its kernel runs already."""
        self._met = len(losses)

    def handed_out(self, *, at: float) -> None:
        """The session begins now, with a kernel that was kept ready."""
        self._begun = at

    def restarted(self, losses: Sequence[Loss]) -> None:
        """The kernel was restarted on request: nothing comes back."""
        self._met, self._is_behind = len(losses), False
        self.comeback, self.lost, self.missing = "", (), frozenset()

    def begins(self, losses: Sequence[Loss]) -> None:
        """The session is being brought back; if that is interrupted, it is still needed."""
        self._met, self._is_behind = len(losses), True
        self.lost, self.missing = (), frozenset()

    def cut_short(self) -> bool:
        """An interrupt came while it was brought back; gives whether to try again."""
        self._tries = (self._tries + 1) % TRIES
        return self._tries != 0

    def brought_back(
        self, words: str, lost: tuple[str, ...] = (), missing: frozenset[str] = frozenset()
    ) -> None:
        """The kernel has what could be brought back, or copied from another session."""
        self._is_behind, self._tries = False, 0
        self.comeback, self.lost, self.missing = words, lost, missing

    def news(self, reader: str, losses: Sequence[Loss]) -> News | None:
        """What to tell a reader about the latest of these losses, if they do not know all of it."""
        known = self._of(reader)
        comeback = "" if self._is_open(losses) else self.comeback
        is_told = comeback in ("", known.comeback)
        if not losses or (losses[-1].at <= known.until and is_told):
            return None
        return News(losses[-1], comeback)

    def told_loss(self, reader: str, losses: Sequence[Loss]) -> None:
        """A reader was told of these losses, and not of what came back."""
        if losses:
            known = self._of(reader)
            until = max(known.until, losses[-1].at)
            self._known[reader] = _Known(until=until, comeback=known.comeback)

    def told(self, reader: str, losses: Sequence[Loss]) -> None:
        """A reader was told of these losses and of what came back."""
        self.told_loss(reader, losses)
        if not self._is_open(losses):
            self._known[reader] = _Known(until=self._of(reader).until, comeback=self.comeback)

    def _is_open(self, losses: Sequence[Loss]) -> bool:
        """Whether what comes back after these losses is not known yet."""
        return self._is_behind or len(losses) > self._met

    def _of(self, reader: str) -> _Known:
        known = self._known.setdefault(reader, _Known(until=self._begun))
        self._known.move_to_end(reader)
        if len(self._known) > READERS:
            self._known.popitem(last=False)
        return known
