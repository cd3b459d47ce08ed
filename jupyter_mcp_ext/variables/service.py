"""Looks at the variables of a kernel, in the way that this kernel allows."""

from __future__ import annotations

import os

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.kernels.link import KernelInfo, KernelLost
from jupyter_mcp_ext.kernels.service import Kernels

from . import names
from .asking import AskingWay
from .bash import BashWay
from .ipython import IPythonWay
from .model import Inspection, Listing
from .way import Detail, Query, Way
from .xeus import XeusWay


class Variables:
    """The variables of the server's kernels; no kernel is started to look at them."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self._asking = AskingWay()
        self._ways: dict[str, Way] = {
            "ipython": IPythonWay(kernels),
            "xeus-python": XeusWay(self._asking),
            "bash_kernel": BashWay(kernels, os.environ),
        }

    async def listing(self, kernel_id: str, query: Query) -> Listing:
        """The variables that fit. Raises KernelBusy and KernelUnavailable."""
        async with self._kernels.linked(kernel_id) as link:
            try:
                return await self._way(link.info).listing(link, query)
            except KernelLost as err:
                raise _gone(err) from err

    async def inspection(self, kernel_id: str, name: str, detail: Detail) -> Inspection:
        """What is known of a variable, an attribute or an item.

        Raises InvalidArgument, Unresolved, KernelBusy and KernelUnavailable.
        """
        steps = names.parse(name)
        async with self._kernels.linked(kernel_id) as link:
            try:
                return await self._way(link.info).inspection(link, steps, detail)
            except KernelLost as err:
                raise _gone(err) from err

    def _way(self, info: KernelInfo | None) -> Way:
        """By what the kernel says of itself: what the one answers may end the other."""
        return self._ways.get(info.implementation if info is not None else "", self._asking)


def _gone(err: KernelLost) -> KernelUnavailable:
    return KernelUnavailable(
        f"The kernel ended ({err.loss.detail}); its unsaved variables are lost. "
        "execute_code starts it again."
    )
