"""The checks that speak MCP through its SDK, which may be missing or too old here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, cast

from .case import Case
from .finding import Finding, fault

_SDK_SIDE = "jupyter_mcp_ext.clients.doctor.sdk"


async def look_at_eras(case: Case) -> Sequence[Finding]:
    """Whether both eras of the protocol work, and which tools there are."""
    return await _run("look_at_eras", case)


async def look_at_kernel(case: Case) -> Sequence[Finding]:
    """Whether code runs, and what of it arrives."""
    return await _run("look_at_kernel", case)


async def _run(name: str, case: Case) -> Sequence[Finding]:
    try:
        side = cast("Any", importlib.import_module(_SDK_SIDE))
    except ImportError as err:
        what = f"The protocol's SDK cannot be loaded here ({err})."
        return [fault(what, 'pip install --upgrade "mcp>=2.3,<3"')]
    found: Sequence[Finding] = await getattr(side, name)(case)
    return found
