"""Brings what code asks through ``input()`` to the person at the client, and the answer back.

In the older protocols by a request of ours while the call waits. Since 2026-07-28 the call is
answered with the question, and the client makes it again with the answer: that call goes to the
execution that waits and never to the tool, so that nothing runs twice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from .content import Question

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.executions.prompts import Prompt

    from .call import Call

FIELD = "answer"
SCHEMA: types.ElicitRequestedSchema = {
    "type": "object",
    "properties": {FIELD: {"type": "string", "title": "Answer"}},
}
"""Nothing is required: an empty line is an answer too."""

STATE = re.compile(r"(?P<execution>.+)/(?P<number>[0-9]{1,9})")

AskNow = Callable[[str, types.ElicitRequestedSchema], Awaitable[types.ElicitResult]]


@dataclass(frozen=True, kw_only=True)
class Elicitation:
    """How the person at a client is asked."""

    ask_now: AskNow | None = None
    """Asks while the call waits; without it the call's result asks."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """A call made again with what its result asked for."""

    execution_id: str
    number: int
    response: types.ElicitResult | None

    def deliver(self, execution: Execution) -> None:
        """Give the answer to the code, if that question is still open."""
        if self.response is not None:
            deliver(execution, self.number, self.response)


def elicitation(ctx: ServerRequestContext[Any, Any]) -> Elicitation | None:
    """How this client's person is asked; None when the client declares no forms."""
    capabilities = ctx.session.client_capabilities
    declared = capabilities.elicitation if capabilities is not None else None
    # Before 2025-11-25 there were forms only, and an empty declaration means them still.
    if declared is None or (declared.form is None and declared.url is not None):
        return None
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return Elicitation()
    ask = partial(ctx.session.elicit_form, related_request_id=ctx.request_id)
    return Elicitation(ask_now=ask)


def retry(params: types.CallToolRequestParams) -> Retry | None:
    """What a call brings back, its state opened already; None for a call made the first time."""
    state = STATE.fullmatch(params.request_state or "")
    if state is None:
        if params.input_responses:
            # To go on would run the tool once more.
            raise MCPError(
                code=types.INVALID_PARAMS,
                message="The call brings inputResponses without the requestState that they "
                "belong to. Send both as they came.",
            )
        return None
    response = (params.input_responses or {}).get(_key(int(state["number"])))
    return Retry(
        execution_id=state["execution"],
        number=int(state["number"]),
        response=response if isinstance(response, types.ElicitResult) else None,
    )


async def settled(call: Call, execution: Execution, wait: float) -> None:
    """Wait as `McpExecutions.settled`, with the code's questions brought to the person.

    The wait stands still while the person is asked. Where the result is to ask, `Call.question`
    is set and nothing is waited for any longer.
    """
    executions = call.services.executions
    asks = call.elicitation is not None
    while True:
        await executions.settled(execution, call.left(wait), or_asking=asks)
        prompt = execution.prompts.current
        if call.elicitation is not None and prompt is not None:
            if call.elicitation.ask_now is None:
                call.question = question(execution, prompt)
                return
            began = time.monotonic()
            await _ask(call.elicitation.ask_now, execution, prompt)
            call.paused += time.monotonic() - began
        elif execution.is_finished or call.left(wait) <= 0:
            return


async def _ask(ask_now: AskNow, execution: Execution, prompt: Prompt) -> None:
    """Ask until there is an answer or the question is closed: another client may be faster."""
    asking = asyncio.ensure_future(ask_now(_message(execution, prompt), SCHEMA))
    try:
        either: set[asyncio.Future[Any]] = {asking, prompt.closed}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            deliver(execution, prompt.number, asking.result())
    except (MCPError, ValueError):  # refused by the client, or no answer of the protocol
        execution.decline(prompt.number, "the client could not ask")
    finally:
        asking.cancel()


def deliver(execution: Execution, number: int, response: types.ElicitResult) -> None:
    """Give an answer to the code; nothing happens when that question is open no longer."""
    match response.action:
        case "accept":
            value = (response.content or {}).get(FIELD)
            execution.answer(number, "" if value is None else str(value))
        case "decline":
            execution.decline(number, "the person declined to answer")
        case "cancel":
            execution.decline(number, "the person gave no answer to")


def question(execution: Execution, prompt: Prompt) -> Question:
    """What the client is to show, and what is to come back with the answer."""
    return Question(
        key=_key(prompt.number),
        message=_message(execution, prompt),
        schema=SCHEMA,
        state=f"{execution.id}/{prompt.number}",
    )


def _key(number: int) -> str:
    return f"input-{number}"


def _message(execution: Execution, prompt: Prompt) -> str:
    """What the person reads: that code asks, and that they may not know whose."""
    asked = prompt.text.strip() or "(it does not say what)"
    return f"Code that runs in Jupyter ({execution.id}) asks: {asked}"
