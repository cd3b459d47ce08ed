"""Cells of notebooks in formats before nbformat 4, converted to that format. No I/O.

nbformat's own upgrade fails for a notebook with one odd cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.outputs.model import Json

_MIME_TYPES = {
    "text": "text/plain",
    "html": "text/html",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "latex": "text/latex",
    "json": "application/json",
    "javascript": "application/javascript",
}
_OUTPUT_TYPES = {"pyout": "execute_result", "pyerr": "error"}
_CELL_TYPES = {"html": "markdown", "text": "markdown", "plaintext": "raw"}


def upgraded_cells(node: Mapping[str, Json]) -> list[Json] | None:
    """The cells of a notebook in formats 1 to 3; None if it has none."""
    sheets = node.get("worksheets")
    lists = [node.get("cells")]
    if isinstance(sheets, list):
        lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    found = [cells for cells in lists if isinstance(cells, list)]
    if not found and not isinstance(sheets, list):
        return None
    return [_cell(cell) for cells in found for cell in cells]


def _cell(node: Json) -> Json:
    if not isinstance(node, dict):
        return node
    kind = node.get("cell_type")
    cell_type = _CELL_TYPES.get(kind, kind) if isinstance(kind, str) else kind
    if cell_type != "code":
        source = next((node[key] for key in ("source", "text") if key in node), None)
        return {**node, "cell_type": cell_type, "source": source}
    cell: dict[str, Json] = {
        "cell_type": "code",
        "source": next((node[key] for key in ("input", "code", "source") if key in node), None),
        "execution_count": node.get("prompt_number"),
        "outputs": [],
    }
    outputs = node.get("outputs", [])
    return cell | {
        "outputs": [_output(each) for each in outputs] if isinstance(outputs, list) else None
    }


def _output(node: Json) -> Json:
    if not isinstance(node, dict):
        return node
    kind = node.get("output_type")
    upgraded = {
        **node,
        "output_type": _OUTPUT_TYPES.get(kind, kind) if isinstance(kind, str) else kind,
        "name": node.get("stream", "stdout"),
    }
    if kind in ("pyout", "display_data"):
        upgraded["execution_count"] = node.get("prompt_number")
        upgraded["data"] = dict(_data(node))
    return upgraded


def _data(node: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for key, value in node.items():
        if key in _MIME_TYPES:
            yield _MIME_TYPES[key], value
        elif "/" in key:
            yield key, value
