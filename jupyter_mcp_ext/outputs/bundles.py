"""Displays: the representation that a model gets, and its lines in full."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs import images, trees
from jupyter_mcp_ext.outputs.characters import plain_name
from jupyter_mcp_ext.outputs.charts import charts, scripts
from jupyter_mcp_ext.outputs.folding.widget import VIEW
from jupyter_mcp_ext.outputs.html import markup
from jupyter_mcp_ext.outputs.html.markup import Document
from jupyter_mcp_ext.outputs.images import UnreadableImage
from jupyter_mcp_ext.outputs.model import Json, MimeBundle
from jupyter_mcp_ext.outputs.quoting import Remark
from jupyter_mcp_ext.outputs.rendering import NotRendered, Render, here
from jupyter_mcp_ext.outputs.sizes import value_size
from jupyter_mcp_ext.outputs.text import clean, split
from jupyter_mcp_ext.wording import size

Kind: TypeAlias = Literal[
    "chart", "file", "html", "image", "json", "svg", "table", "text", "unknown", "widget"
]

_IMAGES = tuple(images.FORMATS.values())
_FORMULA = re.compile(
    r"\s*(?:\$|\\\(|\\\[|\\(?:begin\{(?:align|aligned|alignat|equation|eqnarray|gather|math|multline"
    r"|[bpv]?matrix|cases|displaymath|split)\b|displaystyle\b|frac\b|ce\{))"
)
_TABULAR = ("text/csv", "text/tab-separated-values")
_JSON = ("application/json", "application/geo+json")
_FILES = re.compile(r"(?:audio|video|image)/|application/pdf$")
_SILENT = re.compile(r"<(?:Figure size |[^\n<>]{0,200}?(?: object\b| at 0x[0-9a-fA-F]))")
_CLASS = re.compile(r"<class '[\w.]+'>")
_PLAYER = re.compile(r"\s*(?:<div[^<>]{0,200}>\s*)?<(audio|video)\b")
_BASE64 = re.compile(r"(?<=;base64,)[A-Za-z0-9+/=]{60,}")
_EMBEDDED = re.compile(r"data:((?:audio|video)/[\w.+-]+)")
OUTPUT_ID = re.compile(r"[a-z0-9]{8}-[0-9]{1,9}/[0-9]{1,9}")  # a notebook's cells have others
_SVG_SOURCE = 2_000  # characters of a drawing that are shown unchanged


def choose(data: MimeBundle) -> tuple[Kind, str]:  # noqa: PLR0911 (one for each kind)
    """The kind and the MIME type of the most useful representation for a model."""
    html = data.get("text/html")
    if isinstance(html, str) and markup.is_table(html):
        return "table", "text/html"
    if _FORMULA.match(string(data.get("text/latex"))):
        return "text", "text/latex"  # of a formula that is also given as an image
    if image := next((name for name in _IMAGES if name in data), None):
        return "image", image
    if VIEW in data:
        return "widget", VIEW
    if "image/svg+xml" in data:
        return "svg", "image/svg+xml"
    if chart := charts.chart_type(data):
        return "chart", chart
    if "text/markdown" in data:
        return "text", "text/markdown"
    if name := next((name for name in _JSON if name in data), None):
        return "json", name
    if name := next((name for name in _TABULAR if name in data), None):
        return "text", name
    return _plainer(data)


def full_lines(
    data: MimeBundle, label: str = "", render: Render = here, *, specs: bool = True
) -> list[str]:
    """The chosen representation in full; an image is one line."""
    kind, mime_type = choose(data)
    try:
        return _full_lines(data, kind, mime_type, render, specs=specs)
    except NotRendered as err:
        return instead(data, mime_type, label, err)


def _full_lines(
    data: MimeBundle, kind: Kind, mime_type: str, render: Render, *, specs: bool
) -> list[str]:
    match kind:
        case "table" | "html":
            return _document_lines(document(data, render), specs=specs)
        case "json":
            return trees.pretty_lines(data[mime_type])
        case "chart":
            lines = charts.describe(data, mime_type).split("\n")
            spec = data[mime_type]
            return [*lines, *trees.pretty_lines(spec)] if isinstance(spec, dict) else lines
        case "svg" | "text":
            return split(clean(words_in(data, mime_type)))
        case "image":
            return [image_line(data, mime_type, "", render)]
        case "widget" | "file" | "unknown":
            return split(one_line(data, kind, mime_type, ""))


def brief_lines(data: MimeBundle, label: str, render: Render = here) -> list[str]:
    """Like ``full_lines``, without what only a program would read, and with labels."""
    kind, mime_type = choose(data)
    match kind:
        case "image":
            return [image_line(data, mime_type, label, render)]
        case "svg":
            return split(clean(svg_text(data)))
        case "chart":
            return split(clean(charts.describe(data, mime_type)))
        case "file" | "unknown":
            return [one_line(data, kind, mime_type, label)]
        case _:
            return full_lines(data, label, render, specs=False)


def _document_lines(read: Document, *, specs: bool) -> list[str]:
    remarks = [block for block in read.blocks if isinstance(block, Remark)]
    return [*remarks] or split(clean("\n".join(read.lines(specs=specs))))


def document(data: MimeBundle, render: Render = here) -> Document:
    """The text of its HTML, or of another representation if that has none."""
    html = string(data["text/html"])
    read: Document = render("read", html)
    if read.blocks:
        return read
    if says_something(data):
        return Document(blocks=(string(data["text/plain"]),))
    return Document(blocks=(Remark(f"[text/html {size(len(html))}, no readable text]"),))


def words_in(data: MimeBundle, mime_type: str) -> str:
    """A text without the bytes of images embedded in Markdown."""
    text = string(data[mime_type])
    return _BASE64.sub("…", text) if mime_type == "text/markdown" else text


def svg_text(data: MimeBundle) -> str:
    """A drawing as text: its title, its source if that is short, otherwise its words."""
    if says_something(data):
        return string(data["text/plain"])
    source = string(data["image/svg+xml"])
    if len(source) <= _SVG_SOURCE:
        return source
    words = re.sub(r"\s+", " ", " | ".join(re.findall(r"<(?:text|tspan)\b[^<>]*>([^<]+)<", source)))
    return Remark(clean(f"[svg drawing, {size(len(source))}] {words}".rstrip()))


def image_line(data: MimeBundle, mime_type: str, label: str, render: Render = here) -> str:
    """`[image k7m2q9xw-12/3 1200x800 png]`"""
    try:
        width, height, real_type = images.measure(images.decode(data[mime_type]), render)
    except (UnreadableImage, NotRendered) as err:
        name = mime_type.removeprefix("image/")
        return Remark(f"[{_named('image', label)} {plain_name(name)}, unreadable: {err}]")
    kind = f"{width}x{height} {real_type.removeprefix('image/')}"
    return Remark(f"[{_named('image', label)} {kind}]")


def one_line(data: MimeBundle, kind: Kind, mime_type: str, label: str) -> str:
    """The line that names a display instead of showing it."""
    plain = data.get("text/plain")
    if kind == "widget":
        state = clean(string(plain)).rstrip("\n") if plain else "a widget"
        return state.rpartition("\n")[2] if "it/s" in state or "s/it" in state else state
    if kind == "file":
        decoded = value_size(data[mime_type]) * 3 // 4
        real_type = _player_type(string(data[mime_type])) or mime_type
        return Remark(f"[{_named('file', label)} {plain_name(real_type)} {size(decoded)}]")
    types = ", ".join(
        f"{plain_name(name)} {size(value_size(value))}" for name, value in data.items()
    )
    return Remark(f"[{_named('display', label)} {types or 'without data'}]")


def instead(data: MimeBundle, mime_type: str, label: str, err: NotRendered) -> list[str]:
    """The line about a display that is not rendered, with its plain text if that says more."""
    whole = size(value_size(data[mime_type]))
    line = f"[{_named(plain_name(mime_type), label)} {whole} {err}"
    if OUTPUT_ID.fullmatch(label):
        line += f'; its source: get_output("{label}", mime_type="{mime_type}")'
    plain = split(clean(string(data["text/plain"]))) if says_something(data) else []
    return [Remark(f"{line}]"), *plain]


def says_something(data: MimeBundle) -> bool:
    """Whether its plain text is more than ``<IPython.core.display.HTML object>``."""
    plain = data.get("text/plain")
    if not isinstance(plain, str) or not (words := plain.strip()):
        return False
    is_one_tag = words.endswith(">") and "\n" not in words
    return not (is_one_tag and (_SILENT.match(words) or _CLASS.fullmatch(words)))


def string(value: Json) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _plainer(data: MimeBundle) -> tuple[Kind, str]:
    html = data.get("text/html")
    embedded = isinstance(html, str) and _player_type(html) is not None
    tests: tuple[tuple[Callable[[], bool], Kind, str], ...] = (
        (lambda: embedded, "file", "text/html"),
        (lambda: isinstance(html, str) and scripts.draws(html), "html", "text/html"),
        (lambda: says_something(data), "text", "text/plain"),
        (lambda: isinstance(html, str), "html", "text/html"),
    )
    for test, kind, mime_type in tests:
        if test():
            return kind, mime_type
    if name := next((name for name in data if _FILES.match(name)), None):
        return "file", name
    if name := next((name for name in ("text/latex", "text/plain") if name in data), None):
        return "text", name
    return "unknown", ""


def _player_type(html: str) -> str | None:
    """The media that this HTML plays, if it is a player."""
    found = _PLAYER.match(html, 0, 2_000)
    if found is None:
        return None
    _, end, after = html.rpartition(f"</{found[1]}>")
    if end and after[:100].strip() not in {"", "</div>"}:
        return None  # it has more than the player
    embedded = _EMBEDDED.search(html, found.end(), found.end() + 2_000)
    return embedded[1] if embedded else found[1]


def _named(noun: str, label: str) -> str:
    return f"{noun} {label}".rstrip()
