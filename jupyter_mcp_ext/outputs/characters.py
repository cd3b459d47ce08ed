"""Characters that a reader would not see, and that therefore no text of code's keeps."""

from __future__ import annotations

import re

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


def visible(text: str) -> str:
    """The text without what nobody sees; tabs and line ends stay."""
    return without_format(_CONTROLS.sub("", text))


def without_format(text: str) -> str:
    """The text without format characters; colours and other controls stay."""
    return text if text.isascii() else _BREAKS.sub(" ", _FORMAT.sub("", text))


def plain_name(name: str, longest: int = 80) -> str:
    """A name that code has given, as a part of a line of ours, which it cannot end."""
    words = "".join(c if c.isprintable() and c not in "[]" else "?" for c in visible(name))
    return words if len(words) <= longest else f"{words[: longest - 1]}…"
