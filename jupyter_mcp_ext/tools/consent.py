"""Asks the person at the client whether an agent's code may run in a kernel of a person's.

It is asked before anything of the call is done. In older protocols the call waits for the answer;
since 2026-07-28 it is answered with the question, and made again with the answer.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError

from jupyter_mcp_ext.errors import Forbidden
from jupyter_mcp_ext.governance.consents import NeedsConsent, start_of
from jupyter_mcp_ext.outputs.characters import plain_name

from .answer import Answer, Question
from .elicitation import Given

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.consents import Session

    from .call import Call
    from .elicitation import AskNow

FIELD = "allow"
KEY = "use-kernel"
SCHEMA: types.ElicitRequestedSchema = {
    "type": "object",
    "properties": {FIELD: {"type": "boolean", "title": "Allow it"}},
    "required": [FIELD],
}

STATE = re.compile(r"kernel/(?P<start>[^/]+/[^/]+/[0-9]+-[0-9]+)")


def given(params: types.CallToolRequestParams) -> Given | None:
    """The answer of a call whose first result has asked for consent, its state unsealed."""
    state = STATE.fullmatch(params.request_state or "")
    if state is None:
        return None
    response = (params.input_responses or {}).get(KEY)
    if not isinstance(response, types.ElicitResult):
        response = None
    return Given(start=state["start"], response=response)


async def with_consent(call: Call, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """What ``work`` answers, or the question that has to be answered before. Raises Forbidden.

    It raises `NeedsConsent` before it has done anything, and is then called again.
    """
    try:
        return await work()
    except NeedsConsent as needed:
        question = await _obtain(call, needed)
        if question is not None:
            return Answer(blocks=(), status="input", question=question)
    return await work()


async def _obtain(call: Call, needed: NeedsConsent) -> Question | None:
    """Get the consent, or the question that the call's result asks. Raises Forbidden."""
    session = needed.session
    if call.elicitation is None:
        msg = (
            f"{needed} This server would ask the person at your client for leave, and your client "
            "cannot ask (it declares no elicitation)."
        )
        raise Forbidden(msg)
    if call.elicitation.ask_now is not None:
        began = time.monotonic()
        await _ask(call, call.elicitation.ask_now, session)
        call.pause(time.monotonic() - began)
        return None
    brought = call.consent
    if brought is None or brought.response is None or brought.start != start_of(session):
        return _question(call, session)
    _take(call, session, brought.response)
    return None


async def _ask(call: Call, ask_now: AskNow, session: Session) -> None:
    """Ask while the call waits, unless another call has got the consent. Raises Forbidden."""
    limit = call.services.executions.input_timeout
    consents = call.services.consents

    async def ask() -> None:
        async with consents.asking(call.caller, session):
            if not consents.has(call.caller, session):
                _take(call, session, await ask_now(_message(call, session), SCHEMA))

    try:
        await asyncio.wait_for(ask(), limit)
    except asyncio.TimeoutError:
        raise _refused(session, f"no one answered within {limit:g} s") from None
    except (MCPError, ValueError):  # refused by the client, or no answer of the protocol
        raise _refused(session, "your client could not ask") from None


def _take(call: Call, session: Session, response: types.ElicitResult) -> None:
    """Keep a consent. Raises Forbidden if it is none."""
    is_allowed = (response.content or {}).get(FIELD) is True
    if response.action != "accept" or not is_allowed:
        words = "gave no answer" if response.action == "cancel" else "did not allow it"
        raise _refused(session, f"the person at your client {words}")
    call.services.consents.add(call.caller, session)


def _refused(session: Session, why: str) -> Forbidden:
    return Forbidden(
        f"Your code may not run in the kernel of {session.id} ({session.name}), which is a "
        f"person's: {why}. create_session makes a session of your own."
    )


def _question(call: Call, session: Session) -> Question:
    return Question(
        key=KEY, message=_message(call, session), schema=SCHEMA, state=f"kernel/{start_of(session)}"
    )


def _message(call: Call, session: Session) -> str:
    return (
        f"{call.caller.label} wants to run code in the kernel of {plain_name(session.name)!r}, "
        "which a person has started: it is not in the sandbox, and reaches all that this Jupyter "
        "server does. If you allow it, that holds until the kernel is restarted."
    )
