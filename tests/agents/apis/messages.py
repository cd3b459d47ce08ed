"""Anthropic's Messages API."""

from __future__ import annotations

import json
from typing import Any

from tests.agents.record import Result, Tool, picture

from .api import DONE, Answer, Body, Call, Event


class Messages:
    """What Claude Code speaks."""

    def serves(self, path: str) -> bool:
        """Whether the path is the API's, and not that which counts tokens."""
        return path.endswith("/messages")

    def tools(self, body: Body) -> list[Tool]:
        """Those with a schema: others are the API's own."""
        return [Tool(name=tool["name"]) for tool in body.get("tools") or () if tool.get("name")]

    def results(self, body: Body) -> list[Result]:
        """The blocks ``tool_result``."""
        return [
            _result(block["content"])
            for message in body["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
            if block["type"] == "tool_result"
        ]

    def answer(self, path: str, body: Body, call: Call | None) -> Answer:
        """A message with one block."""
        del path
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [_block(call)],
            "stop_reason": "tool_use" if call else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        if not body.get("stream"):
            return Answer(whole=message)
        return Answer(events=[_event(data) for data in _parts(message, call)])


def _result(content: Any) -> Result:
    blocks: list[dict[str, Any]] = content
    if isinstance(content, str):
        blocks = [{"type": "text", "text": content}]
    return Result(
        text="\n".join(filter(None, map(_text, blocks))),
        pictures=tuple(
            picture(block["source"]["media_type"], block["source"]["data"])
            for block in blocks
            if block["type"] == "image"
        ),
    )


def _text(block: dict[str, Any]) -> str:
    """What a block says: a tool that a search has found is named."""
    return str(block.get("text") or block.get("tool_name") or "")


def _block(call: Call | None) -> dict[str, Any]:
    if call is None:
        return {"type": "text", "text": DONE}
    return {"type": "tool_use", "id": call.id, "name": call.tool.name, "input": call.arguments}


def _parts(message: dict[str, Any], call: Call | None) -> list[dict[str, Any]]:
    """The parts of a streamed message: its block begins empty."""
    empty: dict[str, Any]
    block: dict[str, Any] = message["content"][0]
    if call is None:
        empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        text = json.dumps(call.arguments)
        empty, delta = {**block, "input": {}}, {"type": "input_json_delta", "partial_json": text}
    begun = {**message, "content": [], "stop_reason": None}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    return [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]


def _event(data: dict[str, Any]) -> Event:
    return data["type"], data
