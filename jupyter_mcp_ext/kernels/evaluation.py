"""Runs a function of this package in an ipykernel, without leaving a trace in the session.

It is one silent execute request with no code and one user expression: nothing is counted, stored
in the history or bound to a name. Only ipykernel evaluates user expressions this way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from jupyter_mcp_ext.in_kernel import expressions
from jupyter_mcp_ext.kernels.links.exchange import Content
from jupyter_mcp_ext.kernels.links.link import KernelLink
from jupyter_mcp_ext.kernels.links.requests import run

NAME = "answer"
"""The name of the expression in the reply."""

MAX_ANSWER = 2_000_000
"""Characters of an answer; reading more would stall the server."""

LARGE = 50_000
"""Characters from which on an answer is parsed in a thread."""


UNREADABLE = "the kernel's answer cannot be read"


class EvaluationError(Exception):
    """The function gave no value."""


class FunctionRaised(EvaluationError):
    """It raised in the kernel."""

    def __init__(self, ename: str, evalue: str) -> None:
        super().__init__(f"{ename}: {evalue}" if evalue else ename)
        self.ename = ename
        self.evalue = evalue


class NotEvaluated(EvaluationError):
    """The kernel did not run it, for example because a failing cell before it aborted it."""


async def evaluate(
    link: KernelLink,
    source: str,
    function: str,
    arguments: Mapping[str, Any],
    *,
    timeout: float,
    subshell_id: str = "",
) -> Any:
    """The value of ``function(**arguments)``, a function of the Python text ``source``.

    The text stands alone; arguments and value travel as JSON. It waits behind the code that the
    kernel runs, unless ``subshell_id`` names a subshell. After a TimeoutError the function may
    still run, and an interrupt ends it.

    Raises FunctionRaised, NotEvaluated, asyncio.TimeoutError, KernelLost.
    """
    asked = {NAME: expressions.call(source, function, arguments, link.latest)}
    code = expressions.beside() if subshell_id else ""
    reply = await run(link, code, timeout=timeout, expressions=asked, subshell_id=subshell_id)
    text = answer_of(reply)
    return await asyncio.to_thread(value_of, text) if len(text) > LARGE else value_of(text)


def answer_of(reply: Content) -> str:
    """The text of the answer in an ``execute_reply``. Raises FunctionRaised, NotEvaluated."""
    values = reply.get("user_expressions")
    answer = values.get(NAME) if isinstance(values, dict) else None
    if not isinstance(answer, dict):
        msg = f"the kernel answered {str(reply.get('ename') or reply.get('status'))[:100]!r}"
        raise NotEvaluated(msg)
    if answer.get("status") == "error":  # an interrupt came where the runner does not catch it
        raise FunctionRaised(str(answer.get("ename"))[:100], str(answer.get("evalue"))[:1_000])
    data = answer.get("data")
    text = data.get("text/plain") if isinstance(data, dict) else None
    if not isinstance(text, str):
        raise NotEvaluated(UNREADABLE)
    if len(text) > MAX_ANSWER:
        msg = f"the kernel's answer has {len(text):,} characters, more than {MAX_ANSWER:,}"
        raise NotEvaluated(msg)
    return text


def value_of(text: str) -> Any:
    """The value in an answer's JSON. Raises FunctionRaised, NotEvaluated."""
    try:
        parsed = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as err:
        raise NotEvaluated(UNREADABLE) from err
    match parsed:
        case {"raised": [str(ename), str(evalue)]}:
            raise FunctionRaised(ename[:100], evalue[:1_000])
        case {"value": value}:
            return value
    raise NotEvaluated(UNREADABLE)


def _no_number(name: str) -> None:
    """Refuse NaN and the infinities, which are not JSON."""
    raise ValueError(name)
