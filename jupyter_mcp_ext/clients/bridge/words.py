"""What the bridge says when the server does not."""

from __future__ import annotations

from .messages import Message


def unanswered(message: Message, *, is_running: bool | None, changes: bool) -> str:
    """What is known of a request that was sent and not answered; ``changes``: it may have effects.

    ``is_running`` says whether the server's process still runs; None if that is not known.
    """
    if is_running:
        so = "The connection was lost before the answer came; the Jupyter server still runs."
        if message.version:  # to close the stream of a call cancels it there
            then = "Code that the call ran was interrupted or goes on."
        else:
            then = "Code that the call began goes on."
    elif is_running is False:
        so = "The Jupyter server went away before the answer came."
        then = "If it has ended, its kernels have too, and what the call ran is not complete."
    else:
        so = "The connection to the Jupyter server was lost before the answer came."
        then = "Code that the call began may go on."
    if not changes:
        return f"{so} Make the call again{_once(is_running)}."
    return (
        f"{so} {then} It was not sent a second time. Call get_output(){_once(is_running)} to see "
        "what is known of it, and look before you do it again."
    )


def silent(server: str) -> str:
    """What is so of a server that was asked and has not answered."""
    return (
        f"The Jupyter server {server} is there but answers nothing: it is stopped, or too busy. "
        "Try again later, or start it again."
    )


def given_up(*, server: str, within: float, changes: bool) -> str:
    """What is known of a request that is open at a server which answers nothing."""
    so = (
        f"The Jupyter server {server} is there but has answered nothing for {within:g} seconds: it "
        "is stopped, or too busy."
    )
    if not changes:
        return f"{so} Make the call again once it answers, or start the server again."
    return (
        f"{so} The call is not taken back: it goes on when the server does. Call get_output() then "
        "to see what is known of it, and look before you do it again."
    )


def _once(is_running: bool | None) -> str:
    return "" if is_running else " once the server runs again"


def absent(sentence: str) -> str:
    """The instructions for a client that begins before there is a server."""
    return (
        f"{sentence} No tools are listed until then; the list is announced when the server answers."
    )
