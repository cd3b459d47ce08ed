"""The requests that run code in a kernel: the one place that knows their content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .exchange import Content
from .link import KernelLink

EXECUTE = "execute_request"


def execute_content(
    code: str,
    *,
    is_silent: bool,
    expressions: Mapping[str, str] | None = None,
    can_ask: bool = False,
) -> dict[str, Any]:
    """The content of an ``execute_request``; a silent one is not counted and leaves no history."""
    return {
        "code": code,
        "silent": is_silent,
        "store_history": not is_silent,
        "user_expressions": dict(expressions or {}),
        "allow_stdin": can_ask,
        # True would abort what a person has queued behind this code.
        "stop_on_error": False,
    }


async def run(
    link: KernelLink,
    code: str,
    *,
    timeout: float,
    is_silent: bool = True,
    expressions: Mapping[str, str] | None = None,
    subshell_id: str = "",
) -> Content:
    """Run code in a kernel and return its reply; its output is dropped.

    Raises KernelLost and asyncio.TimeoutError, after which the code may still run.
    """
    content = execute_content(code, is_silent=is_silent, expressions=expressions)
    return await link.call("shell", EXECUTE, content, timeout=timeout, subshell_id=subshell_id)
