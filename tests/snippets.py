"""The fenced blocks of the README and of docs/, with where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
_PART = re.compile(
    r"^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block."""

    page: str
    """Its page below docs/, without ``.md``, or ``README``."""
    language: str
    text: str
    heading: str
    """The nearest heading above it."""
    said: str
    """What stands between that, or the block above it, and the block."""

    @property
    def first(self) -> str:
        """Its first line, by which people find it."""
        return self.text.partition("\n")[0]


def pages() -> list[str]:
    """All pages, by the names that blocks have."""
    found = (page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md"))
    return ["README", *sorted(found)]


def page_text(page: str) -> str:
    """A page as it is in the repository."""
    file = PROJECT / "README.md" if page == "README" else DOCS / f"{page}.md"
    return file.read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in their order."""
    text, heading, end = page_text(page), "", 0
    for part in _PART.finditer(text):
        if part["heading"]:
            heading = part["heading"]
        else:
            yield Block(
                page=page,
                language=part["language"],
                text=part["text"],
                heading=heading,
                said=text[end : part.start()].strip(),
            )
        end = part.end()


def block_of(page: str, part: str) -> Block:
    """The only block of a page that has this in it.

    `tests/test_snippets.py` reads from the calls of this function which blocks the tests use, so
    both arguments are written out.
    """
    [found] = [block for block in blocks(page) if part in block.text]
    return found
