"""Asks the person at the client what code asks through ``input()``, and delivers the answer.

In older protocols the server sends a request while the call waits. Since 2026-07-28 the call is
answered with the question, and the client makes it again with the answer: that call goes to the
execution that waits and not to the tool, so that nothing runs twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from jupyter_mcp_ext.executions import questions

from .answer import Question

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.executions.prompts import Prompt

FIELD = "answer"
SCHEMA: types.ElicitRequestedSchema = {
    "type": "object",
    "properties": {FIELD: {"type": "string", "title": "Answer"}},
}
"""Nothing is required: an empty line is an answer too."""

STATE = re.compile(r"(?P<execution>[^/]+)/(?P<number>[0-9]{1,9})")

AskNow = Callable[[str, types.ElicitRequestedSchema], Awaitable[types.ElicitResult]]


@dataclass(frozen=True, kw_only=True)
class Elicitation:
    """How the person at a client is asked."""

    ask_now: AskNow | None = None
    """Asks while the call waits; without it the call's result asks."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """A call that is made again with the answer to the question of its first result."""

    execution_id: str
    number: int
    response: types.ElicitResult | None

    def deliver(self, execution: Execution) -> None:
        """Give the answer to the code, if that question is still open."""
        if self.response is not None:
            deliver(execution, self.number, self.response)


@dataclass(frozen=True, kw_only=True)
class Given:
    """A person's answer to whether code may run in a kernel of a person's."""

    start: str
    """The kernel for which it was asked, as `start_of` has it."""
    response: types.ElicitResult | None


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
    """The answer that a repeated call has, its state unsealed; None for a first call."""
    state = STATE.fullmatch(params.request_state or "")
    if state is None:
        if params.input_responses:
            # To go on would run the tool once more.
            raise MCPError(
                code=types.INVALID_PARAMS,
                message="The call brings inputResponses without the requestState that they "
                "belong to. Send both as they were received.",
            )
        return None
    response = (params.input_responses or {}).get(_key(int(state["number"])))
    return Retry(
        execution_id=state["execution"],
        number=int(state["number"]),
        response=response if isinstance(response, types.ElicitResult) else None,
    )


async def ask(ask_now: AskNow, execution: Execution, prompt: Prompt) -> None:
    """Ask until there is an answer or the question is closed: another client may be faster."""
    asking = asyncio.ensure_future(ask_now(_message(execution, prompt), SCHEMA))
    try:
        either: set[asyncio.Future[Any]] = {asking, prompt.closed}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            deliver(execution, prompt.number, asking.result())
    except (MCPError, ValueError):  # refused by the client, or no answer of the protocol
        questions.decline(execution, prompt.number, "the client could not ask")
    finally:
        asking.cancel()


def deliver(execution: Execution, number: int, response: types.ElicitResult) -> None:
    """Give an answer to the code, unless the question is no longer open."""
    match response.action:
        case "accept":
            value = (response.content or {}).get(FIELD)
            questions.answer(execution, number, "" if value is None else str(value))
        case "decline":
            questions.decline(execution, number, "the person declined to answer")
        case "cancel":
            questions.decline(execution, number, "the person gave no answer to")


def question(execution: Execution, prompt: Prompt) -> Question:
    """The form for a question of the code."""
    return Question(
        key=_key(prompt.number),
        message=_message(execution, prompt),
        schema=SCHEMA,
        state=f"{execution.id}/{prompt.number}",
    )


def _key(number: int) -> str:
    return f"input-{number}"


def _message(execution: Execution, prompt: Prompt) -> str:
    """The text of the form, which says that code asks and names its execution."""
    asked = prompt.text.strip() or "(it does not say what)"
    return f"Code that runs in Jupyter ({execution.id}) asks: {asked}"
