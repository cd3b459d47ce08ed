"""OpenAI's Chat Completions API, which many providers have."""

from __future__ import annotations

import json
from typing import Any

from tests.agents.record import Picture, Result, Tool, picture_of_url

from .api import DONE, Answer, Body, Call


class Completions:
    """What OpenCode, Copilot CLI, LangChain and pydantic-ai speak."""

    def serves(self, path: str) -> bool:
        """Whether the path is the API's."""
        return path.endswith("/chat/completions")

    def tools(self, body: Body) -> list[Tool]:
        """The functions."""
        return [Tool(name=tool["function"]["name"]) for tool in body.get("tools") or ()]

    def results(self, body: Body) -> list[Result]:
        """The messages ``tool``, with the images of a user's message behind one."""
        found: list[Result] = []
        for message in body["messages"]:
            text, pictures = _parts(message.get("content"))
            if message["role"] == "tool":
                found.append(Result(text=text, pictures=pictures))
            elif found and message["role"] == "user":
                found[-1] = Result(text=found[-1].text, pictures=(*found[-1].pictures, *pictures))
        return found

    def answer(self, path: str, body: Body, call: Call | None) -> Answer:
        """A message of the assistant."""
        del path
        reason = "tool_calls" if call else "stop"
        said: dict[str, Any] = {"role": "assistant", "content": None if call else DONE}
        if call:
            function = {"name": call.tool.name, "arguments": json.dumps(call.arguments)}
            said["tool_calls"] = [{"id": call.id, "type": "function", "function": function}]
        answer = {"id": "completion_1", "created": 1, "model": body["model"]}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        if not body.get("stream"):
            choice = {"index": 0, "message": said, "finish_reason": reason}
            return Answer(
                whole={**answer, "object": "chat.completion", "choices": [choice], "usage": usage}
            )
        if call:
            said["tool_calls"][0]["index"] = 0
        chunk = {**answer, "object": "chat.completion.chunk"}
        first = {"index": 0, "delta": said, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": reason}
        return Answer(
            events=[
                ("", {**chunk, "choices": [first]}),
                ("", {**chunk, "choices": [last], "usage": usage}),
                ("", "[DONE]"),
            ]
        )


def _parts(content: Any) -> tuple[str, tuple[Picture, ...]]:
    if not isinstance(content, list):
        return content or "", ()
    text = "\n".join(part["text"] for part in content if part["type"] == "text")
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    return text, tuple(picture_of_url(url) for url in urls)
