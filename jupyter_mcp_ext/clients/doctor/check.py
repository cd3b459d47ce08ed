"""A check, and how checks are made one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import anyio
import httpx2

from jupyter_mcp_ext.clients.printable import printable

from .case import Case
from .finding import Finding, Line, fault

_ODD = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What an answer raises in a check that has other members than it should."""


def always(case: Case) -> bool:
    """For a check that needs nothing."""
    del case
    return True


@dataclass(frozen=True, kw_only=True)
class Check:
    """Looks at one thing."""

    name: str
    look: Callable[[Case], Awaitable[Sequence[Finding]]]
    needs: Callable[[Case], bool] = always
    """Whether what it looks at is there at all."""
    seconds: float = 30.0
    """The most that it takes."""


@dataclass(kw_only=True)
class Examination:
    """The checks that are made, and those that could not be."""

    case: Case
    lines: list[Line] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    async def run(self, checks: Iterable[Check]) -> AsyncIterator[Line]:
        """Make the checks in their order, and give each finding as soon as it is known."""
        for check in checks:
            if not check.needs(self.case):
                self.skipped.append(check.name)
                continue
            for finding in await _bounded(check, self.case):
                line = Line(check=check.name, finding=_fit(finding, self.case))
                self.lines.append(line)
                yield line


def _fit(finding: Finding, case: Case) -> Finding:
    """As it may be shown: servers and files of other programs have a say in it."""
    what, do = (printable(text, case.secrets) for text in (finding.what, finding.do))
    return replace(finding, what=what, do=do)


async def _bounded(check: Check, case: Case) -> Sequence[Finding]:
    try:
        with anyio.fail_after(check.seconds):
            return await check.look(case)
    except TimeoutError:
        what = f"This was not answered within {check.seconds:g} s."
    except httpx2.HTTPError as err:
        what = f"The connection failed on the way ({type(err).__name__})."
    except _ODD as err:
        what = f"The answer is none that a Jupyter server gives ({type(err).__name__})."
    return [
        fault(what, "See whether the server is overloaded, and what its log and its proxy's say.")
    ]
