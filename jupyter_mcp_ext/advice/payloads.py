"""Payloads of replies, made for front ends: text for the next cell, pages, the kernel's exit.

IPython still uses them
(https://jupyter-client.readthedocs.io/en/stable/messaging.html#payloads-deprecated).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_mcp_ext.outputs.model import Json

MAX_PAYLOADS = 100

NEXT_INPUT = "the text below is for the next cell (as from %load or %recall) and has not been run"
EXIT = (
    "exit() ends the kernel; the next code in the session starts it again and brings back what was "
    "saved"
)
EDIT = "%edit opens no editor here: read_file shows the file, edit_file and write_file change it"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is shown for a payload."""

    data: Mapping[str, Json] | None = None
    """The data of a display, if there is one."""
    notice: str = ""


def payloads(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The payloads of a reply."""
    found = reply.get("payload")
    few = found[:MAX_PAYLOADS] if isinstance(found, list) else []
    return [each for each in few if isinstance(each, dict)]


def shown(payload: Mapping[str, Any]) -> Shown:
    """What to show for one payload of a reply."""
    match payload.get("source"):
        case "page":  # IPython shows the help of `len?` this way
            data = payload.get("data")
            return Shown(data=data if isinstance(data, dict) else None)
        case "set_next_input":
            text = str(payload.get("text") or "")
            return Shown(data={"text/plain": text} if text else None, notice=NEXT_INPUT)
        case "edit_magic":
            return Shown(notice=EDIT)
        case "ask_exit" if ends_kernel(payload):
            return Shown(notice=EXIT)
        case _:
            return Shown()


def ends_kernel(payload: Mapping[str, Any]) -> bool:
    """Whether the kernel ends itself after this reply."""
    return payload.get("source") == "ask_exit" and not payload.get("keepkernel")
