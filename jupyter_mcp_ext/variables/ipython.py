"""Variables of an ipykernel, looked at by our functions, which run in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mcp_ext.in_kernel import texts
from jupyter_mcp_ext.kernels.evaluation import EvaluationError, evaluate
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.links.link import KernelLink

from . import answers
from .model import Inspection, Listing
from .names import Step
from .way import EXACT_SECONDS, Detail, KernelBusy, Query

PATIENCE = 3.0
"""Seconds to wait for a kernel that seems idle: it may be busy all the same."""

LITTLE_PATIENCE = 0.5
"""The same, if a subshell can answer instead."""

BESIDE = 5.0
"""Seconds to wait for the answer of a subshell."""


BESIDE_SECONDS = 0.02
"""Seconds for the statistics of one value while code runs."""


class IPythonWay:
    """On the kernel's own thread while it is idle, in a subshell while it runs code."""

    async def listing(self, kernel: Kernel, link: KernelLink, query: Query) -> Listing:
        """The variables that match, newest first."""
        arguments = {"pattern": query.filter, "limit": query.limit}
        source = await asyncio.to_thread(texts.listing)
        can_beside = link.info.has_subshells
        patience = LITTLE_PATIENCE if can_beside else PATIENCE
        found = await self._evaluate(kernel, link, source, "listing", arguments, patience)
        return answers.read(answers.listing, found)

    async def inspection(
        self, kernel: Kernel, link: KernelLink, steps: Sequence[Step], detail: Detail
    ) -> Inspection:
        """Inspect the value at the end of a path of steps."""
        arguments = {"steps": steps, "detail": detail, "seconds": EXACT_SECONDS}
        beside = {**arguments, "seconds": BESIDE_SECONDS}
        source = await asyncio.to_thread(texts.inspection)
        found = await self._evaluate(
            kernel, link, source, "inspection", arguments, PATIENCE, beside
        )
        return answers.read(answers.inspection, found)

    async def _evaluate(
        self,
        kernel: Kernel,
        link: KernelLink,
        source: str,
        function: str,
        arguments: Mapping[str, Any],
        patience: float,
        beside: Mapping[str, Any] | None = None,
    ) -> Any:
        """``beside`` are the arguments in a subshell, if they differ."""
        if not link.is_busy:
            until = time.time() + patience
            try:
                return await evaluate(
                    link, source, function, {**arguments, "until": until}, timeout=patience
                )
            except asyncio.TimeoutError:
                pass
            except EvaluationError as err:
                if not _was_stopped(err):
                    raise answers.cannot(err) from err
        if not link.info.has_subshells:
            raise KernelBusy
        try:
            return await kernel.connection.evaluate_beside(
                link, source, function, {**(beside or arguments), "until": None}, timeout=BESIDE
            )
        except asyncio.TimeoutError as err:
            raise KernelBusy from err
        except EvaluationError as err:
            raise answers.cannot(err) from err


def _was_stopped(err: EvaluationError) -> bool:
    """Whether it was ended from outside, for example by an interrupt."""
    return getattr(err, "ename", "KeyboardInterrupt") in ("KeyboardInterrupt", "Late")
