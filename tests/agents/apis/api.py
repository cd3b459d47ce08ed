"""What the mock model has to know of an API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.agents.record import Result, Tool

Body = Mapping[str, Any]
Event = tuple[str, Any]
"""The name of a server-sent event, which may be empty, and its data."""
DONE = "Done."
"""What the model says when it has no further calls to make."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A tool call that the model makes."""

    tool: Tool
    arguments: Mapping[str, Any]
    number: int
    """Its place among the calls of the conversation, which makes its id."""

    @property
    def id(self) -> str:
        """The id by which the client answers it."""
        return f"call_{self.number:02}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model says, as one object or as events."""

    whole: Any = None
    events: Sequence[Event] | None = None


class Api(Protocol):
    """One API of models."""

    def serves(self, path: str) -> bool:
        """Whether a request to a path asks this API's model."""
        ...

    def tools(self, body: Body) -> list[Tool]:
        """The tools that a request shows to the model."""
        ...

    def results(self, body: Body) -> list[Result]:
        """The results of all calls in a request, in the order of the calls."""
        ...

    def answer(self, path: str, body: Body, call: Call | None) -> Answer:
        """A turn of the model: a call, or its last words."""
        ...
