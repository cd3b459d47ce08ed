"""The server's one lasting secret, and a key derived from it for each purpose.

With the same file, a restarted or moved server still accepts what it has signed and sealed.
"""

from __future__ import annotations

import hmac
import secrets
from logging import Logger
from pathlib import Path
from threading import Lock

from .secret_file import read_or_make

KEY_FILE = "jupyter_mcp_ext.key"
"""Its name in Jupyter's data directory, unless `McpApp.key_file` names another."""

SIZE = 32
"""Bytes of the secret and of each key."""


class Keys:
    """Keys derived from the secret in a file, which is made when the first key is needed."""

    def __init__(self, path: Path, log: Logger) -> None:
        self.path = path
        self._log = log
        self._lock = Lock()
        self._secret: bytes | None = None
        self._is_lasting = True

    @property
    def is_lasting(self) -> bool:
        """Whether a later server can have the same keys. Reads the file, so call it in a thread."""
        self.derive("")
        return self._is_lasting

    def derive(self, purpose: str) -> bytes:
        """The key for a purpose. Reads the file once, so call it first from a thread."""
        with self._lock:
            if self._secret is None:
                self._secret = self._load()
        # HKDF's expand step (RFC 5869) for one block: the secret is random already.
        return hmac.digest(self._secret, purpose.encode() + b"\x01", "sha256")

    def _load(self) -> bytes:
        try:
            return self._read()
        except OSError as err:
            self._log.warning(
                "The key file %s cannot be used (%s): what is sealed now cannot be opened after "
                "a restart. Set McpApp.key_file to a file that this server can write.",
                self.path,
                err.strerror or err,
            )
        except ValueError:
            self._log.warning(
                "The key file %s holds no key of %d bytes in hexadecimal and is not used: what is "
                "sealed now cannot be opened after a restart. Remove it to get a new one.",
                self.path,
                SIZE,
            )
        self._is_lasting = False
        return secrets.token_bytes(SIZE)

    def _read(self) -> bytes:
        """The secret in the file. Raises OSError, ValueError."""
        kept = read_or_make(self.path, lambda: secrets.token_hex(SIZE))
        secret = bytes.fromhex(kept.text)
        if len(secret) < SIZE:
            raise ValueError
        if kept.is_exposed:
            self._log.warning("Others can read the key file %s: chmod 600 it.", self.path)
        return secret
