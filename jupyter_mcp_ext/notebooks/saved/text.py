"""A notebook's file as text, read and written as Jupyter does it. No I/O."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import nbformat
import nbformat.v4

from jupyter_mcp_ext.notebooks.reading import pieces
from jupyter_mcp_ext.notebooks.reading.document import BOM

_FORMAT: Any = SimpleNamespace(
    from_dict=nbformat.from_dict,
    to_notebook_json=nbformat.v4.to_notebook_json,
    writes_json=nbformat.v4.writes_json,
)
"""nbformat's functions, which have no types."""


def read(data: bytes) -> dict[str, Any] | None:
    """The notebook in a file; None if it is not of nbformat 4.

    What nbformat stumbles over where nothing is missed is mended: then Jupyter can open it again.
    Raises ValueError, RecursionError, AttributeError, KeyError and TypeError for the rest.
    """
    found: Any = pieces.loads(data.removeprefix(BOM))
    if found["nbformat"] != nbformat.v4.nbformat:
        return None
    _complete(found)
    node: dict[str, Any] = _FORMAT.to_notebook_json(found)
    return node


def node_of(content: Any) -> Any:
    """The content of a model, which a hook may have changed, as nbformat's own node."""
    return _FORMAT.from_dict(content)


def written(node: Any) -> bytes:
    """The file of a notebook."""
    text: str = _FORMAT.writes_json(node, split_lines=True)
    # Half a surrogate pair has no bytes in UTF-8; this writes it as JSON does.
    return f"{text}\n".encode(errors="backslashreplace")


def _complete(node: dict[str, Any]) -> None:
    _dict(node, "metadata")
    for cell in node["cells"]:
        _dict(cell, "metadata")
        if not isinstance(cell.get("source"), str | list):
            cell["source"] = ""
        if cell["cell_type"] == "code" and not isinstance(cell.get("outputs"), list):
            cell["outputs"] = []
            cell.setdefault("execution_count", None)
        if cell.get("attachments", {}) is None:
            del cell["attachments"]


def _dict(node: dict[str, Any], key: str) -> None:
    if not isinstance(node.get(key), dict):
        node[key] = {}
