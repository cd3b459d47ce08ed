"""JSON with a digest by a key: whether this server has written what it reads."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any


def canonical(content: Mapping[str, Any]) -> bytes:
    """The JSON that a digest is taken of."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def digest(data: bytes, key: bytes) -> str:
    """The digest of some bytes, in hexadecimal."""
    return hmac.digest(key, data, "sha256").hex()


def is_digest(given: str | bytes, data: bytes, key: bytes) -> bool:
    """Whether that is the digest of these bytes. Takes the same time wherever they differ."""
    given = given.encode(errors="replace") if isinstance(given, str) else given
    return hmac.compare_digest(given, digest(data, key).encode())


def seal(content: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """An object with its digest added."""
    return {**content, "digest": digest(canonical(content), key)}


def is_sealed(content: Mapping[str, Any], key: bytes) -> bool:
    """Whether an object has the digest that `seal` added with the same key."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return is_digest(str(content.get("digest", "")), canonical(rest), key)
