"""What a notebook would show after a series of IOPub messages, and nothing of how it came about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs.model import (
    Display,
    Error,
    Json,
    MimeBundle,
    Output,
    Stream,
    from_nbformat,
    to_nbformat,
)
from jupyter_mcp_ext.outputs.text import clean, cut_line
from jupyter_mcp_ext.outputs.typescript import Typescript
from jupyter_mcp_ext.outputs.widgets import VIEW, Widgets


class _Writing:
    """A stream that may still grow."""

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self.name = name
        self.script = Typescript()


_Entry: TypeAlias = "_Writing | Display | Error"


class OutputFold:
    """Shows what a notebook would show after these messages.

    With ``max_bytes``, output beyond that is dropped and counted; an error is always kept.
    """

    def __init__(self, max_bytes: int = 0) -> None:
        self._max_bytes = max_bytes
        self._entries: list[_Entry] = []
        self._by_display_id: dict[str, list[int]] = {}
        self._widgets = Widgets()
        self._clear_before_next = False
        self._lines_before = 0  # in the streams before the last entry
        self._lost = (
            0  # bytes of messages that were dropped unread; no clear_output brings them back
        )
        self._refused = 0
        self.bytes = 0

    @property
    def dropped_bytes(self) -> int:
        """Bytes that a notebook would show and ``outputs`` does not."""
        return self._lost + self._refused

    @property
    def cost(self) -> int:
        """Bytes that the outputs take about when they are written down, each with its frame."""
        return self.bytes + 200 * len(self._entries)

    @property
    def outputs(self) -> tuple[Output, ...]:
        return tuple(self._output(entry) for entry in self._entries)

    @property
    def lines(self) -> int:
        """Finished lines of text so far, never more than ``pages.merged_lines`` would number."""
        last = self._entries[-1] if self._entries else None
        return self._lines_before + (last.script.newlines if isinstance(last, _Writing) else 0)

    @property
    def last_line(self) -> str:
        """The last line of text that is not empty, as a terminal shows it without colours."""
        for entry in reversed(self._entries):
            if isinstance(entry, _Writing):
                lines = clean(entry.script.end(4_000)).split("\n")
                if line := next((line for line in reversed(lines) if line.strip()), ""):
                    return cut_line(line.strip())
        return ""

    def messages(self) -> Iterator[tuple[str, dict[str, Json]]]:
        """The fewest messages that lead to the same outputs, display ids included."""
        ids = {at: name for name, places in self._by_display_id.items() for at in places}
        for position, entry in enumerate(self._entries):
            if isinstance(entry, _Writing):
                yield "stream", {"name": entry.name, "text": entry.script.raw}
                continue
            node = to_nbformat(self._output(entry))
            if position in ids:
                node["transient"] = {"display_id": ids[position]}
            yield str(node.pop("output_type")), node

    def restore(self, lines: int, size: int, dropped: int) -> None:
        """Have the counts of outputs that stand elsewhere."""
        self._lines_before, self.bytes, self._lost = lines, size, dropped

    def release(self) -> None:
        """Let go of the outputs, which stand elsewhere; the counts stay."""
        self._lines_before, self._entries = self.lines, []
        self._by_display_id, self._widgets = {}, Widgets()

    def drop(self, size: int) -> None:
        """Count a message that was too large to be read."""
        self._lost += size

    def feed(self, msg_type: str, content: object) -> bool:  # noqa: PLR0911  # one a message type
        """Take in a message; true if it changed what a notebook would show."""
        if not isinstance(content, Mapping):
            return False
        match msg_type:
            case "stream":
                return self._write(content)
            case "display_data" | "execute_result" | "error":
                return self._show(msg_type, content)
            case "update_display_data":
                return self._update(content)
            case "comm_open" | "comm_msg":
                return self._widgets.feed(msg_type, content)
            case "clear_output" if content.get("wait"):
                self._clear_before_next = True
                return False
            case "clear_output":
                return self._clear()
            case _:
                return False

    def _output(self, entry: _Entry) -> Output:
        if isinstance(entry, _Writing):
            return Stream(name=entry.name, text=entry.script.rope)
        if isinstance(entry, Display) and VIEW in entry.data:
            words = self._widgets.words(entry.data[VIEW])
            if words is not None:
                return replace(entry, data={**entry.data, "text/plain": words})
        return entry

    def _write(self, content: Mapping[str, Json]) -> bool:
        text = content.get("text")
        if not isinstance(text, str) or not text:
            return False
        cleared = self._clear_if_due()
        name: Literal["stdout", "stderr"] = (
            "stderr" if content.get("name") == "stderr" else "stdout"
        )
        last = self._entries[-1] if self._entries else None
        if not isinstance(last, _Writing) or last.name != name:
            if self._full(1):
                self._refused += _size(text)
                return cleared
            last = _Writing(name)
            self._append(last)
        if last.script.overwrites(text):
            return self._overwrite(last.script, text) or cleared
        kept = self._fitting(text)
        if kept:
            last.script.append(kept)
            self.bytes += _size(kept)
        return bool(kept) or cleared

    def _overwrite(self, script: Typescript, text: str) -> bool:
        written = script.overwrite(text)
        growth = _size(written.new.text) - _size(written.old.text)
        if growth > 0 and self._full(growth):
            script.undo(written)
            self._refused += _size(text)
            return False
        self.bytes += growth
        return written.new != written.old

    def _show(self, msg_type: str, content: Mapping[str, Json]) -> bool:
        output = from_nbformat({**content, "output_type": msg_type})
        if output is None or isinstance(output, Stream):
            return False
        if isinstance(output, Display) and not output.data:
            return False
        cleared = self._clear_if_due()
        size = _output_size(output)
        if isinstance(output, Display) and self._full(size):
            self._refused += size
            return cleared
        self._append(output)
        self.bytes += size
        if msg_type != "error" and (display_id := _display_id(content)):
            self._by_display_id.setdefault(display_id, []).append(len(self._entries) - 1)
        return True

    def _update(self, content: Mapping[str, Json]) -> bool:
        display_id = _display_id(content)
        new = from_nbformat({**content, "output_type": "display_data"})
        if not display_id or not isinstance(new, Display):
            return False
        changed = False
        for position in self._by_display_id.get(display_id, ()):
            old = self._entries[position]
            if not isinstance(old, Display):
                continue
            display = Display(
                data=new.data,
                metadata=new.metadata,
                is_result=old.is_result,
                execution_count=old.execution_count,
            )
            growth = _output_size(display) - _output_size(old)
            if growth > 0 and self._full(growth):
                self._refused += _output_size(display)
            elif display != old:
                self._entries[position] = display
                self.bytes += growth
                changed = True
        return changed

    def _append(self, entry: _Entry) -> None:
        if self._entries and isinstance(last := self._entries[-1], _Writing):
            is_open = clean(last.script.end(4_000)).rpartition("\n")[2] != ""
            self._lines_before += last.script.newlines + is_open
        self._entries.append(entry)

    def _clear_if_due(self) -> bool:
        return self._clear() if self._clear_before_next else False

    def _clear(self) -> bool:
        changed = bool(self._entries)
        self._clear_before_next = False
        self._entries = []
        self._by_display_id = {}
        self._lines_before = self._refused = self.bytes = 0
        return changed

    def _full(self, size: int) -> bool:
        return 0 < self._max_bytes < self.bytes + size

    def _fitting(self, text: str) -> str:
        """As much of the text as there is room for; the rest is counted."""
        size = _size(text)
        if not self._full(size):
            return text
        room = max(self._max_bytes - self.bytes, 0)
        kept = text.encode(errors="replace")[:room].decode(errors="ignore")
        self._refused += size - _size(kept)
        return kept


def _display_id(content: Mapping[str, Json]) -> str | None:
    transient = content.get("transient")
    display_id = transient.get("display_id") if isinstance(transient, dict) else None
    return display_id if isinstance(display_id, str) else None


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _output_size(output: Display | Error) -> int:
    if isinstance(output, Error):
        return sum(map(_size, (output.ename, output.evalue, *output.traceback)))
    return bundle_size(output.data)


def bundle_size(data: MimeBundle) -> int:
    """Bytes of all representations as they came; base64 is not decoded."""
    return sum(map(value_size, data.values()))


def value_size(value: Json) -> int:
    """Bytes of one representation."""
    if isinstance(value, str):
        return _size(value)
    try:
        return len(json.dumps(value))
    except RecursionError:  # nested to the limit of what could be parsed
        return 0
