"""Whether a session's kernel has what the session had, and which readers know what was lost.

Pure: it is told what happened to the session's kernels, and answers what must come back and what
must be said to whom. Losses are those of the session's present kernel, oldest first; what ended
the kernel before it is the first of them.
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
"""How often bringing back is begun that an interrupt cuts short; then the session goes without."""

Need = Literal["", "comeback", "fresh"]
"""What must happen before code runs: nothing; what the session had is brought back; or it is
forgotten, since a person restarted the kernel to begin without it."""


class News(NamedTuple):
    """A loss, and what came back after it in words, empty while nothing did."""

    loss: Loss
    comeback: str


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What a reader knows: all losses until a moment, and what came back."""

    until: float
    comeback: str = ""


class Continuity:
    """What is so of one session, from the start of its first kernel on."""

    def __init__(self, *, begun: float, had_kernel: bool = False) -> None:
        """``begun`` is when the session began: what was lost earlier is no reader's business.

        ``had_kernel`` tells of an earlier server's session whether there is something to bring
        back.
        """
        self._had_kernel = had_kernel
        self.comeback = ""
        """What was brought back after the latest loss, or why nothing could be, in words."""
        self.lost: tuple[str, ...] = ()
        """What was not brought back, or not as it was, with reasons, a line each."""
        self.missing: frozenset[str] = frozenset()
        """Saved variables that its kernel does not have, since they could not be loaded."""
        self._begun = begun
        self._met = 0
        """The losses of its kernel after which it was brought back, or is being so."""
        self._is_behind = False
        """Whether its kernel still lacks what the session had."""
        self._tries = 0
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def need(self, losses: Sequence[Loss]) -> Need:
        """What must happen before code runs."""
        new = losses[self._met :]
        if any(loss.kind == "restarted" for loss in new):
            return "fresh"
        return "comeback" if new or self._is_behind else ""

    def started(self, *, met: int = 0) -> None:
        """The session has a new kernel, of whose losses so many befell the one before."""
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
        """What the session had is being brought back; if that is cut short, it is still needed."""
        self._met, self._is_behind = len(losses), True
        self.lost, self.missing = (), frozenset()

    def cut_short(self) -> bool:
        """An interrupt came while it was brought back; whether to try again."""
        self._tries = (self._tries + 1) % TRIES
        return self._tries != 0

    def brought_back(
        self, words: str, lost: tuple[str, ...] = (), missing: frozenset[str] = frozenset()
    ) -> None:
        """The kernel has what could be brought back, or copied from another session."""
        self._is_behind, self._tries = False, 0
        self.comeback, self.lost, self.missing = words, lost, missing

    def news(self, reader: str, losses: Sequence[Loss]) -> News | None:
        """What to say of the latest of these losses to a reader who does not know all of it."""
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
