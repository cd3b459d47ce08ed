"""The API of programs of the tests that have a library but no model: the blocks that it gave."""

from __future__ import annotations

from typing import Any

from tests.agents.record import Result, Tool, picture

from .api import Answer, Body, Call


class Plain:
    """``{"tools": [name], "instructions": text, "results": [[block]]}`` is answered by a call."""

    def serves(self, path: str) -> bool:
        """Whether the path is the API's."""
        return path.endswith("/plain")

    def tools(self, body: Body) -> list[Tool]:
        """The names."""
        return [Tool(name=name) for name in body["tools"]]

    def results(self, body: Body) -> list[Result]:
        """Results made of MCP's blocks."""
        return [_result(blocks) for blocks in body["results"]]

    def answer(self, path: str, body: Body, call: Call | None) -> Answer:
        """The call, or nothing."""
        del path, body
        made = {"tool": call.tool.name, "arguments": call.arguments} if call else {}
        return Answer(whole=made)


def _result(blocks: list[dict[str, Any]]) -> Result:
    return Result(
        text="\n".join(block["text"] for block in blocks if block["type"] == "text"),
        pictures=tuple(
            picture(block["mimeType"], block["data"])
            for block in blocks
            if block["type"] == "image"
        ),
    )
