"""Variables of kernels in other languages: one at a time, by asking the kernel for its name.

``inspect_request`` is what a notebook shows for the name under the cursor. No kernel is asked for
all its names: what it completes is the whole language.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.links.link import KernelLink
from jupyter_mcp_ext.outputs.text import clean

from .model import Inspection, Listing, Text
from .names import Step
from .way import Detail, KernelBusy, Query, Unresolved

PATIENCE = 10.0
"""Seconds to wait for the kernel's answer: some load a lot first, some never answer."""

PLAIN = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
"""Names of most languages, with the dots of R's."""

MAX_TEXT = {"summary": 3_000, "full": 100_000, "source": 100_000}


class AskingWay:
    """While the kernel is idle."""

    async def listing(self, kernel: Kernel, link: KernelLink, query: Query) -> Listing:
        """Refuse, in words."""
        msg = (
            f"A kernel of this kind ({_words(link)}) does not list its variables. "
            "inspect_variable shows one by its name; execute_code can print them all."
        )
        raise KernelUnavailable(msg)

    async def inspection(
        self, kernel: Kernel, link: KernelLink, steps: Sequence[Step], detail: Detail
    ) -> Inspection:
        """What the kernel shows for the name."""
        name = ".".join(str(word) for _, word in steps)
        if not PLAIN.fullmatch(name) or any(kind == "item" for kind, _ in steps):
            msg = (
                f"A kernel of this kind ({_words(link)}) can only be asked for variables, not for "
                "items of them. execute_code can print one."
            )
            raise Unresolved(msg)
        content = {
            "code": name,
            "cursor_pos": len(name),
            "detail_level": int(detail == "source"),
        }
        if link.is_busy:
            raise KernelBusy
        try:
            reply = await link.call("shell", "inspect_request", content, timeout=PATIENCE)
        except asyncio.TimeoutError as err:
            raise KernelBusy from err
        data = reply.get("data") if reply.get("found") else None
        told = data.get("text/plain") if isinstance(data, dict) else None
        if not isinstance(told, str) or not told.strip():
            msg = (
                f"This kernel ({_words(link)}) knows nothing about {name}. Is the name right? "
                "execute_code can print it."
            )
            raise Unresolved(msg)
        text = clean(told).strip()
        return Inspection(
            type=f"as {_words(link)} describes it",
            sections=(Text(title="description", text=text[: MAX_TEXT[detail]]),),
            is_cut=len(text) > MAX_TEXT[detail],
        )


def _words(link: KernelLink) -> str:
    return link.info.implementation or link.info.language or "unknown"
