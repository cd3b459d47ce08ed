"""What happens when code is run in a session, and what that says; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .finding import Finding, fault, ok, warning
from .proxies import advice

LEAD = 1.0
"""Seconds by which progress has to come before its answer: the code prints for more than three."""


UNSAVED = "is not being saved"
"""What a result says of a session that cannot be written."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a client saw in one era of the protocol."""

    era: str
    said: str
    """The text of the answer to ``1+1``."""
    seconds: float = 0.0
    """How long that took, with the kernel's start."""
    has_image: bool = True
    leads: tuple[float, ...] = ()
    """Of each progress notification, the seconds by which it came before the answer."""
    is_cancelled: bool = True
    """Whether the next code could run at once after a call was cancelled."""

    @property
    def ran(self) -> bool:
        """Whether the kernel is one of Python and works."""
        return self.said.startswith("[ok]") and "2" in self.said.splitlines()[-1]


def judged(trial: Trial, proxy: str) -> Iterator[Finding]:
    """What is to be said of it."""
    first = trial.said.splitlines()[0] if trial.said else "no answer"
    if not trial.ran:
        yield _unrun(trial, first)
        return
    yield ok(f"A kernel starts and runs code, in {trial.seconds:.1f} s ({trial.era}).")
    for line in trial.said.splitlines():
        if UNSAVED in line:
            yield warning(
                f"What agents do is lost with their kernel: {line.removeprefix('! ')}.",
                "Let the server's account write into its root folder, and see that its disk has "
                "room; or serve another folder (--root-dir).",
            )
    if trial.has_image:
        yield ok("Images arrive.")
    else:
        what = f"An image that code displays does not arrive ({trial.era})."
        yield fault(what, "See the log of the server; Pillow may be missing or broken there.")
    yield _progress(trial, proxy)
    if trial.is_cancelled:
        yield ok("A call that is cancelled is interrupted.")
    else:
        yield warning(
            f"A silent call that a client cancels runs on ({trial.era}): the end of its connection "
            "does not reach the server at once.",
            advice("abort", proxy),
        )


def _unrun(trial: Trial, first: str) -> Finding:
    if trial.said.startswith(("[running]", "[queued]")):
        return fault(
            f"The kernel does not answer: {first}",
            "See the server's log for what the kernel says when it starts; try its command, which "
            "`jupyter kernelspec list` leads to.",
        )
    if trial.said.startswith("[error]"):
        return warning(
            f"Code reaches a kernel that is none of Python, or broken: {first}",
            "If the default kernel is another language's, all is well; else see its output.",
        )
    return refused(trial.said)


def _progress(trial: Trial, proxy: str) -> Finding:
    if not trial.leads:
        what = f"No progress arrives while code runs ({trial.era})."
        return fault(what, advice("buffering", proxy))
    if max(trial.leads) < LEAD:
        what = f"Progress is held back until the answer ({trial.era})."
        return fault(what, advice("buffering", proxy))
    return ok("Progress arrives while code runs.")


def refused(said: str) -> Finding:
    """A call that the server has refused, in its words."""
    words = said.removeprefix("Error: ").strip() or "without a word"
    for part, do in _REFUSALS.items():
        if part in words:
            return fault(f"The server does not run code: {words}", do)
    return fault(f"The server does not run code: {words}", "See the server's log.")


_REFUSALS = {
    "paused the agents": "A person resumes agents on the page at the address of MCP.",
    "to read-only for agents": "A person ends it on the page at the address of MCP.",
    "McpPolicy.": "Change that setting, if agents are to run code.",
    "does not let you": "Give the user the right, with Jupyter's Authorizer.",
    "no kernel named": "Install that kernel in the server's environment (for Python: pip install "
    "ipykernel), or set MultiKernelManager.default_kernel_name to one of `jupyter "
    "kernelspec list`.",
    "This server has no kernel": "Install one in the server's environment: pip install ipykernel.",
    "No space left": "Free some of the disk of the server's root folder.",
    "kernel": "See the server's log for what the kernel says when it starts; `jupyter kernelspec "
    "list` shows its command.",
    "folder": "Let the server's account write into its root folder, or serve another one.",
}
"""What to do, by a part of the server's words."""
