"""The server's password as HTTP Basic, without hashing it for every request.

Jupyter's password hash is slow on purpose. It is computed in a thread, its last success is
remembered as a keyed digest, and the addresses that failures come from are slowed down.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from jupyter_server.auth.security import passwd_check

from jupyter_mcp_ext.governance.addresses import network

MAX_PASSWORD_BYTES = 1024


class TooManyGuesses(Exception):
    """Too many passwords from one address wait; in ``retry_after`` seconds another is looked at."""

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


class _Guesser:
    """An address from which unknown passwords come."""

    def __init__(self) -> None:
        self.failures = 0
        self.waiting = 0
        """Passwords from there that wait, or are being compared."""
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the earlier passwords from there."""
        self.waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self.waiting -= 1

    def guessed(self, *, right: bool) -> None:
        """Note whether a password from there was right."""
        self.failures = 0 if right else self.failures + 1


class PasswordCheck:
    """Compares passwords with Jupyter's hash: quickly when right, slowly when wrong.

    After a wrong password the next unknown one from the same address waits, twice as long each
    time up to ``max_delay`` seconds; of those that wait, ``max_waiting`` at most. Other addresses
    are not slowed down, and a password that was right before is answered at once from everywhere.
    One hash is computed at a time. ``max_addresses`` are remembered, the latest.
    """

    def __init__(
        self,
        *,
        verify: Callable[[str, str], bool] = passwd_check,
        first_delay: float = 0.25,
        max_delay: float = 8.0,
        max_waiting: int = 8,
        max_addresses: int = 4_096,
    ) -> None:
        self._verify = verify
        self._first_delay = first_delay
        self._max_delay = max_delay
        self._max_waiting = max_waiting
        self._max_addresses = max_addresses
        self._key = secrets.token_bytes(32)
        self._known: bytes | None = None
        self._guessers: dict[str, _Guesser] = {}
        """The one that came last is last."""
        self._hashing = asyncio.Lock()

    async def accepts(self, hashed: str, password: str, address: str) -> bool:
        """Tell whether ``password`` fits ``hashed``.

        Raises `TooManyGuesses` when too many passwords from the address wait.
        """
        digest = self._digest(hashed, password)
        if self._remembers(digest):
            return True
        guesser = self._guesser(network(address))
        if guesser.waiting >= self._max_waiting:
            raise TooManyGuesses(self._delay(guesser))
        async with guesser.turn():
            await asyncio.sleep(self._delay(guesser))
            # Remembered while this one waited: several requests of one client begin at once.
            accepted = self._remembers(digest) or await self._look(hashed, password, digest)
            guesser.guessed(right=accepted)
            return accepted

    async def _look(self, hashed: str, password: str, digest: bytes) -> bool:
        async with self._hashing:
            if self._remembers(digest):
                return True
            if not await asyncio.to_thread(self._verify, hashed, password):
                return False
            self._known = digest
            return True

    def _guesser(self, network: str) -> _Guesser:
        guesser = self._guessers.pop(network, None) or _Guesser()
        self._guessers[network] = guesser
        if len(self._guessers) > self._max_addresses:
            idle = (name for name, other in self._guessers.items() if not other.waiting)
            self._guessers.pop(next(idle), None)
        return guesser

    def _remembers(self, digest: bytes) -> bool:
        return self._known is not None and hmac.compare_digest(self._known, digest)

    def _digest(self, hashed: str, password: str) -> bytes:
        # The hash is part of it: when the password is changed, the old digest fits no longer.
        # Its length keeps the two parts from running into each other.
        text = f"{len(hashed)}:{hashed}{password}".encode()
        return hmac.digest(self._key, text, "sha256")

    def _delay(self, guesser: _Guesser) -> float:
        if not guesser.failures:
            return 0.0
        return min(self._max_delay, self._first_delay * 2.0 ** min(guesser.failures - 1, 16))
