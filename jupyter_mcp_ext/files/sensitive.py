"""Files whose names say that they hold secrets: they are neither listed, read nor written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

SENSITIVE = (
    *(".env", ".env.*", ".netrc", ".npmrc", ".pypirc", ".git-credentials"),
    *(".ssh/", ".gnupg/", ".aws/", ".docker/"),
    *("id_rsa", "id_rsa.pub", "id_ecdsa", "id_ecdsa.pub", "id_ed25519", "id_ed25519.pub"),
    *("credentials", "credentials.json", "credentials.y*ml"),
    *("secret", "secret.json", "secret.y*ml", "secret.txt"),
    *("secrets", "secrets.json", "secrets.y*ml", "secrets.txt"),
    *("token", "token.json", "token.y*ml", "token.txt", "jupyter_mcp_ext.*"),
)
"""Shell patterns of whole names; one that ends in a slash is for folders."""


class Sensitive:
    """Whether the name of a file, or of a folder above it, is one of the patterns.

    Upper and lower case are the same.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        # One expression for all: a folder may have a hundred thousand names.
        patterns = [pattern.lower() for pattern in patterns]
        self._names = _any_of(p for p in patterns if not p.endswith("/"))
        self._folders = _any_of(p[:-1] for p in patterns if p.endswith("/"))

    def __contains__(self, path: str) -> bool:
        parts = path.lower().split("/")
        return bool(self._names.match(parts[-1])) or any(map(self._folders.match, parts))


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or r"(?!)")
