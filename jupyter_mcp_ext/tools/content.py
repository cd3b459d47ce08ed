"""What a tool answers, as MCP content blocks.

Never ``structuredContent``: several clients then drop the text or the images. What a program wants
goes into ``_meta``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types

from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock

META = "jupyter-mcp-ext/"
"""What the keys of our ``_meta`` begin with."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Blocks in the order in which a notebook would show them, and what a program would parse.

    ``meta`` is keyed without `META`: ``{"execution": …}``. ``status`` is for the record.
    """

    blocks: tuple[TextBlock | ImageBlock, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    status: str = "ok"


def text(words: str, **meta: Any) -> Answer:
    """An answer of one text block."""
    return Answer(blocks=(TextBlock(text=words),), meta=meta)


def to_result(answer: Answer) -> types.CallToolResult:
    """The result of a tool that did what was asked."""
    result = types.CallToolResult(content=[_block(block) for block in answer.blocks])
    if answer.meta:
        result.meta = {META + key: value for key, value in answer.meta.items()}
    return result


def to_error(words: str) -> types.CallToolResult:
    """The result of a tool that could not; clients may hide the flag, so the text says it too."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=f"Error: {words}")], is_error=True
    )


def _block(block: TextBlock | ImageBlock) -> types.TextContent | types.ImageContent:
    match block:
        case TextBlock():
            return types.TextContent(type="text", text=block.text)
        case ImageBlock():
            return types.ImageContent(
                type="image", data=b64encode(block.data).decode(), mime_type=block.mime_type
            )
