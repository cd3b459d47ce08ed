"""Variables of xeus-python: our functions run in it as in an ipykernel, while it is idle.

A ``debug_request`` ends it, and it has no subshells. Its raw mode has no IPython, so it is
treated like any other kernel.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jupyter_mcp_ext.in_kernel import texts
from jupyter_mcp_ext.kernels.evaluation import FunctionRaised, NotEvaluated, evaluate
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.links.link import KernelLink

from . import answers
from .asking import AskingWay
from .model import Inspection, Listing
from .names import Step
from .way import EXACT_SECONDS, Detail, KernelBusy, Query

PATIENCE = 3.0
"""Seconds to wait for a kernel that seems idle."""


class XeusWay:
    """While the kernel is idle."""

    def __init__(self, asking: AskingWay) -> None:
        self._asking = asking

    async def listing(self, kernel: Kernel, link: KernelLink, query: Query) -> Listing:
        """The variables that match, newest first."""
        arguments = {"pattern": query.filter, "limit": query.limit}
        try:
            found = await _evaluate(link, texts.listing, "listing", arguments)
        except NotEvaluated:
            return await self._asking.listing(kernel, link, query)
        return answers.read(answers.listing, found)

    async def inspection(
        self, kernel: Kernel, link: KernelLink, steps: Sequence[Step], detail: Detail
    ) -> Inspection:
        """Inspect the value at the end of a path of steps."""
        arguments = {"steps": steps, "detail": detail, "seconds": EXACT_SECONDS}
        try:
            found = await _evaluate(link, texts.inspection, "inspection", arguments)
        except NotEvaluated:
            return await self._asking.inspection(kernel, link, steps, detail)
        return answers.read(answers.inspection, found)


async def _evaluate(
    link: KernelLink, text: Callable[[], str], function: str, arguments: Mapping[str, Any]
) -> Any:
    if link.is_busy:
        raise KernelBusy
    source = await asyncio.to_thread(text)
    until = time.time() + PATIENCE
    try:
        return await evaluate(
            link, source, function, {**arguments, "until": until}, timeout=PATIENCE
        )
    except asyncio.TimeoutError as err:
        raise KernelBusy from err
    except FunctionRaised as err:
        if err.ename in ("KeyboardInterrupt", "Late"):
            raise KernelBusy from err
        raise answers.cannot(err) from err
