"""Runs a function in an ipykernel's subshell, beside its code.

The function shares the process with that code: it must be short and run no code of users.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from jupyter_mcp_ext.concurrency import Locks, Tasks
from jupyter_mcp_ext.kernels.links.link import KernelLink

from .evaluation import NotEvaluated, evaluate
from .losses import KernelLost

ANSWER = 5.0
"""Seconds within which a subshell is made, or is ended."""


class Subshells:
    """Subshells of the server's kernels, one at a time in each."""

    def __init__(self) -> None:
        self._locks: Locks[KernelLink] = Locks()
        self._ending = Tasks()

    async def evaluate(
        self,
        link: KernelLink,
        source: str,
        function: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,
    ) -> Any:
        """Like `evaluate`, without waiting for the code that the kernel runs."""
        async with self._locks.of(link):
            subshell_id = await _make(link)
            is_stuck = False
            try:
                return await evaluate(
                    link, source, function, arguments, timeout=timeout, subshell_id=subshell_id
                )
            except asyncio.TimeoutError:
                is_stuck = True  # the kernel would begin nothing while it waits for its end
                raise
            finally:
                if not is_stuck:
                    self._end(link, subshell_id)

    def _end(self, link: KernelLink, subshell_id: str) -> None:
        """End a subshell in a separate task, which ends at the latest with the link."""
        self._ending.start(_delete(link, subshell_id), name="mcp-subshell-end")


async def _make(link: KernelLink) -> str:
    made = await link.call("control", "create_subshell_request", {}, timeout=ANSWER)
    subshell_id = str(made.get("subshell_id") or "")
    if not subshell_id:
        msg = f"the kernel made no subshell: {made.get('evalue')}"
        raise NotEvaluated(msg)
    return subshell_id


async def _delete(link: KernelLink, subshell_id: str) -> None:
    content = {"subshell_id": subshell_id}
    try:
        await link.call("control", "delete_subshell_request", content, timeout=ANSWER)
    except (KernelLost, asyncio.TimeoutError):
        return
