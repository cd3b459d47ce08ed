"""A notebook's file as text, read and written as nbformat does it, in a third of the time. No I/O.

nbformat makes three copies of a notebook on the way, and what becomes of so many objects is a
garbage collection that holds the whole server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring
from typing import Any

import nbformat
import nbformat.v4

from jupyter_mcp_ext.notebooks.reading import pieces
from jupyter_mcp_ext.notebooks.reading.document import BOM

_SLICE = 500_000
_BUNDLES = frozenset({"execute_result", "display_data"})
_SPLIT = frozenset({"application/javascript", "image/svg+xml"})
_TRANSIENT = frozenset({"orig_nbformat", "orig_nbformat_minor", "signature"})
_VALUE = json.JSONEncoder(ensure_ascii=False)


def read(data: bytes) -> dict[str, Any] | None:
    """The notebook in a file; None if it is not of nbformat 4.

    What nbformat stumbles over where nothing is missed is mended: then Jupyter can open it again.
    Raises ValueError, RecursionError, AttributeError, KeyError and TypeError for the rest.
    """
    node: Any = pieces.loads(data.removeprefix(BOM))
    if node["nbformat"] != nbformat.v4.nbformat:
        return None
    metadata = _dict(node, "metadata")
    for key in _TRANSIENT:
        metadata.pop(key, None)
    for cell in node["cells"]:
        _dict(cell, "metadata").pop("trusted", None)
        outputs = cell.get("outputs")
        if cell["cell_type"] == "code" and not outputs and not isinstance(outputs, list):
            cell["outputs"] = []
            cell.setdefault("execution_count", None)
        if cell.get("attachments", {}) is None:
            del cell["attachments"]
        _join(cell)
    found: dict[str, Any] = node
    return found


def written(node: Mapping[str, Any]) -> bytes:
    """The file of a notebook: the bytes that nbformat's writer gives."""
    try:
        parts = list(_encoded(_document(node)))
    except (TypeError, AttributeError):  # a hook has put in what is no JSON
        made: Any = nbformat.from_dict  # published without types
        write: Any = nbformat.v4.writes_json
        parts = list(_encoded([write(made(node), split_lines=True)]))
    return b"".join([*parts, b"\n"])


def slices(text: str) -> Iterator[str]:
    """A text in parts; work on one of them is done before others have to wait for long."""
    for start in range(0, len(text), _SLICE):
        yield text[start : start + _SLICE]


def _encoded(parts: Iterable[str]) -> Iterator[bytes]:
    for part in parts:
        for piece in slices(part):
            # Half a surrogate pair has no bytes in UTF-8; this writes it as JSON does.
            yield piece.encode(errors="backslashreplace")


def _quoted(text: str) -> str:
    if len(text) <= _SLICE:
        return encode_basestring(text)
    return f'"{"".join(encode_basestring(piece)[1:-1] for piece in slices(text))}"'


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    start = 0
    while end := text.find("\n", start + _SLICE) + 1:
        lines += text[start:end].splitlines(keepends=True)
        start = end
    return lines + text[start:].splitlines(keepends=True)


def _dict(node: dict[str, Any], key: str) -> dict[str, Any]:
    if not node.get(key):
        node[key] = {}
    found: dict[str, Any] = node[key]
    return found


def _join(cell: dict[str, Any]) -> None:
    """Make texts of the lists of lines of a cell."""
    source = cell.get("source")
    if isinstance(source, list):
        cell["source"] = "".join(source)
    elif source is None:
        cell["source"] = ""
    for bundle in cell.get("attachments", {}).values():
        _join_bundle(bundle)
    for output in cell["outputs"] if cell["cell_type"] == "code" else ():
        kind = output.get("output_type")
        if kind in _BUNDLES:
            _join_bundle(output.get("data", {}))
        elif kind and isinstance(output.get("text"), list):
            output["text"] = "".join(output["text"])


def _join_bundle(bundle: dict[str, Any]) -> None:
    for key, value in bundle.items():
        is_list = isinstance(value, list) and not _is_json(key)
        if is_list and all(isinstance(line, str) for line in value):
            bundle[key] = "".join(value)


def _is_json(mime_type: str) -> bool:
    return mime_type == "application/json" or (
        mime_type.startswith("application/") and mime_type.endswith("+json")
    )


def _document(node: Mapping[str, Any]) -> Iterator[str]:
    shown = {**node, "metadata": _without(node["metadata"], _TRANSIENT)}
    begin = "{"
    for key in sorted(shown):
        yield f"{begin}\n {_quoted(key)}: "
        begin = ","
        if key == "cells" and shown[key]:
            yield from _cells(shown[key])
        else:
            yield _text(shown[key], "\n ")
    yield "\n}"


def _cells(cells: list[dict[str, Any]]) -> Iterator[str]:
    begin = "["
    for cell in cells:
        yield f"{begin}\n  "
        yield _text(_split(cell), "\n  ")
        begin = ","
    yield "\n ]"


def _split(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell with its texts as lists of lines."""
    shown = {**cell, "metadata": _without(cell["metadata"], {"trusted"})}
    if isinstance(shown.get("source"), str):
        shown["source"] = _lines(shown["source"])
    if shown.get("attachments"):
        bundles = shown["attachments"].items()
        shown["attachments"] = {name: _split_bundle(bundle) for name, bundle in bundles}
    if shown["cell_type"] == "code":
        shown["outputs"] = [_split_output(output) for output in shown["outputs"]]
    return shown


def _split_output(output: dict[str, Any]) -> dict[str, Any]:
    kind = output.get("output_type")
    if kind in _BUNDLES:
        return {**output, "data": _split_bundle(output["data"])} if "data" in output else output
    if kind == "stream" and isinstance(output.get("text"), str):
        return {**output, "text": _lines(output["text"])}
    return output


def _split_bundle(bundle: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _lines(value)
        if isinstance(value, str) and (key.startswith("text/") or key in _SPLIT)
        else value
        for key, value in bundle.items()
    }


def _without(node: Mapping[str, Any], keys: frozenset[str] | set[str]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in keys}


def _text(value: Any, line: str) -> str:
    """A value as JSON, indented; ``line`` begins the line in which it ends."""
    if isinstance(value, str):
        return _quoted(value)
    inner = f"{line} "
    if isinstance(value, dict):
        members = (f"{_quoted(key)}: {_text(value[key], inner)}" for key in sorted(value))
        return f"{{{inner}{f',{inner}'.join(members)}{line}}}" if value else "{}"
    if isinstance(value, list | tuple):
        items = (_text(item, inner) for item in value)
        return f"[{inner}{f',{inner}'.join(items)}{line}]" if value else "[]"
    return _VALUE.encode(value)
