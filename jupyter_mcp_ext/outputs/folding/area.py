"""An area of outputs, one below the other: a cell's, or an Output widget's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs.folding.typescript import Typescript
from jupyter_mcp_ext.outputs.folding.writing import Heading, Message, Writing, without_middle
from jupyter_mcp_ext.outputs.model import Display, Error, Json, Stream, from_nbformat, to_nbformat
from jupyter_mcp_ext.outputs.numbered import cut_line
from jupyter_mcp_ext.outputs.sizes import output_sizes, text_size
from jupyter_mcp_ext.outputs.text import clean

MAX_ITEMS = 100_000
"""Outputs of one area if there is a limit: each takes 400 bytes, however short it is."""

END = 100_000
"""Characters kept from the end of output beyond the limit; fewer for small limits."""

MAX_ENDS = 4
"""Ends of floods in one area: other outputs between them, such as errors, are kept."""

MAX_ERRORS = 20
"""Errors that are kept beyond the limit, each within `END` characters."""

AreaItem: TypeAlias = "Writing | Display | Error"


@dataclass(frozen=True, kw_only=True)
class Section:
    """Where the outputs of one of several cells begin, and the counts at that place."""

    start: int = 0
    lines_before: int = 0
    refused: int = 0
    bytes: int = 0
    errors: int = 0


class Area:
    """The outputs of one area, as messages add, change and clear them.

    Output beyond ``max_bytes`` (0: no limit) is refused and counted; `MAX_ERRORS` errors are kept
    anyway. With ``keeps_ends``, the end of text beyond the limit is kept too.
    """

    def __init__(self, max_bytes: int = 0, *, keeps_ends: bool = False) -> None:
        self.max_bytes = max_bytes
        self._most = min(END, max_bytes // 20) if keeps_ends else 0
        self.items: list[AreaItem] = []
        self.bytes = 0
        self.refused = 0
        """Bytes of output beyond the limit."""
        self.lines_before = 0
        """Lines in the streams before the last item."""
        self._by_display_id: dict[str, list[int]] = {}
        self._clear_before_next = False
        self._section = Section()
        self._ends: list[Writing] = []
        """The items that are ends of floods."""
        self._errors = 0
        """Errors that are kept beyond the limit."""

    @property
    def lines(self) -> int:
        """Finished lines of text so far."""
        last = self.items[-1] if self.items else None
        return self.lines_before + (last.script.newlines if isinstance(last, Writing) else 0)

    @property
    def last_line(self) -> str:
        """The last line of text that is not empty, as a terminal shows it without colours."""
        for item in reversed(self.items):
            if isinstance(item, Writing):
                lines = clean(item.script.end(4_000)).split("\n")
                if line := next((line for line in reversed(lines) if line.strip()), ""):
                    return cut_line(line.strip())
        return ""

    @property
    def has_display_ids(self) -> bool:
        """Whether an ``update_display_data`` can change one of the outputs."""
        return bool(self._by_display_id)

    @property
    def dropped(self) -> int:
        """Bytes of output that are not kept."""
        return max(self.refused - sum(text_size(end.script.raw) for end in self._ends), 0)

    def ends(self, *, but_last: bool = False) -> Iterator[Message]:
        """The messages for the ends of floods, each once, since single writes are not stored.

        ``but_last`` leaves out one that may continue.
        """
        for end in self._ends:
            if not end.is_told and not (but_last and end is self.items[-1]):
                yield end.told()

    def messages(self, *, whole: bool = False) -> Iterator[Message]:
        """The fewest messages that lead to the same outputs, display ids included.

        The end of a flood that may continue is left to `ends`, unless this is ``whole``.
        """
        ids = {at: name for name, places in self._by_display_id.items() for at in places}
        for position, item in enumerate(self.items):
            if isinstance(item, Writing):
                if whole or not item.most or item.is_told:
                    yield item.message
                continue
            node = to_nbformat(item)
            if position in ids:
                node["transient"] = {"display_id": ids[position]}
            yield str(node.pop("output_type")), node

    def release(self) -> None:
        """Drop the outputs; the counts stay."""
        self.refused = self.dropped
        self.lines_before, self.items, self._by_display_id = self.lines, [], {}
        self._ends = []

    def count(self, size: int, lines: int = 0) -> None:
        """Count output that is shown elsewhere."""
        self.bytes += size
        self.lines_before += lines

    def limit(self, max_bytes: int) -> None:
        """Set another limit from now on."""
        self.max_bytes = max_bytes

    def feed(self, msg_type: str, content: Mapping[str, Json]) -> bool:
        """Apply a message; true if it changed what is shown here."""
        match msg_type:
            case "stream":
                return self.write(content)
            case "display_data" | "execute_result" | "error":
                return self._show(msg_type, content)
            case "clear_output" if content.get("wait"):
                self._clear_before_next = True
                return False
            case "clear_output":
                return self.clear()
            case "section":
                self.begin_section(str(content.get("heading", "")))
                return True
            case _:
                return False

    def update(self, content: Mapping[str, Json]) -> bool:
        """Apply an ``update_display_data``; true if it changed what is shown here."""
        display_id = _display_id(content)
        if not display_id or display_id not in self._by_display_id:
            return False
        new = from_nbformat({**content, "output_type": "display_data"})
        if not isinstance(new, Display):
            return False
        changed = False
        for position in self._by_display_id[display_id]:
            old = self.items[position]
            if not isinstance(old, Display):
                continue
            display = Display(
                data=new.data,
                metadata=new.metadata,
                is_result=old.is_result,
                execution_count=old.execution_count,
            )
            came, size = output_sizes(display)
            growth = size - output_sizes(old)[1]
            if growth > 0 and self._full(growth):
                self.refused += came
            elif display != old:
                self.items[position] = display
                self.bytes += growth
                changed = True
        return changed

    def begin_section(self, heading: str) -> None:
        """What comes now is cleared alone, and is no part of the text before the heading."""
        self._clear_before_next = False
        self._append(Heading(heading))
        self.bytes += text_size(heading)
        self._section = Section(
            start=len(self.items),
            lines_before=self.lines_before,
            refused=self.refused,
            bytes=self.bytes,
            errors=self._errors,
        )

    def clear(self) -> bool:
        """Clear the outputs of this section; true if there were any."""
        start = self._section.start
        changed = len(self.items) > start
        self._clear_before_next = False
        gone = self.items[start:]
        self.items = self.items[:start]
        for name, places in list(self._by_display_id.items()):
            self._by_display_id[name] = [place for place in places if place < start]
        self._ends = [end for end in self._ends if end not in gone]
        self.lines_before, self.refused = self._section.lines_before, self._section.refused
        self.bytes, self._errors = self._section.bytes, self._section.errors
        return changed

    def write(self, content: Mapping[str, Json]) -> bool:
        """Apply a ``stream``; true if it changed what is shown here."""
        text = content.get("text")
        if not isinstance(text, str) or not text:
            return False
        cleared = self._clear_before_next and self.clear()
        name: Literal["stdout", "stderr"] = (
            "stderr" if content.get("name") == "stderr" else "stdout"
        )
        last = self.items[-1] if self.items else None
        if not isinstance(last, Writing) or last.name != name or last.most or last.is_whole:
            if self._full(1, items=1):
                self._keep_end(name, text)
                return cleared
            last = Writing(name)
            self._append(last)
        if last.script.overwrites(text):
            shortened, lost = without_middle(text)
            self.refused += lost
            return self._overwrite(last.script, shortened) or cleared
        has_room = not self._full(text_size(text))
        kept = text if has_room else _first(text, max(self.max_bytes - self.bytes, 0))
        if kept:
            last.script.append(kept)
            self.bytes += text_size(kept)
        if len(kept) < len(text):
            self._keep_end(name, text[len(kept) :])
        return bool(kept) or cleared

    def _keep_end(self, name: Literal["stdout", "stderr"], text: str) -> None:
        """Apply text beyond the limit, keeping its end."""
        self.refused += text_size(text)
        last = self.items[-1] if self.items else None
        if isinstance(last, Writing) and last.most and last.name == name and not last.is_told:
            last.add(text)
        elif self._most and len(self._ends) < MAX_ENDS:
            self._append(end := Writing(name, most=self._most))
            self._ends.append(end)
            end.add(text)

    def _overwrite(self, script: Typescript, text: str) -> bool:
        written = script.overwrite(text)
        growth = text_size(written.new.text) - text_size(written.old.text)
        if growth > 0 and self._full(growth):
            script.undo(written)
            self.refused += text_size(text)
            return False
        self.bytes += growth
        return written.new != written.old

    def _show(self, msg_type: str, content: Mapping[str, Json]) -> bool:
        output = from_nbformat({**content, "output_type": msg_type})
        if output is None or isinstance(output, Stream):
            return False
        if isinstance(output, Display) and not output.data:
            return False
        cleared = self._clear_before_next and self.clear()
        came, size = output_sizes(output)
        if self._full(size, items=1):
            if isinstance(output, Display) or self._errors >= MAX_ERRORS:
                self.refused += came
                return cleared
            self._errors += 1
            output = _shortened(output)
            _, size = output_sizes(output)
        self._append(output)
        self.bytes += size
        if msg_type != "error" and (display_id := _display_id(content)):
            self._by_display_id.setdefault(display_id, []).append(len(self.items) - 1)
        return True

    def _append(self, item: AreaItem) -> None:
        if self.items and isinstance(last := self.items[-1], Writing):
            is_open = clean(last.script.end(4_000)).rpartition("\n")[2] != ""
            self.lines_before += last.script.newlines + is_open
        self.items.append(item)

    def _full(self, size: int, *, items: int = 0) -> bool:
        """Whether there is no room for this many more bytes and outputs."""
        if self.max_bytes <= 0:
            return False
        return self.max_bytes < self.bytes + size or len(self.items) + items > MAX_ITEMS


def _display_id(content: Mapping[str, Json]) -> str | None:
    transient = content.get("transient")
    display_id = transient.get("display_id") if isinstance(transient, dict) else None
    return display_id if isinstance(display_id, str) else None


def _first(text: str, size: int) -> str:
    """So many bytes of a text, but for a character that would be cut."""
    return text.encode(errors="replace")[:size].decode(errors="ignore")


def _shortened(error: Error) -> Error:
    """An error cut to `END` characters: earlier frames and the end of its message are left out."""
    frames: list[str] = []
    room = END
    for frame in reversed(error.traceback):
        room -= len(frame)
        if room < 0:
            break
        frames.append(frame)
    traceback = tuple(reversed(frames))
    return Error(ename=error.ename[:END], evalue=error.evalue[:END], traceback=traceback)
