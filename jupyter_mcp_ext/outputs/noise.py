"""Lines that repeat each other: warnings from several places, steps of downloads, progress bars.

They are shown once with their count; the lines that are paged through and searched are all of
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from jupyter_mcp_ext.outputs.numbered import Line

FEW = 3
"""Consecutive lines up to which all are kept."""

_WARNING = re.compile(r"(\S.{0,300}?:\d{1,7}): (\w{0,80}Warning: .*)")
"""The format of Python's ``warnings``: place, category and text, then a line of source."""

_STEP_WORDS = (
    *("Collecting", "Requirement already satisfied:", "Downloading", "Downloaded", "Using cached"),
    *("Obtaining", "Building wheel", "Created wheel", "Stored in directory:"),
    *("Preparing metadata", "Installing build dependencies", "Getting requirements"),
    *("Attempting uninstall:", "Found existing installation:", "Uninstalling"),
    *("Successfully uninstalled", "Looking in indexes:", "Fetching", "Extracting", "Unpacking"),
    *("Selecting previously", "Preparing to unpack", "Setting up", "Get:", "Hit:", "Ign:"),
    "[nltk_data]",
)
_STEPS = re.compile(
    rf"^[ \t]{{0,80}}(?:{'|'.join(map(re.escape, _STEP_WORDS))})s?\d*\s", re.MULTILINE
)
"""Lines of pip, uv, apt, conda, and of hubs for models and data."""

_STEP_STARTS = frozenset({" ", "\t", *(word[0] for word in _STEP_WORDS)})

_BAR = re.compile(
    r".{0,200}?\d{1,3}%\s?\|[^|]{0,200}\|"  # tqdm, and downloads that use it
    r"|\s*[━╸╺╴╶─][━╸╺╴╶─ ]{9,200}[\d.]{1,12}/[\d.]{1,12} [kMGT]?B"  # pip, rich
    r"|\s*\d{1,12}[KMG]? [. ]{10,200}\d{1,3}%"  # wget
    r"|\s*\d{1,3}%[ \t]*\[[=>#\-. ]{10,200}\]"
)
_DONE = re.compile(r"100%")
_SPEED = re.compile(r"[\d.]{1,12} ?[kKMGT]i?B(?:/s)?\b")


_SIGNS = ("%", "\N{BOX DRAWINGS HEAVY HORIZONTAL}", "Warning: ")
"""Each text with a bar or a warning to fold has one of these."""


def once(lines: Sequence[Line]) -> list[Line]:
    """The lines without repetitions."""
    text = "\n".join([line.text for line in lines])
    may_have_steps = not _STEP_STARTS.isdisjoint([line.text[:1] for line in lines])
    has_steps = may_have_steps and _STEPS.search(text) is not None
    if not has_steps and not any(sign in text for sign in _SIGNS):  # by far the most common case
        return [*lines]
    return _runs(_runs(_warnings(lines), _is_step, "steps"), _is_bar, "updates")


def _warnings(lines: Sequence[Line]) -> list[Line]:
    """Each warning once, at its first place, with the number of times it came."""
    first: dict[str, int] = {}
    places: dict[str, list[str]] = {}
    kept: list[Line] = []
    is_source_of_repeated = False
    for line in lines:
        found = _WARNING.match(line.text) if "Warning: " in line.text else None
        if found is None:
            if not (is_source_of_repeated and line.text.startswith("  ")):
                kept.append(line)
            is_source_of_repeated = False
            continue
        place, said = found.groups()
        places.setdefault(said, []).append(place)
        is_source_of_repeated = said in first
        if not is_source_of_repeated:
            first[said] = len(kept)
            kept.append(line)
    for said, at in first.items():
        if len(places[said]) > 1:
            also = ", also from other lines" if len({*places[said]}) > 1 else ""
            note = f" (x {len(places[said])}{also})"
            kept[at] = kept[at]._replace(text=kept[at].text + note)
    return kept


def _runs(lines: Sequence[Line], belongs: Callable[[str], bool], noun: str) -> list[Line]:
    """The last of consecutive lines that belong together, with their number."""
    kept: list[Line] = []
    for run, does_belong in _grouped(lines, belongs):
        if does_belong and len(run) > FEW:
            last = run[-1]
            note = f" (the last of {len(run)} {noun})"
            kept.append(last._replace(number=run[0].number, text=last.text + note))
        else:
            kept.extend(run)
    return kept


def _grouped(
    lines: Sequence[Line], belongs: Callable[[str], bool]
) -> Iterator[tuple[list[Line], bool]]:
    """Runs of such lines, and of others; blank lines inside a run are part of it."""
    run: list[Line] = []
    blanks: list[Line] = []
    others: list[Line] = []
    for line in lines:
        if belongs(line.text):
            if others:
                yield others, False
                others = []
            run += [*blanks, line]
            blanks = []
        elif run and not line.text.strip():
            blanks.append(line)
        else:
            if run:
                yield run, True
            others += [*blanks, line]
            run, blanks = [], []
    if run:
        yield run, True
    if others or blanks:
        yield [*others, *blanks], False


def _is_step(text: str) -> bool:
    return _STEPS.match(text) is not None


def _is_bar(text: str) -> bool:
    """Whether it is an intermediate state of a bar; the last state can be a result."""
    if ("%" not in text and "━" not in text) or _BAR.match(text) is None:
        return False
    return _DONE.search(text) is None or _SPEED.search(text) is not None
