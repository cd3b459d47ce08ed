"""OpenAI's Responses API."""

from __future__ import annotations

import json
from typing import Any

from tests.agents.record import Result, Tool, picture_of_url

from .api import DONE, Answer, Body, Call


class Responses:
    """What Codex and the OpenAI Agents SDK speak."""

    def serves(self, path: str) -> bool:
        """Whether the path is the API's."""
        return path.endswith("/responses")

    def tools(self, body: Body) -> list[Tool]:
        """Functions, alone or in a namespace."""
        found = []
        for tool in body.get("tools") or ():
            inner = tool.get("tools")
            if inner:
                found += [Tool(name=one["name"], namespace=tool["name"]) for one in inner]
            elif tool.get("name"):
                found.append(Tool(name=tool["name"]))
        return found

    def results(self, body: Body) -> list[Result]:
        """The items ``function_call_output``, with the images of a message behind one."""
        found: list[Result] = []
        for item in body["input"] if isinstance(body["input"], list) else ():
            if item.get("type") == "function_call_output":
                found.append(_result(item["output"]))
            elif found and item.get("role") == "user":
                more = _result(item["content"]).pictures
                text = found[-1].text
                found[-1] = Result(text=text, pictures=(*found[-1].pictures, *more))
        return found

    def answer(self, path: str, body: Body, call: Call | None) -> Answer:
        """A response with one item."""
        del path
        item = _item(call)
        response = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": body["model"],
            "status": "completed",
            "output": [item],
            "parallel_tool_calls": False,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 1,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 1,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 2,
            },
        }
        if not body.get("stream"):
            return Answer(whole=response)
        begun = {**response, "status": "in_progress", "output": []}
        parts: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": response},
        ]
        events = [(part["type"], {**part, "sequence_number": n}) for n, part in enumerate(parts)]
        return Answer(events=events)


def _result(output: Any) -> Result:
    items = [{"type": "input_text", "text": output}] if isinstance(output, str) else output
    return Result(
        text="\n".join(item["text"] for item in items if item["type"] == "input_text"),
        pictures=tuple(
            picture_of_url(item["image_url"]) for item in items if item["type"] == "input_image"
        ),
    )


def _item(call: Call | None) -> dict[str, Any]:
    if call is None:
        text = {"type": "output_text", "text": DONE, "annotations": []}
        return {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [text],
        }
    item = {
        "type": "function_call",
        "id": f"fc_{call.number}",
        "call_id": call.id,
        "name": call.tool.name,
        "arguments": json.dumps(call.arguments),
        "status": "completed",
    }
    return {**item, "namespace": call.tool.namespace} if call.tool.namespace else item
