"""Ids of protocol sessions of the older era, which carry, sealed, what reopens the session; pure.

An id holds what the client said about itself when it opened the session, and nothing more: a
client that shows it could as well open a new one. It is bound to its user and to this server's key.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PURPOSE = "mcp-sessions"
"""The purpose for which the key of the ids is derived."""

VERSION = "1"

MAX_SEALED = 1_500
"""Characters of the sealed part; clients send the id with each request, in a header."""

MAX_OPENED = 100_000
"""Bytes up to which it is unpacked."""

MAX_NAME = 100


@dataclass(frozen=True, kw_only=True)
class Opening:
    """The parameters of ``initialize`` that matter to a server."""

    protocol_version: str
    client: Mapping[str, str]
    """The client's name and version."""
    capabilities: Mapping[str, Any]

    @classmethod
    def of(cls, params: object) -> Opening | None:
        """The parameters of a request; None if they do not have the protocol's form."""
        given = params if isinstance(params, dict) else {}
        version, info = given.get("protocolVersion"), given.get("clientInfo")
        capabilities = given.get("capabilities")
        if not (isinstance(version, str) and isinstance(info, dict)):
            return None
        client = {key: str(info.get(key, ""))[:MAX_NAME] for key in ("name", "version")}
        return cls(
            protocol_version=version[:MAX_NAME],
            client=client,
            capabilities=capabilities if isinstance(capabilities, dict) else {},
        )

    def params(self) -> dict[str, Any]:
        """The parameters to send again."""
        return {
            "protocolVersion": self.protocol_version,
            "clientInfo": dict(self.client),
            "capabilities": dict(self.capabilities),
        }


class Seal:
    """Makes ids and reads them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, opening: Opening, subject: str) -> str:
        """A new id for a session that a user's client opened."""
        packed = _pack(opening.params())
        if len(packed) > MAX_SEALED:  # a client with long information about itself
            names = list(opening.capabilities)[:10]
            brief: dict[str, object] = {name[:MAX_NAME]: {} for name in names}
            packed = _pack({**opening.params(), "capabilities": brief})
        body = f"{VERSION}.{secrets.token_hex(12)}.{packed}"
        return f"{body}.{self._mac(body, subject)}"

    def open(self, session_id: str, subject: str) -> Opening | None:
        """The parameters in an id of this user; None if this server did not make it."""
        body, _, mac = session_id.rpartition(".")
        if not session_id.isascii() or not hmac.compare_digest(mac, self._mac(body, subject)):
            return None
        version, _, packed = body.split(".") if body.count(".") == 2 else ("", "", "")
        return Opening.of(_unpack(packed)) if version == VERSION else None

    def _mac(self, body: str, subject: str) -> str:
        text = json.dumps([subject, body]).encode()
        return _text(hmac.digest(self._key, text, "sha256"))


def nonce(session_id: str) -> str:
    """The random part, which makes ids unique."""
    return session_id.split(".")[1] if session_id.count(".") == 3 else ""


def _pack(value: object) -> str:
    return _text(zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9))


def _unpack(packed: str) -> object:
    try:
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        return json.loads(zlib.decompressobj().decompress(data, MAX_OPENED))
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        return None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
