"""Composes the notebook of a session's story: the journal's executions, one cell each.

What people typed in it stays: executions are only added, each once, and recognized by the cell's
id. Its metadata says up to which execution it goes, so a cell that a person deleted
is not put back. Everything here is pure.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp_ext.measured import TooMuch
from jupyter_mcp_ext.notebooks.reading import pieces
from jupyter_mcp_ext.outputs.model import Display, Error, Output, Stream, to_nbformat
from jupyter_mcp_ext.outputs.rope import Rope

from .journal import Entry

VERSION = 1
METADATA = "jupyter_mcp"

MAX_TEXT = 20_000
"""Characters of a stream, or of any text, in a cell: its beginning and its end."""

MAX_VALUE = 2_000_000
"""Characters of one image or other representation in a cell."""

MAX_CELL = 4_000_000
"""Characters of all outputs of a cell."""

KEPT = {"is_saved_by_others": True}
"""What the metadata of a notebook say that another program had saved before its outputs went."""

MAX_OUTPUTS = 100
MAX_MINOR = 99

_ODD = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class UnreadableNotebook(ValueError):
    """The file is not a notebook to which cells can be added; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the notebook says of its session."""

    session_id: str
    kernel_name: str
    display_name: str
    language: str


@dataclass(frozen=True, kw_only=True)
class Composed:
    """A composed notebook; ``tail`` is where its last cell ends, in bytes."""

    data: bytes
    tail: int
    through: int
    """The number of the last execution that it has."""
    head: Head = field(repr=False)


def cut(outputs: Sequence[Output], execution_id: str) -> list[dict[str, Any]]:
    """Outputs as the story has them: long ones are cut, with a note."""
    kept: list[dict[str, Any]] = []
    size = 0
    for n, output in enumerate(outputs):
        node = to_nbformat(_shortened(output, f"{execution_id}/{n + 1}"))
        size += len(json.dumps(node))
        if n >= MAX_OUTPUTS or size > MAX_CELL:
            words = f"[{len(outputs) - n} more outputs of {execution_id} are not kept here]\n"
            kept.append(to_nbformat(Stream(name="stderr", text=words)))
            break
        kept.append(node)
    return kept


def compose(
    entries: Sequence[Entry], head: Head, *, first: dict[str, Any] | None = None
) -> Composed:
    """A new notebook; with ``first``, a cell that is no execution."""
    cells = [first] if first is not None else []
    cells += [cell(entry) for entry in entries if entry.is_shown]
    return _composed(cells, _metadata(head, last_of(entries)), head, last_of(entries))


def extended(
    old: bytes,
    tail: int,
    entries: Sequence[Entry],
    head: Head,
    through: int,
    *,
    last: dict[str, Any] | None = None,
) -> Composed:
    """A notebook that only this server has written, with more executions and perhaps a last cell.

    ``tail`` and ``through`` are those of `Composed`; the cells before are not read again.
    """
    through = max(through, last_of(entries))
    added = [cell(entry) for entry in entries if entry.is_shown]
    cells = b",\n".join(map(_dumped, [*added, last] if last is not None else added))
    start = old[:tail]
    if cells:
        start += (b",\n" if _has_cells(old, tail) else b"\n") + cells
    return Composed(
        data=start + _end(_metadata(head, through), 5), tail=len(start), through=through, head=head
    )


def merged(
    old: bytes, entries: Sequence[Entry], head: Head, *, new: frozenset[str] = frozenset()
) -> Composed:
    """A notebook that people or programs may have changed, with the executions that it lacks.

    ``new`` are those that were never in it. Raises UnreadableNotebook.
    """
    cells, metadata, minor = _read(old)
    through = through_of(metadata)
    ids = {str(known["id"]) for known in cells if "id" in known}
    added = lacking(entries, ids, through, new)
    last = max(through, last_of(entries))
    metadata = {**_metadata(head, last), **metadata, **ours(head, last)}
    return _composed([*cells, *added], metadata, head, last, minor=max(minor, 5))


def without_outputs(old: bytes, head: Head, words: str) -> bytes | None:
    """A notebook whose cells have no outputs, with a cell of ``words`` before them.

    None if it has cells that are not of its session. Raises UnreadableNotebook.
    """
    cells, metadata, minor = _read(old)
    if not _are_own(cells, head):
        return None
    if not is_as_composed(old, head):  # what people have changed in it stays for good
        metadata = {**metadata, METADATA: {**ours(head, 0)[METADATA], **_known(metadata), **KEPT}}
    bare = [{**each, "outputs": []} if "outputs" in each else each for each in cells]
    first = {**note(head, 0, words), "id": f"{head.session_id}-outputs"}
    if bare and bare[0].get("id") == first["id"]:
        return None
    return _composed([first, *bare], metadata, head, through_of(metadata), minor=max(minor, 5)).data


def is_as_composed(old: bytes, head: Head) -> bool:
    """Whether a notebook has only cells of its session, in the form in which they are written here.

    What people save has another form, and stays. Raises UnreadableNotebook.
    """
    cells, metadata, minor = _read(old)
    is_own = _are_own(cells, head) and not KEPT.items() <= _known(metadata).items()
    return is_own and _composed(cells, metadata, head, 0, minor=minor).data == old


def _are_own(cells: Sequence[Mapping[str, Any]], head: Head) -> bool:
    return all(str(each.get("id")).startswith(f"{head.session_id}-") for each in cells)


def _known(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    known = metadata.get(METADATA)
    return known if isinstance(known, dict) else {}


def _read(old: bytes) -> tuple[list[dict[str, Any]], dict[str, Any], int]:
    """The cells, the metadata and the minor version of a notebook. Raises UnreadableNotebook."""
    try:
        node: Any = pieces.loads(old)
        cells, metadata = node["cells"], node["metadata"]
        if node["nbformat"] != 4 or not isinstance(cells, list) or not isinstance(metadata, dict):
            raise TypeError
        if not all(isinstance(each, dict) for each in cells):
            raise TypeError
        minor = min(max(int(node.get("nbformat_minor", 5)), 0), MAX_MINOR)
    except TooMuch as err:
        msg = "it has more data in it than is read here; move it away"
        raise UnreadableNotebook(msg) from err
    except (*_ODD, RecursionError) as err:
        msg = "it is no longer a notebook; repair it or move it away"
        raise UnreadableNotebook(msg) from err
    return cells, metadata, minor


def through_of(metadata: Mapping[str, Any]) -> int:
    """Up to which execution a notebook goes, by its metadata. Raises UnreadableNotebook."""
    known = metadata.get(METADATA)
    if not isinstance(known, dict):
        return 0
    try:
        version = int(known.get("version", VERSION))
        through = int(known.get("executions", 0))
    except (ValueError, TypeError, OverflowError):
        return 0
    if version > VERSION:
        msg = f"it has version {version}, which this release does not know"
        raise UnreadableNotebook(msg)
    return through


def lacking(
    entries: Sequence[Entry],
    ids: Container[str],
    through: int,
    new: frozenset[str] = frozenset(),
) -> list[dict[str, Any]]:
    """The missing cells of a notebook that has those ids and goes up to ``through``.

    ``new`` are executions that were never in it.
    """
    return [
        cell(entry)
        for entry in entries
        if entry.is_shown
        and entry.cell_id not in ids
        and (entry.number > through or entry.cell_id in new)
    ]


def cell(entry: Entry) -> dict[str, Any]:
    """The cell of an execution, or of a cell of a run; its id tells which."""
    return {
        "cell_type": "code",
        "execution_count": entry.execution_count,
        "id": entry.cell_id,
        "metadata": {METADATA: {"client": entry.client, "status": entry.status}},
        "outputs": [
            {**output, "execution_count": entry.execution_count}
            if output.get("output_type") == "execute_result"
            else output
            for output in entry.outputs
        ],
        "source": entry.code,
    }


def note(head: Head, part: int, words: str) -> dict[str, Any]:
    """A cell that says where the story begins or goes on, once it is long."""
    return {
        "cell_type": "markdown",
        "id": f"{head.session_id}-part-{part}",
        "metadata": {},
        "source": words,
    }


def _shortened(output: Output, output_id: str) -> Output:
    match output:
        case Stream():
            return Stream(name=output.name, text=_short(output.rope, output_id))
        case Error():
            lines = output.traceback[-100:]
            return Error(
                ename=output.ename[:1_000],
                evalue=output.evalue[:MAX_TEXT],
                traceback=tuple(line[:MAX_TEXT] for line in lines),
            )
        case Display():
            data = {
                mime_type: _short(Rope((value,)), output_id)
                if mime_type.startswith("text/") and isinstance(value, str)
                else value
                for mime_type, value in output.data.items()
                if mime_type.startswith("text/") or _length(value) <= MAX_VALUE
            }
            return Display(
                data=data or {"text/plain": f"[{output_id} is too large to be kept here]"},
                metadata=output.metadata,
                is_result=output.is_result,
                execution_count=output.execution_count,
            )


def _short(text: Rope, output_id: str) -> str:
    if len(text) <= MAX_TEXT:
        return str(text)
    left = len(text) - MAX_TEXT
    head, tail = text.slice(0, MAX_TEXT // 2), text.slice(left + MAX_TEXT // 2, len(text))
    return f"{head}\n[… {left:,} characters of {output_id} are not kept here …]\n{tail}"


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value))


def last_of(entries: Sequence[Entry]) -> int:
    """The number of the last of them that has ended; 0 when there is none."""
    return max((e.number for e in entries if e.has_ended and not e.cell), default=0)


def ours(head: Head, through: int) -> dict[str, Any]:
    """What the notebook's metadata says of its session."""
    known = {"version": VERSION, "session_id": head.session_id, "executions": through}
    return {METADATA: known}


def _metadata(head: Head, through: int) -> dict[str, Any]:
    return {
        **ours(head, through),
        "kernelspec": {
            "display_name": head.display_name,
            "language": head.language,
            "name": head.kernel_name,
        },
    }


def _composed(
    cells: Sequence[dict[str, Any]],
    metadata: dict[str, Any],
    head: Head,
    through: int,
    minor: int = 5,
) -> Composed:
    start = b'{\n "cells": [' + (b"\n" if cells else b"") + b",\n".join(map(_dumped, cells))
    return Composed(data=start + _end(metadata, minor), tail=len(start), through=through, head=head)


def _end(metadata: dict[str, Any], minor: int) -> bytes:
    said = json.dumps(metadata, sort_keys=True)
    return (
        f'\n ],\n "metadata": {said},\n "nbformat": 4,\n "nbformat_minor": {minor}\n}}\n'.encode()
    )


def _has_cells(old: bytes, tail: int) -> bool:
    return not old[:tail].rstrip().endswith(b"[")


def _dumped(node: dict[str, Any]) -> bytes:
    # One line a cell: the encoder in C makes it, and differences can still be read.
    return b"  " + json.dumps(node, ensure_ascii=False, sort_keys=True).encode(errors="replace")
