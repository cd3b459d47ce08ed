"""Questions of tools to the person at the client, answered with yes or no.

In older protocols the call waits for the answer. Since 2026-07-28 it is answered with the question
and made again with the answer: the tool then begins again, and is told what was answered before.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError

from jupyter_mcp_ext.errors import Forbidden, ToolError

from .answer import Question

if TYPE_CHECKING:
    from .call import Call
    from .elicitation import AskNow

FIELD = "confirm"
KEY = "confirm"
SCHEMA: types.ElicitRequestedSchema = {
    "type": "object",
    "properties": {FIELD: {"type": "boolean", "title": "Yes"}},
    "required": [FIELD],
}
STATE = re.compile(r"confirm/(?P<tool>[a-z0-9_]+)/(?P<before>[0-9a-f+,-]*)/(?P<now>[0-9a-f]{16})")
MOST = 16
"""Questions that one call may ask."""


class Asks(Exception):  # a way out through a tool's code, and no error
    """Ends a tool whose question is the result of its call."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.message)
        self.question = question


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """What was answered, by what stands for a question."""

    answers: dict[str, bool]


def answers(params: types.CallToolRequestParams, tool: str) -> Confirmed | None:
    """The answers of a call which is made again for a question of its tool, its state unsealed."""
    state = STATE.fullmatch(params.request_state or "")
    if state is None or state["tool"] != tool:
        return None
    marked = [one for one in state["before"].split(",") if one]
    found = {one[1:]: one[0] == "+" for one in marked}
    response = (params.input_responses or {}).get(KEY)
    if isinstance(response, types.ElicitResult):
        found[state["now"]] = _is_yes(response)
    return Confirmed(answers=found)


async def confirm(call: Call, tool: str, message: str) -> bool:
    """Ask, and give whether the answer is yes. Raises Forbidden where none can be had, and Asks."""
    if call.elicitation is None:
        msg = (
            f"{tool} has to ask the person at your client, and your client cannot ask (it declares "
            "no elicitation). Tell the person what you wanted to do."
        )
        raise Forbidden(msg)
    if call.elicitation.ask_now is not None:
        return await _ask(call, call.elicitation.ask_now, tool, message)
    known = call.confirmed.answers if call.confirmed is not None else {}
    mark = sha256(message.encode()).hexdigest()[:16]
    if mark in known:
        return known[mark]
    if len(known) >= MOST:
        msg = f"{tool} asks more than {MOST} questions. Use another tool."
        raise ToolError(msg)
    before = ",".join(f"{'+' if yes else '-'}{one}" for one, yes in known.items())
    state = f"confirm/{tool}/{before}/{mark}"
    raise Asks(Question(key=KEY, message=message, schema=SCHEMA, state=state))


async def _ask(call: Call, ask_now: AskNow, tool: str, message: str) -> bool:
    limit = call.services.executions.input_timeout
    began = time.monotonic()
    try:
        return _is_yes(await asyncio.wait_for(ask_now(message, SCHEMA), limit))
    except asyncio.TimeoutError:
        why = f"no one answered within {limit:g} s"
    except (MCPError, ValueError):  # refused by the client, or no answer of the protocol
        why = "your client could not ask"
    finally:
        call.pause(time.monotonic() - began)
    msg = f"{tool} needs an answer of the person at your client: {why}. Tell the person."
    raise Forbidden(msg)


def _is_yes(response: types.ElicitResult) -> bool:
    return response.action == "accept" and (response.content or {}).get(FIELD) is True
