"""What a run of a client shows, in the words of the table: pure."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jupyter_mcp_ext.protocol.server import INSTRUCTIONS
from jupyter_mcp_ext.tools.registry import TOOLS

from .model import Conversation
from .record import Result
from .scenario import LINES

WHOLE, LOST = "whole", "lost"
NOT_CALLED, ENDS = "not called", "ends the client"
SENT = " ".join(INSTRUCTIONS.split())
FEWEST = 40
"""Characters of the instructions below which they are not there: others have such words too."""

PNG = b64encode(b"\x89PNG\r\n\x1a\n").decode()[:-4]
"""What the bytes of an image begin with in base64."""

Judge = Callable[[Result], str]


def text(result: Result) -> str:
    """What was printed, and a value."""
    return _has(result, "[ok]", "grüß dich", "42")


def image(result: Result) -> str:
    """A plot of matplotlib."""
    if any(one.size for one in result.pictures):
        return "image"
    return "as text" if PNG in result.text else LOST


def frame(result: Result) -> str:
    """A data frame."""
    return _has(result, "|  | city | price |", "| 1 | Köln | 2.25 |", "[2 rows x 2 columns]")


def exception(result: Result) -> str:
    """An exception: no client says that it is one, so the text must."""
    return "told" if _has(result, "[error]", "ZeroDivisionError", "1 / 0") == WHOLE else LOST


def long(result: Result) -> str:
    """100 kB: head and tail, and the call that shows the rest."""
    return _has(result, "00000 long", f"{LINES - 1:05} long", "left out: get_output(")


def running(result: Result) -> str:
    """Code that runs on."""
    return _has(result, "[running]", "begun", "get_output(")


def rest(result: Result) -> str:
    """The end of that code."""
    return _has(result, "[ok]", "released")


def asked(result: Result) -> str:
    """Code that calls ``input()`` where no person is."""
    if "[error]" in result.text and "this client cannot ask a person" in result.text:
        return "cannot ask, told"
    if "[interrupted]" in result.text and "no one answered the question" in result.text:
        return "asks the person"
    return LOST


def cells(result: Result) -> str:
    """A cell that is inserted in a notebook and run."""
    return "run" if _has(result, "[ok]", "Inserted 1 cell", "run in a notebook") == WHOLE else LOST


def restart(result: Result) -> str:
    """Code after the server was restarted, between two calls."""
    return "goes on" if _has(result, "[ok]", "42") == WHOLE else result.text.strip()[:60]


JUDGES: Mapping[str, Judge] = {
    "text": text,
    "image": image,
    "frame": frame,
    "exception": exception,
    "long": long,
    "running": running,
    "rest": rest,
    "input": asked,
    "cells": cells,
    "restart": restart,
}
"""By the names of the steps."""
EXPECTED: Mapping[str, frozenset[str]] = {
    "text": frozenset({WHOLE}),
    "frame": frozenset({WHOLE}),
    "exception": frozenset({"told"}),
    "long": frozenset({WHOLE}),
    "running": frozenset({WHOLE}),
    "rest": frozenset({WHOLE}),
    "input": frozenset({"asks the person", "cannot ask, told", ENDS}),
    "cells": frozenset({"run"}),
    "restart": frozenset({"goes on"}),
}
"""What each client has to show, whatever the table says."""


def words(conversation: Conversation) -> dict[str, str]:
    """All that a conversation shows."""
    results = conversation.by_name()
    shown = {"tools": tools(conversation), "instructions": instructions(conversation)}
    missing = dict.fromkeys(JUDGES, NOT_CALLED)
    if conversation.unanswered in missing:
        missing[conversation.unanswered] = ENDS
    return shown | {
        name: judge(results[name]) if name in results else missing[name]
        for name, judge in JUDGES.items()
    }


def tools(conversation: Conversation) -> str:
    """Which of the server's tools the model is shown."""
    shown = {tool.name for tool in TOOLS if any(t.is_called(tool.name) for t in conversation.tools)}
    if len(shown) == len(TOOLS):
        return "all"
    main = {tool.name for tool in TOOLS if tool.is_main}
    return f"{len(shown)}, others by search" if shown == main else f"{len(shown)}"


def instructions(conversation: Conversation) -> str:
    """How much of the server's instructions the model is given."""
    said = list(_strings(json.loads(conversation.first or "{}")))
    if any(SENT in one for one in said):
        return WHOLE
    length = next(
        (n for n in range(len(SENT), FEWEST, -1) if any(SENT[:n] in s for s in said)),
        0,
    )
    return f"{length} characters" if length else "none"


def _has(result: Result, *parts: str) -> str:
    missing = [part for part in parts if part not in result.text]
    return WHOLE if not missing else LOST if len(missing) == len(parts) else "cut"


def _strings(node: Any) -> Iterator[str]:
    """All texts in JSON, on one line each: clients indent what they quote."""
    match node:
        case str():
            yield " ".join(node.split())
        case list():
            for inner in node:
                yield from _strings(inner)
        case dict():
            for inner in node.values():
                yield from _strings(inner)
