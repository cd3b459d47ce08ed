"""How an execution ends: as its kernel's reply says, or since its kernel was lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jupyter_mcp_ext.advice import debuggers
from jupyter_mcp_ext.outputs.model import Error, from_nbformat

from .interrupts import OUTSIDE
from .prompts import unanswerable

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.links.exchange import Content, Exchange
    from jupyter_mcp_ext.kernels.losses import KernelLost

    from .execution import Execution

INTERRUPTED = ("KeyboardInterrupt", "CancelledError")
"""What an interrupt raises in code, and in code that awaits."""


def conclude(execution: Execution, exchange: Exchange, reply: Content, interrupter: str) -> None:
    """End an execution as the kernel's reply says; ``interrupter`` is who interrupted it."""
    _tell_ignored(execution, reply, interrupter)
    _tell_missing(execution, exchange)
    count = reply.get("execution_count")
    execution.execution_count = count if isinstance(count, int) else None
    if reply.get("status") == "ok":
        execution.end("ok")
        return
    ename = _take_error(execution, reply)
    if execution.stop.is_requested:
        execution.end(execution.stop.why)
    elif reply.get("status") == "abort" or (interrupter and ename in INTERRUPTED):
        execution.end("interrupted", f"interrupted {interrupter or OUTSIDE}")
    else:
        execution.end("error")


def end_lost(execution: Execution, lost: KernelLost) -> None:
    """End an execution whose kernel was lost before it replied."""
    words = lost.loss.detail
    if execution.goes_on:
        execution.end_late(f"the code ignored the interrupt; then {words}")
    elif execution.sent is None or lost.behind_other:
        words += " before this code began: it never ran"
    elif execution.began is None and lost.loss.kind != "died":
        words += ", and this code was not heard to begin"
    execution.end("dead" if lost.loss.kind == "died" else "interrupted", words)


def _take_error(execution: Execution, reply: Content) -> str:
    """Have a reply's error among the outputs, with what to do instead; its name is returned."""
    error = from_nbformat({**reply, "output_type": "error"})
    if not isinstance(error, Error):
        return ""
    instead = None if debuggers.in_traceback(error) else unanswerable(error)
    if instead is not None:
        execution.notices.append(instead)
    if error.ename and not any(isinstance(o, Error) for o in execution.outputs):
        execution.fold.feed("error", reply)
    return error.ename


def _tell_ignored(execution: Execution, reply: Content, interrupter: str) -> None:
    """Report code that caught its interrupt, as `except:` does, or whose shell command got it."""
    if execution.goes_on:
        execution.end_late("the code ignored the interrupt and went on to its end")
    elif interrupter and reply.get("status") == "ok" and not execution.is_finished:
        began = execution.began or execution.created
        after = (execution.stop.interrupted or time.time()) - began
        execution.notices.append(
            f"interrupted after {after:.1f} s ({interrupter}), and the code went on to its end: "
            "what it was doing is cut short"
        )


def _tell_missing(execution: Execution, exchange: Exchange) -> None:
    """Report what did not arrive: parts of a reply, messages, the idle status at the end."""
    if exchange.unread:
        execution.notices.append(
            f"the kernel's reply was too large to be read whole ({exchange.unread:,} bytes were "
            "not): an error is cut, and text that the kernel asked to be shown is missing"
        )
    if exchange.lost:
        execution.notices.append(
            f"about {exchange.lost:,} messages of the kernel were lost: output may be incomplete"
        )
    elif not exchange.complete:
        execution.notices.append("the kernel did not say that it was done: output may be missing")
