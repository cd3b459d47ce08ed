"""Invisible characters: they are removed from text of code, and escaped in names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

# Lone surrogates are no characters: a client could not be sent them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# Format characters that are not seen themselves and reorder or hide text, and the selectors of
# variants beyond the first sixteen, which can carry any text unseen. The joiners stay between
# letters or pictures, since Persian, Indic scripts and emoji are written with them, and one
# selector after a character, which tells a picture from a sign.
_FORMAT = re.compile(
    "[\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])"
    "|(?<=[\u200c\u200d])[\u200c\u200d]+|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]+"
)
_BREAKS = re.compile("[\u2028\u2029]")
# All characters that the two change; quick to search for.
_SUSPECT = re.compile(
    "[\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

# A search with a pattern blocks other threads, so long text is cleaned in parts, which are cut
# between characters that do not depend on each other.
_PART = 20_000
_REACH = 1_000
_CUT = re.compile("[^\u200c\u200d\ufe00-\ufe0f]{2}")
_UNSEEN = re.compile(f"{_CONTROLS.pattern}|{_BREAKS.pattern}|{_FORMAT.pattern}")

# Letters and marks that show nothing: in a name they can only deceive.
_BLANK = re.compile("[\t\n\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\U000e0100-\U000e01ef]")

_MAX_NAMED = 5


def visible(text: str) -> str:
    """The text without invisible characters; tabs and line ends stay."""
    return without_format("".join([_CONTROLS.sub("", part) for part in _parts(text)]))


def without_format(text: str) -> str:
    """The text without format characters; colours and other controls stay."""
    if text.isascii():
        return text
    return "".join([_formatless(part) for part in _parts(text)])


def _formatless(text: str) -> str:
    if text.isascii() or _SUSPECT.search(text) is None:
        return text
    return _BREAKS.sub(" ", _FORMAT.sub("", text))


def _parts(text: str) -> Iterator[str]:
    begin = 0
    while len(text) - begin > _PART + _REACH:
        at = begin + _PART
        cut = _CUT.search(text, at, at + _REACH)
        end = cut.start() + 1 if cut is not None else at
        yield text[begin:end]
        begin = end
    yield text[begin:] if begin else text


def unseen(text: str) -> Iterator[tuple[int, int]]:
    """Where in a text there are such characters: from, to."""
    begin = 0
    for part in _parts(text):
        for found in _pattern(part).finditer(part):
            yield begin + found.start(), begin + found.end()
        begin += len(part)


def seen(text: str) -> str:
    """The text without such characters, whatever is around them."""
    return "".join([_pattern(part).sub("", part) for part in _parts(text)])


def _pattern(part: str) -> re.Pattern[str]:
    """The fastest pattern that finds them in a part of a text."""
    return _CONTROLS if part.isascii() or _SUSPECT.search(part) is None else _UNSEEN


def code_points(text: Iterable[str]) -> str:
    """Such characters as ``U+202E, U+200B``; line ends of other systems are none."""
    found = {c: None for part in text for at in unseen(part) for c in part[slice(*at)] if c != "\r"}
    names = [f"U+{ord(character):04X}" for character in found]
    return ", ".join([*names[:_MAX_NAMED], *(["…"] if len(names) > _MAX_NAMED else [])])


def spelled_out(text: str) -> str:
    """The text with each such character as JSON spells it: ``\\u202e``."""
    return _UNSEEN.sub(_spelled, text)


def escaped(text: str) -> str:
    """A path or name with escapes for characters that could hide a part of it or end its line."""
    return _BLANK.sub(_spelled, spelled_out(text))


def argument(value: object) -> str:
    """A value as a model writes it in a call: JSON of the exact value, with nothing invisible."""
    return escaped(json.dumps(value, ensure_ascii=False))


def _spelled(found: re.Match[str]) -> str:
    return json.dumps(found.group())[1:-1]


def plain_name(name: str, longest: int = 80) -> str:
    """A name given by code, for one of the server's own lines: it cannot end the line."""
    words = "".join(c if c.isprintable() and c not in "[]" else "?" for c in visible(name))
    return words if len(words) <= longest else f"{words[: longest - 1]}…"
