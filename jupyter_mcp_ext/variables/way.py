"""What looking at variables asks of a kernel, whatever kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, Protocol, TypeAlias

from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.link import KernelLink

from .model import Inspection, Listing
from .names import Step

Detail: TypeAlias = Literal["summary", "full", "source"]


EXACT_SECONDS = 0.5
"""Seconds that the numbers of one value may take an idle kernel; then they are estimated."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is asked of a list of variables."""

    filter: str = ""
    limit: int = 50

    def fits(self, name: str, kind: str) -> bool:
        """Whether a variable of that name and type is asked for: a part of one, or a glob."""
        pattern = self.filter.lower()
        words = (name.lower(), kind.lower())
        if any(sign in pattern for sign in "*?["):
            return any(fnmatchcase(word, pattern) for word in words)
        return any(pattern in word for word in words)


class KernelBusy(Exception):
    """The kernel runs code and cannot tell of variables until that ends."""


class Unresolved(ToolError):
    """The name leads to nothing, or only code could say to what."""


class Way(Protocol):
    """Looks at the variables of one kind of kernel.

    Both methods leave no trace, wait a few seconds at most, and raise `KernelBusy`, KernelLost,
    and ToolError in words where the kernel cannot do it.
    """

    async def listing(self, kernel: Kernel, link: KernelLink, query: Query) -> Listing:
        """The variables that fit."""

    async def inspection(
        self, kernel: Kernel, link: KernelLink, steps: Sequence[Step], detail: Detail
    ) -> Inspection:
        """What is known of what the steps lead to. Raises Unresolved."""
