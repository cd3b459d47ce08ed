"""What a tool answers, as MCP content blocks.

Never ``structuredContent``: several clients then drop the text or the images. Data for programs
goes into ``_meta``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import mcp_types as types

from jupyter_mcp_ext.outputs.characters import visible
from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock

META = "jupyter-mcp-ext/"
"""The prefix of this package's keys in ``_meta``."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A form that the client shows before it makes the call again."""

    key: str
    message: str
    schema: types.ElicitRequestedSchema
    state: str
    """Comes back with the answer; it is sealed on its way."""


@dataclass(frozen=True, kw_only=True)
class BlobBlock:
    """Bytes of a file, for programs."""

    data: bytes
    mime_type: str
    uri: str


Block: TypeAlias = TextBlock | ImageBlock | BlobBlock


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Blocks in the order in which a notebook would show them, and data for programs.

    The keys of ``meta`` are without `META`: ``{"execution": …}``. ``status`` is for the audit.
    """

    blocks: tuple[Block, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    status: str = "ok"
    question: Question | None = None
    """A question for the person at the client, which is then the whole answer."""

    @property
    def texts(self) -> Iterator[str]:
        """Its blocks as texts: of others than these the kind."""
        for block in self.blocks:
            yield block.text if isinstance(block, TextBlock) else f"[{block.mime_type}]"


def text(words: str, **meta: Any) -> Answer:
    """An answer of one text block."""
    return Answer(blocks=(TextBlock(text=words),), meta=meta)


def to_result(answer: Answer) -> types.CallToolResult | types.InputRequiredResult:
    """The result of a tool that succeeded, or that needs an answer to go on."""
    if answer.question is not None:
        return _to_form(answer.question)
    result = types.CallToolResult(content=[_block(block) for block in answer.blocks])
    if answer.meta:
        result.meta = {META + key: value for key, value in answer.meta.items()}
    return result


def _to_form(question: Question) -> types.InputRequiredResult:
    params = types.ElicitRequestFormParams(
        message=question.message, requested_schema=question.schema
    )
    return types.InputRequiredResult(
        input_requests={question.key: types.ElicitRequest(params=params)},
        request_state=question.state,
    )


def to_error(words: str) -> types.CallToolResult:
    """The result of a tool that failed; clients may hide the flag, so the text says it too."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=f"Error: {visible(words)}")], is_error=True
    )


def _block(
    block: Block,
) -> types.TextContent | types.ImageContent | types.EmbeddedResource:
    match block:
        case TextBlock():
            # Output is cleaned where it is taken up, and names are escaped; this catches what a
            # name or a message still contains.
            return types.TextContent(type="text", text=visible(block.text))
        case ImageBlock():
            return types.ImageContent(
                type="image", data=b64encode(block.data).decode(), mime_type=block.mime_type
            )
        case BlobBlock():
            blob = types.BlobResourceContents(
                uri=block.uri, blob=b64encode(block.data).decode(), mime_type=block.mime_type
            )
            return types.EmbeddedResource(type="resource", resource=blob)
