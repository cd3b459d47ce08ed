"""What looking at variables takes, for each kind of kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, Protocol, TypeAlias

from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.links.link import KernelLink

from .model import Inspection, Listing
from .names import Step

Detail: TypeAlias = Literal["summary", "full", "source"]


EXACT_SECONDS = 0.5
"""Seconds for exact statistics of one value in an idle kernel; beyond it they are estimated."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a list of variables should contain."""

    filter: str = ""
    limit: int = 50

    def fits(self, name: str, kind: str) -> bool:
        """Whether the filter, a substring or a glob, matches a variable's name or type."""
        pattern = self.filter.lower()
        words = (name.lower(), kind.lower())
        if any(sign in pattern for sign in "*?["):
            return any(fnmatchcase(word, pattern) for word in words)
        return any(pattern in word for word in words)


class KernelBusy(Exception):
    """The kernel runs code and cannot report variables until that ends."""


class Unresolved(ToolError):
    """The path leads nowhere, or only running code could tell where."""


class Way(Protocol):
    """Looks at the variables of one kind of kernel.

    Both methods leave no trace, wait a few seconds at most, and raise `KernelBusy`, KernelLost,
    and ToolError in words where the kernel cannot do it.
    """

    async def listing(self, kernel: Kernel, link: KernelLink, query: Query) -> Listing:
        """The variables that match."""

    async def inspection(
        self, kernel: Kernel, link: KernelLink, steps: Sequence[Step], detail: Detail
    ) -> Inspection:
        """Inspect the value at the end of a path of steps. Raises Unresolved."""
