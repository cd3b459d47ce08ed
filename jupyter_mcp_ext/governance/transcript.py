"""The last calls of each user's agents, with code and answers, as the user may see them.

In memory and bounded. What operators keep is in the events, which have neither code nor answers.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.concurrency import Listeners

if TYPE_CHECKING:
    from .caller import Caller

MAX_CALLS = 50
MAX_SUBJECTS = 200
MAX_CLIENTS = 50
"""What is kept: calls and clients of a user, and users."""

MAX_TEXT = 1_000
MAX_ARGUMENTS = 20
"""Characters of a text, and arguments of a call."""

_short = Repr()
_short.maxother = _short.maxstring = _short.maxlong = 200


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One call that has ended; ``at`` is its end in seconds since the epoch."""

    tool: str
    status: str
    client: str
    session_id: str | None
    duration: float
    arguments: tuple[tuple[str, str], ...]
    answer: str
    at: float = field(default_factory=time.time)


@dataclass(kw_only=True)
class Client:
    """A client that has sent requests; ``last`` is when, in seconds since the epoch."""

    name: str
    version: str
    requests: int = 0
    last: float = 0.0


@dataclass(frozen=True)
class _Heard:
    """What is known of one user's agents."""

    calls: deque[Entry] = field(default_factory=lambda: deque(maxlen=MAX_CALLS))
    clients: OrderedDict[tuple[str, str], Client] = field(default_factory=OrderedDict)


class Transcript:
    """What the agents of each user have done last."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, _Heard] = OrderedDict()
        """By subject, the one that was heard of last at the end."""
        self.changed: Listeners[str] = Listeners()
        """Are called with the subject of each call that has ended."""
        self._is_on = True

    def switch_off(self) -> None:
        """Keep nothing: no person can see it."""
        self._is_on = False
        self._heard.clear()

    def hear(self, caller: Caller) -> None:
        """Note that a client has sent a request."""
        if not self._is_on:
            return
        clients = self._of(caller.subject).clients
        key = (caller.client, caller.client_version)
        if key not in clients:
            clients[key] = Client(name=caller.client, version=caller.client_version)
        client = clients[key]
        client.requests += 1
        client.last = time.time()
        clients.move_to_end(key)
        if len(clients) > MAX_CLIENTS:
            clients.popitem(last=False)

    def add(self, subject: str, entry: Entry) -> None:
        """Add a call that has ended."""
        if not self._is_on:
            return
        self._of(subject).calls.append(entry)
        self.changed.tell(subject)

    def calls(self, subject: str) -> tuple[Entry, ...]:
        """The last calls of a user's agents, the newest first."""
        heard = self._heard.get(subject)
        return tuple(reversed(heard.calls)) if heard is not None else ()

    def clients(self, subject: str) -> tuple[Client, ...]:
        """The clients of a user, the one that was heard of last first."""
        heard = self._heard.get(subject)
        return tuple(reversed(heard.clients.values())) if heard is not None else ()

    def _of(self, subject: str) -> _Heard:
        heard = self._heard.setdefault(subject, _Heard())
        self._heard.move_to_end(subject)
        if len(self._heard) > MAX_SUBJECTS:
            self._heard.popitem(last=False)
        return heard


def shortened(arguments: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """The arguments of a call, each as a text that is short."""
    given = list((arguments or {}).items())[:MAX_ARGUMENTS]
    return tuple((cut(name, 100), _text(value)) for name, value in given)


def cut(text: str, most: int = MAX_TEXT) -> str:
    """The beginning of a text, with a mark if that is not all."""
    return text if len(text) <= most else f"{text[:most]}…"


def first_text(texts: Iterable[str]) -> str:
    """The beginning of some texts, a line for each."""
    said = ""
    for text in texts:
        said += f"{text[: MAX_TEXT + 1]}\n"
        if len(said) > MAX_TEXT:
            break
    return cut(said.rstrip("\n"))


def _text(value: object) -> str:
    return cut(value if isinstance(value, str) else _short.repr(value))
