"""Asks the mock model for a next call, as the tests' own API has it."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit


class Asking:
    """A conversation with the model of a program that has a library but no model."""

    def __init__(self, tools: list[str], instructions: str | None) -> None:
        self._shown = {"tools": tools, "instructions": instructions or ""}
        self.results: list[list[dict[str, Any]]] = []
        """The blocks of each result so far."""

    def next(self) -> dict[str, Any]:
        """The next call, or nothing when there is none."""
        body = json.dumps({**self._shown, "results": self.results}).encode()
        model = urlsplit(os.environ["MODEL"])
        connection = http.client.HTTPConnection(model.netloc, timeout=100)
        connection.request("POST", f"{model.path}/plain", body)
        call: dict[str, Any] = json.load(connection.getresponse())
        connection.close()
        return call
