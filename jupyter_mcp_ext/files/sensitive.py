"""Which files hold secrets by their name: not shown, read or written here, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

SENSITIVE = (
    *(".env", ".env.*", ".netrc", ".npmrc", ".pypirc", ".git-credentials"),
    *(".ssh/", ".gnupg/", ".aws/", ".docker/"),
    *("id_rsa", "id_rsa.pub", "id_ecdsa", "id_ecdsa.pub", "id_ed25519", "id_ed25519.pub"),
    *("credentials", "credentials.json", "credentials.y*ml"),
    *("secret", "secret.json", "secret.y*ml", "secret.txt"),
    *("secrets", "secrets.json", "secrets.y*ml", "secrets.txt"),
    *("token", "token.json", "token.y*ml", "token.txt"),
)
"""Shell patterns of whole names; with a slash at the end those of folders."""


def is_sensitive(path: str, patterns: Iterable[str]) -> bool:
    """Whether the name of a file, or of a folder above it, is one of the patterns.

    Upper and lower case are the same.
    """
    *folders, name = path.lower().split("/")
    for pattern in map(str.lower, patterns):
        if pattern.endswith("/"):
            if any(fnmatchcase(folder, pattern[:-1]) for folder in (*folders, name)):
                return True
        elif fnmatchcase(name, pattern):
            return True
    return False
