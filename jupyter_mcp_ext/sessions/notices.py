"""What a result has to say of its session: lost variables, what came back, what is not saved."""

from __future__ import annotations

import time
from collections.abc import Sequence

from jupyter_mcp_ext.kernels.link import Loss

from .session import Session

BRIEF = 600.0
"""Seconds for which results still mention a loss of variables that was told in full."""


def notices(session: Session, losses: Sequence[Loss]) -> tuple[str, ...]:
    """The lines for the next result; each loss is told once in full and then briefly."""
    said = []
    if not session.introduced:
        session.introduced = True
        said.append(introduction(session))
    if losses and (len(losses) > session.losses_told or not session.comeback_told):
        session.losses_told, session.comeback_told = len(losses), True
        said.append(_in_full(losses[-1], session.comeback or session.why_empty))
    elif losses and time.time() - losses[-1].at < BRIEF:
        words = "the session came back from before its kernel's end, as was told"
        if not session.comeback:
            words = "variables from before the kernel's restart are gone"
        said.append(words)
    fault = session.fault or (session.story.fault if session.story is not None else "")
    if fault and fault != session.fault_told:
        said.append(f"the story of this session is not being saved: {fault}")
    session.fault_told = fault
    return tuple(said)


def introduction(session: Session) -> str:
    """What a session is, in a line."""
    words = (
        f"session {session.id} ({session.name}), kernel {session.kernel_name}, "
        f"folder {session.cwd or '.'}"
    )
    return f"{words}, notebook {session.notebook}" if session.notebook else words


def _in_full(loss: Loss, comeback: str) -> str:
    what = f"the kernel died ({loss.detail})" if loss.kind == "died" else loss.detail
    after = comeback or "variables of before are gone"
    return f"{what} {ago(time.time() - loss.at)}: {after}"


def ago(seconds: float) -> str:
    """A time span as people write it."""
    if seconds < 60:
        return "just now" if seconds < 5 else f"{seconds:.0f} s ago"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago" if seconds < 172_800 else f"{seconds / 86_400:.0f} d ago"
