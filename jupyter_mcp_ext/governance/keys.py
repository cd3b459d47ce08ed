"""The server's one lasting secret, and a key of its own for each purpose.

With the same file a server that was restarted, or moved, still knows what it has signed and sealed.
"""

from __future__ import annotations

import hmac
import os
import secrets
from logging import Logger
from pathlib import Path
from threading import Lock

SIZE = 32
"""Bytes of the secret and of each key."""


class Keys:
    """Keys derived from the secret in a file, which is made when a key is first wanted."""

    def __init__(self, path: Path, log: Logger) -> None:
        self._path = path
        self._log = log
        self._lock = Lock()
        self._secret: bytes | None = None

    def derive(self, purpose: str) -> bytes:
        """The key for a purpose. Reads the file once, so call it first from a thread."""
        with self._lock:
            if self._secret is None:
                self._secret = self._load()
        # HKDF's expand step (RFC 5869) for one block: the secret is random already.
        return hmac.digest(self._secret, purpose.encode() + b"\x01", "sha256")

    def _load(self) -> bytes:
        try:
            return self._read() or self._make()
        except OSError as err:
            self._log.warning(
                "The key file %s cannot be used (%s): what is sealed now is not understood after "
                "a restart. Set McpApp.key_file to a file that this server can write.",
                self._path,
                err.strerror or err,
            )
        except ValueError:
            self._log.warning(
                "The key file %s holds no key of %d bytes in hexadecimal and is not used: what is "
                "sealed now is not understood after a restart. Remove it to get a new one.",
                self._path,
                SIZE,
            )
        return secrets.token_bytes(SIZE)

    def _read(self) -> bytes | None:
        """The secret, or None where there is no file. Raises OSError, ValueError."""
        try:
            with self._path.open(encoding="ascii") as file:
                secret = bytes.fromhex(file.read(4 * SIZE).strip())
                mode = os.fstat(file.fileno()).st_mode
        except FileNotFoundError:
            return None
        if len(secret) < SIZE:
            raise ValueError
        if os.name == "posix" and mode & 0o077:
            self._log.warning("Others can read the key file %s: chmod 600 it.", self._path)
        return secret

    def _make(self) -> bytes:
        """Write a new secret; when another server does so at the same time, theirs counts."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(SIZE) + "\n")
        try:
            os.link(draft, self._path)  # never replaces, and the file is whole when it appears
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        secret = self._read()
        if secret is None:
            raise FileNotFoundError
        return secret
