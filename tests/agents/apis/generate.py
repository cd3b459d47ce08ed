"""Google's Gemini API."""

from __future__ import annotations

import json
from typing import Any

from tests.agents.record import Result, Tool, picture

from .api import DONE, Answer, Body, Call


class Generate:
    """What Gemini CLI speaks."""

    def serves(self, path: str) -> bool:
        """Whether the path asks for content, streamed or not."""
        return path.endswith((":generateContent", ":streamGenerateContent"))

    def tools(self, body: Body) -> list[Tool]:
        """The declared functions."""
        return [
            Tool(name=function["name"])
            for tool in body.get("tools") or ()
            for function in tool.get("functionDeclarations") or ()
        ]

    def results(self, body: Body) -> list[Result]:
        """The parts ``functionResponse``, with the images in them or behind them."""
        found: list[Result] = []
        for content in body["contents"]:
            for part in content["parts"] if content.get("role") == "user" else ():
                inner = part.get("functionResponse")
                if inner:
                    found.append(Result(text=_text(inner["response"])))
                for one in [part, *(inner or {}).get("parts", ())] if found else ():
                    if "inlineData" in one:
                        image = picture(one["inlineData"]["mimeType"], one["inlineData"]["data"])
                        text = found[-1].text
                        found[-1] = Result(text=text, pictures=(*found[-1].pictures, image))
        return found

    def answer(self, path: str, body: Body, call: Call | None) -> Answer:
        """A candidate with one part; where a schema is asked for, there is no more to say."""
        part: dict[str, Any]
        if call:
            part = {"functionCall": {"name": call.tool.name, "args": call.arguments}}
        elif "response" in json.dumps(list(body.get("generationConfig") or ())):
            part = {"text": json.dumps({"reasoning": DONE, "next_speaker": "user"})}
        else:
            part = {"text": DONE}
        content = {"role": "model", "parts": [part]}
        answer = {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {
                "promptTokenCount": 1,
                "candidatesTokenCount": 1,
                "totalTokenCount": 2,
            },
        }
        return Answer(events=[("", answer)]) if "stream" in path else Answer(whole=answer)


def _text(response: Any) -> str:
    """The text of a result, which stands under one of two names."""
    text = response.get("output", response.get("error"))
    return text if isinstance(text, str) else json.dumps(response, ensure_ascii=False)
