"""What becomes of a question of running code (``input()``): asked, answered, or given up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.advice import debuggers

from .prompts import NO_FORM, NO_PASSWORDS

if TYPE_CHECKING:
    from .execution import Execution
    from .prompts import Prompt, Reply


def ask(execution: Execution, text: str, is_password: bool, reply: Reply) -> None:
    """The code asks a person and stands still until ``reply`` is called or it is stopped."""
    if execution.stop.is_requested or execution.is_finished:
        return
    if (way_out := debuggers.way_out(text)) is not None:
        _leave_debugger(execution, way_out, reply)
    elif execution.input_timeout is None:
        instead = NO_PASSWORDS if is_password else NO_FORM
        _give_up(execution, "the code asked for input", instead)
    elif is_password:
        _give_up(execution, "the code asked for a password", NO_PASSWORDS)
    else:
        execution.prompts.open(
            text,
            reply,
            timeout=execution.input_timeout,
            on_timeout=partial(_give_up_on, execution),
        )
        execution.pause()


def answer(execution: Execution, number: int, value: str) -> bool:
    """Answer the question of that number; false when it is no longer open."""
    is_answered = execution.prompts.answer(number, value)
    if is_answered:
        execution.go_on()
    return is_answered


def decline(execution: Execution, number: int, words: str) -> bool:
    """Stop the code, since no one will answer that question; false when it is not open."""
    prompt = execution.prompts.current
    if prompt is None or prompt.number != number:
        return False
    _give_up(
        execution,
        f"{words} {prompt.quoted}",
        "no one answered the question of the code, so it was interrupted: do without the "
        "answer, or ask in the conversation and put the value into the code",
    )
    return True


def _leave_debugger(execution: Execution, way_out: str, reply: Reply) -> None:
    """Have a debugger quit; code that starts it again and again is interrupted."""
    execution.tell([debuggers.INSTEAD])
    if execution.prompts.leave_debugger():
        reply(way_out)
    else:
        execution.request_stop("interrupted", "the code starts debuggers again and again")


def _give_up_on(execution: Execution, prompt: Prompt) -> None:
    words = f"no one answered within {execution.input_timeout:g} s:"
    decline(execution, prompt.number, words)


def _give_up(execution: Execution, words: str, notice: str) -> None:
    execution.notices.append(notice)
    execution.request_stop("interrupted", words)
