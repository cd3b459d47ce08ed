"""What a notebook would show after a series of IOPub messages, and nothing of how it came about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from jupyter_mcp_ext.outputs.area import Area, Entry, Message, Writing
from jupyter_mcp_ext.outputs.model import Display, Json, MimeBundle, Output
from jupyter_mcp_ext.outputs.widgets import MAX_WIDGETS, VIEW, Room, Widgets, capture, close

COMMS = ("comm_open", "comm_msg", "comm_close")

_MAX_DEPTH = 8
"""How deep Output widgets are shown in each other."""


class OutputFold:
    """Shows what a notebook would show after these messages, which are those of one execution.

    With ``max_bytes``, output beyond that is dropped and counted; an error is always kept.
    """

    def __init__(self, max_bytes: int = 0) -> None:
        self._area = Area(max_bytes, keeps_ends=True)
        self._widgets = Widgets()
        self._by = ""
        self._captures: list[str] = []
        """The Output widgets that take what is put out; the last one gets it."""
        self._taking: dict[str, None] = {}
        """Output widgets that have taken something."""
        self._told: set[str] = set()
        """Widgets that the messages so far have made known, those of `kept` for one."""
        self._kept: list[Message] = []
        self._views: set[str] = set()
        self._elsewhere: dict[str, None] = {}
        """Widgets that were changed."""
        self._lost = (
            0  # bytes of messages that were dropped unread; no clear_output brings them back
        )

    @property
    def bytes(self) -> int:
        """Bytes of the outputs."""
        return self._area.bytes

    @bytes.setter
    def bytes(self, size: int) -> None:
        self._area.bytes = size

    @property
    def dropped_bytes(self) -> int:
        """Bytes that a notebook would show and ``outputs`` does not."""
        return self._lost + self._area.dropped

    @property
    def cost(self) -> int:
        """Bytes that the outputs take about when they are written down, each with its frame."""
        return self.bytes + 200 * len(self._area.entries)

    @property
    def outputs(self) -> tuple[Output, ...]:
        return tuple(self._resolved(self._area.entries, _MAX_DEPTH, Room()))

    @property
    def lines(self) -> int:
        """Finished lines of text so far, never more than ``pages.merged_lines`` would number."""
        return self._area.lines

    @property
    def last_line(self) -> str:
        """The last line of text that is not empty, as a terminal shows it without colours."""
        if self._captures and (line := self._widgets.area(self._captures[-1]).last_line):
            return line
        return self._area.last_line

    @property
    def version(self) -> int:
        """Another number when the outputs may have been changed by another execution."""
        is_whole = self._views and all(view in self._widgets for view in self._views)
        return self._widgets.version if is_whole else 0

    def share(self, widgets: Widgets, by: str) -> None:
        """Know the widgets of the kernel; ``by`` is the execution whose messages these are."""
        self._widgets, self._by = widgets, by

    def elsewhere(self) -> Iterator[tuple[str, str]]:
        """Widgets that these messages have changed and others display, and the execution.

        It is empty where an Output widget that none displays has taken output.
        """
        seen: set[tuple[str, str]] = set()
        for comm_id in self._elsewhere:
            by, shown = self._widgets.shown_by(comm_id)
            is_lost = not by and self._widgets.holds(comm_id)
            found = (by, shown) if by else ("", "")
            if (is_lost or by not in ("", self._by)) and found not in seen:
                seen.add(found)
                yield found

    def has_closed(self, model_id: str) -> bool:
        """Whether a widget has ended."""
        return self._widgets.is_closed(model_id)

    def words(self, model_id: str) -> str:
        """What a widget shows, in words; empty for one that shows outputs."""
        parts = self._widgets.parts(model_id) or []
        return " ".join(part for part in parts if isinstance(part, str) and part)

    def messages(self) -> Iterator[Message]:
        """The fewest messages that lead to the same outputs, display ids included.

        They take the place of all that were written down before.
        """
        told = self._told = set[str]()
        for msg_type, content in self._area.messages():
            yield from self._introduced(_model_id(content.get("data")), told)
            yield msg_type, content
        for comm_id in self._captures:
            yield capture(comm_id, begins=True)

    def news(self, by: str) -> Iterator[Message]:
        """The messages that tell another execution what its widgets have become here."""
        told: set[str] = set()
        for comm_id in self._elsewhere:
            owner, shown = self._widgets.shown_by(comm_id)
            if owner == by:
                yield from self._introduced(shown, told, whole=True)
                if self._widgets.is_closed(comm_id):
                    yield close(comm_id)

    def kept(self, msg_type: str, content: object) -> Sequence[tuple[str, object]]:
        """The messages to write down for the one that was fed last: they lead to the same outputs.

        It says what is known of widgets of other executions, and nothing that is secret.
        """
        if msg_type in COMMS:
            return self._kept
        if self._captures:
            ends = self._widgets.ends(self._captures[-1], but_last=True)
        else:
            ends = self._area.ends(but_last=True)
        return [*self._kept, *ends, (msg_type, content)]

    def ends(self) -> Iterator[Message]:
        """The messages to write down for the ends of floods, each once."""
        yield from self._area.ends()
        for comm_id in self._taking:
            if ends := list(self._widgets.ends(comm_id)):
                yield from (capture(comm_id, begins=True), *ends, capture(comm_id, begins=False))

    def restore(self, lines: int, size: int, dropped: int) -> None:
        """Have the counts of outputs that stand elsewhere."""
        self._area.lines_before, self.bytes, self._lost = lines, size, dropped

    def release(self) -> None:
        """Let go of the outputs, which stand elsewhere; the counts stay."""
        self._area.release()
        self._widgets, self._views = Widgets(), set()

    def release_captures(self) -> None:
        """The code has ended: what comes now is for the execution itself."""
        self._captures = []

    def drop(self, size: int) -> None:
        """Count a message that was too large to be read."""
        self._lost += size

    def feed(self, msg_type: str, content: object) -> bool:
        """Take in a message; true if it changed what a notebook would show."""
        if self._kept:
            self._kept = []
        if not isinstance(content, Mapping):
            return False
        if msg_type == "stream" and not self._captures:  # the most, in a flood
            return self._area.write(content)
        if msg_type in COMMS:
            return self._follow(msg_type, content)
        if msg_type == "update_display_data":
            in_cell = self._area.update(content)
            return self._widgets.update_displays(content) or in_cell
        model_id = _model_id(content.get("data")) if "data" in content else ""
        if model_id:
            self._kept = list(self._introduced(model_id, self._told))
            self._views.add(model_id)
            inside = self._captures[-1] if self._captures else ""
            self._widgets.display(model_id, self._by, inside)
        if not self._captures:
            return self._area.feed(msg_type, content)
        return self._give(self._captures[-1], msg_type, content)

    def _give(self, comm_id: str, msg_type: str, content: Mapping[str, Json]) -> bool:
        """Give a message to an Output widget."""
        self._change(comm_id)
        if len(self._taking) < MAX_WIDGETS:
            self._taking[comm_id] = None
        before = self._widgets.dropped(comm_id)
        changed = self._widgets.take(comm_id, msg_type, content)
        self._lost += max(self._widgets.dropped(comm_id) - before, 0)
        return changed

    def _follow(self, msg_type: str, content: Mapping[str, Json]) -> bool:
        """Take in a message of a comm."""
        comm_id = content.get("comm_id")
        if not isinstance(comm_id, str):
            return False
        kept = self._widgets.feed(msg_type, content)
        if kept is not None and msg_type == "comm_open":
            self._told.add(comm_id)
        elif kept is not None:
            self._change(comm_id)
        if kept is not None and comm_id in self._told:
            self._kept += [*self._introduced(comm_id, self._told), kept]  # what is new in it
        is_captured = msg_type == "comm_msg" and self._capture(comm_id, content)
        return kept is not None or is_captured

    def _capture(self, comm_id: str, content: Mapping[str, Json]) -> bool:
        """Begin or end to give what is put out to an Output widget, if that is what it says."""
        data = content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        msg_id = state.get("msg_id") if isinstance(state, dict) else None
        if not isinstance(msg_id, str) or not self._widgets.is_output(comm_id):
            return False
        if comm_id in self._captures:
            self._captures.remove(comm_id)
        if msg_id:
            self._captures.append(comm_id)
        self._kept.append(capture(comm_id, begins=bool(msg_id)))
        return True

    def _change(self, comm_id: str) -> None:
        """Note that a widget was changed which another execution may display."""
        if len(self._elsewhere) < MAX_WIDGETS:
            self._elsewhere[comm_id] = None

    def _introduced(
        self, model_id: str, told: set[str], *, whole: bool = False
    ) -> Iterator[Message]:
        """The messages that tell of a widget and those in it which are not in ``told`` yet."""
        for each in self._widgets.tree(model_id):
            if each not in told:
                told.add(each)
                yield from self._widgets.messages(each, whole=whole)

    def _resolved(self, entries: Iterable[Entry], depth: int, room: Room) -> Iterator[Output]:
        """The outputs that entries are, what widgets show in their place."""
        for entry in entries:
            if isinstance(entry, Writing):
                yield entry.stream
            elif isinstance(entry, Display) and VIEW in entry.data:
                yield from self._widget(entry, depth, room)
            else:
                yield entry

    def _widget(self, entry: Display, depth: int, room: Room) -> Iterator[Output]:
        """What a widget shows, where it is displayed."""
        model_id = _model_id(entry.data)
        parts = self._widgets.parts(model_id, room) if depth and room.left > 0 else None
        if parts is None:
            name = self._widgets.bare(model_id)
            has_words = bool(str(entry.data.get("text/plain") or "").strip()) or not name
            yield entry if has_words else replace(entry, data={**entry.data, "text/plain": name})
            return
        words: list[str] = []
        data: MimeBundle = entry.data
        for part in [*parts, None]:
            if isinstance(part, str):
                words.append(part)
                continue
            if text := " ".join(filter(None, words)):
                yield replace(entry, data={**data, "text/plain": text})
                data = {}
            words = []
            if part is not None and room.take(len(part.entries)):
                yield from self._resolved(part.entries, depth - 1, room)


def _model_id(data: object) -> str:
    """The model in a widget's view; empty for other data."""
    view = data.get(VIEW) if isinstance(data, Mapping) else None
    model_id = view.get("model_id") if isinstance(view, dict) else None
    return model_id if isinstance(model_id, str) else ""
