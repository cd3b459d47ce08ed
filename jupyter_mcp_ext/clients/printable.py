"""Words from elsewhere (files, servers) that are fit for a terminal, and show no secret."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

LONGEST = 1_000
"""Characters of one sentence that are shown."""

SHORTEST = 4
"""Characters of a secret that is looked for."""

LONGEST_WORD = 11
"""Letters, or digits, of what may be a word or a port of any sentence and is left in it."""

HIDDEN = "(hidden)"
"""Stands for a secret."""


def printable(text: str, secrets: Iterable[str] = (), *, longest: int = LONGEST) -> str:
    """A text in one line, without what moves the cursor or turns the order of characters around.

    Secrets are hidden, also as they are in URLs and in HTTP Basic.
    """
    text = text[: 10 * longest]
    for secret in sorted({form for each in secrets for form in _forms(each)}, key=len)[::-1]:
        text = text.replace(secret, HIDDEN)
    shown = "".join(
        character if character.isprintable() else " " if character.isspace() else "?"
        for character in text
    )
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def _forms(secret: str) -> Iterable[str]:
    is_word = len(secret) <= LONGEST_WORD and (secret.isalpha() or secret.isdigit())
    if len(secret) < SHORTEST or is_word:
        return ()
    encoded = secret.encode(errors="surrogateescape")
    return (secret, quote(encoded, safe=""), b64encode(encoded).decode())


def address(url: str) -> str:
    """A URL without what may be a secret: its login, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
