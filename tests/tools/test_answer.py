"""The content of an answer that a client gets."""

from __future__ import annotations

import mcp_types as types

from jupyter_mcp_ext.tools.answer import text, to_error, to_result


def test_no_invisible_character_reaches_a_client_whatever_brought_it_along() -> None:
    hidden = "kernel \u202ek\u200bn\U000e0041"

    result = to_result(text(hidden))
    assert isinstance(result, types.CallToolResult)
    said = [*result.content, *to_error(hidden).content]

    assert [getattr(block, "text", "") for block in said] == ["kernel kn", "Error: kernel kn"]
