"""Links in Markdown that lead nowhere: to files that do not exist, to headings that no page has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def targets(text: str) -> Iterator[str]:
    """What the links and images of a page lead to; code is no link."""
    for link in _LINK.finditer(_CODE.sub("", _FENCE.sub("", text))):
        yield link[1] or link[2]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: Counter[str] = Counter()
    names = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def broken(page: Path, project: Path) -> list[str]:
    """The links of a page to files or headings that are not in the project."""
    return [
        target
        for target in targets(page.read_text())
        if not _ELSEWHERE.match(target) and not _leads_somewhere(page, target, project)
    ]


def _leads_somewhere(page: Path, target: str, project: Path) -> bool:
    path, _, anchor = target.partition("#")
    aim = (page.parent / path).resolve() if path else page
    if not aim.is_relative_to(project.resolve()) or not aim.exists():
        return False
    return not anchor or (aim.suffix == ".md" and anchor in anchors(aim.read_text()))
