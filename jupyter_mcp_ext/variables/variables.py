"""Looks at the variables of a kernel, by the means that its kind offers."""

from __future__ import annotations

import os

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.kinds import Look
from jupyter_mcp_ext.kernels.losses import KernelLost

from . import names
from .asking import AskingWay
from .bash import BashWay
from .ipython import IPythonWay
from .model import Inspection, Listing
from .way import Detail, Query, Way
from .xeus import XeusWay


class Variables:
    """The variables of the server's kernels; no kernel is started to look at them."""

    def __init__(self) -> None:
        asking = AskingWay()
        self._ways: dict[Look, Way] = {
            "ipython": IPythonWay(),
            "xeus": XeusWay(asking),
            "bash": BashWay(os.environ),
            "inspect": asking,
        }

    async def listing(self, kernel: Kernel, query: Query) -> Listing:
        """The variables that match. Raises KernelBusy and KernelUnavailable."""
        async with kernel.linked() as link:
            try:
                return await self._ways[link.info.kind.look].listing(kernel, link, query)
            except KernelLost as err:
                raise _gone(err) from err

    async def inspection(self, kernel: Kernel, name: str, detail: Detail) -> Inspection:
        """What is known of a variable, an attribute or an item.

        Raises InvalidArgument, Unresolved, KernelBusy and KernelUnavailable.
        """
        steps = names.parse(name)
        async with kernel.linked() as link:
            try:
                return await self._ways[link.info.kind.look].inspection(kernel, link, steps, detail)
            except KernelLost as err:
                raise _gone(err) from err


def _gone(err: KernelLost) -> KernelUnavailable:
    return KernelUnavailable(
        f"The kernel ended ({err.loss.detail}); its unsaved variables are lost. "
        "execute_code starts it again."
    )
