"""The server's password as HTTP Basic, without hashing it for every request.

Jupyter's password hash is slow on purpose. It is computed in a thread, its last success is
remembered as a keyed digest, and failures are slowed down so that guessing gains nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Callable

from jupyter_server.auth.security import passwd_check

MAX_PASSWORD_BYTES = 1024


class TooManyGuesses(Exception):
    """Somebody is guessing; ``retry_after`` seconds from now another try is looked at."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"Too many wrong passwords; try again in {retry_after:.0f} s.")
        self.retry_after = retry_after


def basic_password(authorization: str) -> str | None:
    """Read the password out of an ``Authorization: Basic`` header, whatever the user name."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    _, colon, password = pair.partition(":")
    return password if colon and len(password.encode()) <= MAX_PASSWORD_BYTES else None


class PasswordCheck:
    """Compares passwords with Jupyter's hash: quickly when right, slowly when wrong.

    One hash is computed at a time. After a wrong password the next unknown one waits, twice as
    long each time up to ``max_delay`` seconds; of those that wait, ``max_waiting`` at most. A
    password that was right before is answered at once, whoever else is guessing.
    """

    def __init__(
        self,
        *,
        verify: Callable[[str, str], bool] = passwd_check,
        first_delay: float = 0.25,
        max_delay: float = 8.0,
        max_waiting: int = 8,
    ) -> None:
        self._verify = verify
        self._first_delay = first_delay
        self._max_delay = max_delay
        self._max_waiting = max_waiting
        self._key = secrets.token_bytes(32)
        self._known: bytes | None = None
        self._failures = 0
        self._waiting = 0
        self._turn = asyncio.Lock()

    async def accepts(self, hashed: str, password: str) -> bool:
        """Tell whether ``password`` fits ``hashed``; raise `TooManyGuesses` when too many wait."""
        digest = self._digest(hashed, password)
        if self._remembers(digest):
            return True
        if self._waiting >= self._max_waiting:
            raise TooManyGuesses(self._delay())
        self._waiting += 1
        try:
            async with self._turn:
                # Remembered while this one waited: several requests of one client begin at once.
                return self._remembers(digest) or await self._look(hashed, password, digest)
        finally:
            self._waiting -= 1

    async def _look(self, hashed: str, password: str, digest: bytes) -> bool:
        await asyncio.sleep(self._delay())
        if not await asyncio.to_thread(self._verify, hashed, password):
            self._failures += 1
            return False
        self._failures = 0
        self._known = digest
        return True

    def _remembers(self, digest: bytes) -> bool:
        return self._known is not None and hmac.compare_digest(self._known, digest)

    def _digest(self, hashed: str, password: str) -> bytes:
        # The hash is part of it: when the password is changed, the old digest fits no longer.
        # Its length keeps the two parts from running into each other.
        text = f"{len(hashed)}:{hashed}{password}".encode()
        return hmac.digest(self._key, text, "sha256")

    def _delay(self) -> float:
        if not self._failures:
            return 0.0
        return min(self._max_delay, self._first_delay * 2.0 ** min(self._failures - 1, 16))
