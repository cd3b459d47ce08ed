"""The text of the file tools' results: listings, numbered lines, reports of edits. Pure."""

from __future__ import annotations

from datetime import datetime

from jupyter_mcp_ext.outputs.characters import argument, code_points, escaped, seen
from jupyter_mcp_ext.outputs.numbered import rest_words
from jupyter_mcp_ext.wording import counted, size

from .edits import INDENTATION, Edit
from .lines import TextPage
from .listing import FileEntry, FolderPage
from .results import Binary, Download, FileImage, FileText, WrittenFile

_MAX_LINES = 5
"""Lines with invisible characters that the notice names."""


def listing(found: FolderPage, *, glob: str | None, limit: int, room: int) -> tuple[str, int]:
    """A line for each entry, and how many fit."""
    shown = 0
    lines: list[str] = []
    for entry in found.entries:
        line = _entry(entry, found.folder)
        room -= len(line) + 1
        if lines and room < 300:
            break
        lines.append(line)
        shown += 1
    name = escaped(found.folder) or "."
    what = f" that fit {argument(glob)}" if glob else ""
    head = f"{name}: {counted(found.total, 'entry', 'entries')}{what}"
    if not found.is_whole:
        head += "\n! not everything was looked at: there are too many files; use a deeper folder"
    if found.passed:
        inside = f"list_files({argument(found.passed)}, glob={argument(glob)})"
        head += f"\n! not looked into: {escaped(found.passed)}, where sessions are kept; {inside}"
    if not shown:
        return head if not found.total else f"{head}, none from offset {found.offset} on", 0
    end = found.offset + shown
    if end < found.total or found.offset:
        head += f", {found.offset + 1}-{end} shown"
    if end < found.total:
        more = f", glob={argument(glob)}" if glob else ""
        most = f", limit={limit}" if limit != 100 else ""
        lines.append(f"more: list_files({argument(found.folder or '.')}{more}, offset={end}{most})")
    return "\n".join([head, *lines]), shown


def lines(found: FileText, *, limit: int) -> tuple[str, str | None]:
    """Numbered lines, and the call that shows the next ones."""
    page = found.lines
    name = escaped(found.path)
    if not page.lines:
        return f"{name} is empty", None
    last = page.first + len(page.lines) - 1
    of = f" of {page.total}" if page.total is not None else ""
    start = f" from character {page.column + 1:,} on" if page.column else ""
    head = f"{name}: lines {page.first}-{last}{of}{start}, {size(found.size)}"
    notices = []
    if found.path.lower().endswith(".ipynb"):
        notices.append(f"! read_notebook({argument(found.path)}) shows its cells")
    if not page.is_utf8:
        notices.append("! not all of it is UTF-8; what is not is shown as \ufffd")
    if left_out := _left_out(page):
        notices.append(left_out)
    body = []
    following = None
    for n, (line, rest) in enumerate(zip(page.lines, page.rests, strict=True), page.first):
        body.append(f"{n}\t{seen(line)}")
        if rest:
            column = (page.column if n == page.first else 0) + len(line)
            call = _read_call(found.path, n, column, limit)
            body.append(rest_words(rest, call))
            following = call if page.column and n == page.first else None
    if page.has_more and following is None:
        following = _read_call(found.path, last + 1, 0, limit)
        body.append(f"more: {following}")
    return "\n".join([head, *notices, *body]), following


def _left_out(page: TextPage) -> str:
    """The notice on invisible characters."""
    lines = list(page.lines)
    if page.first == 1 and not page.column and lines:
        lines[0] = lines[0].removeprefix("\ufeff")  # the mark of an encoding, and no text
    odd = [n for n, line in enumerate(lines, page.first) if code_points([line])]
    if not odd:
        return ""
    where = ", ".join(map(str, odd[:_MAX_LINES])) + (", …" if len(odd) > _MAX_LINES else "")
    return (
        f"! invisible characters are left out in line{'s'[: len(odd) - 1]} {where}: "
        f"{code_points(lines)}; edit_file finds text that has them without them"
    )


def _read_call(path: str, line: int, column: int, limit: int) -> str:
    at = f", column={column}" if column else ""
    size = f", limit={limit}" if limit != 500 else ""
    return f"read_file({argument(path)}, offset={line}{at}{size})"


def image(found: FileImage) -> str:
    """The line above an image."""
    shown = found.image
    kind = shown.mime_type.partition("/")[2]
    words = f"{escaped(found.path)} {shown.original_width}x{shown.original_height}"
    made_smaller = (shown.width, shown.height) != (shown.original_width, shown.original_height)
    small = f", shown {shown.width}x{shown.height}" if made_smaller else ""
    return f"[image {words} {kind}, {size(found.size)}{small}]"


def binary(found: Binary) -> str:
    """The line for a binary file, with the call that fetches it."""
    return (
        f"[binary {escaped(found.path)} {found.mime_type}, {found.size:,} bytes]\n"
        f"download_file({argument(found.path)}) gives its URL."
    )


def written(found: WrittenFile) -> str:
    """What was written."""
    name = escaped(found.path)
    if found.did == "appended":
        return f"Appended {found.added:,} bytes to {name}, which has {found.size:,} now."
    return f"{'Made' if found.did == 'made' else 'Replaced'} {name}: {found.size:,} bytes."


def edited(path: str, edit: Edit) -> str:
    """What was changed."""
    places = counted(edit.count, "place")
    verb = "was" if edit.how == INDENTATION else "were"
    how = f"\n! old_string did not fit exactly; {edit.how} {verb} passed over" if edit.how else ""
    return f"Edited {escaped(path)} in {places}.{how}\n{edit.diff}"


def download(found: Download, url: str) -> tuple[str, str | None]:
    """The URL of a file, and the call for the next bytes."""
    digest = f"sha256 {found.sha256}" if found.sha256 else "too large for a sha256 here"
    lines = [
        f"{escaped(found.path)}: {found.size:,} bytes, {found.mime_type}, {digest}",
        f"URL, with the Jupyter server's login: {url}",
    ]
    following = None
    if found.data:
        end = found.offset + len(found.data)
        lines.append(f"bytes {found.offset}-{end - 1} follow")
        if end < found.size:
            following = (
                f"download_file({argument(found.path)}, offset={end}, limit={len(found.data)})"
            )
            lines.append(f"more: {following}")
    return "\n".join(lines), following


def _entry(entry: FileEntry, folder: str) -> str:
    name = escaped(entry.path[len(folder) + 1 :] if folder else entry.path)
    at = (
        datetime.fromtimestamp(entry.modified).strftime("%Y-%m-%d %H:%M")
        if entry.modified is not None
        else ""
    )
    match entry.kind:
        case "folder":
            return f"{name}/  {at}".rstrip()
        case "link":
            return f"{name}  (a link that leads nowhere here)"
        case "other":
            return f"{name}  (not a regular file)"
        case "file":
            used = size(entry.size) if entry.size is not None else ""
            return f"{name}  {used}  {at}".rstrip()
