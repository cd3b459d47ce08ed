"""What an agent works in: a Jupyter session with an id, an owner and a kernel."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
"""Base32 in lower case (RFC 4648)."""


def new_session_id() -> str:
    """Eight random base32 characters: 40 bits, so that nobody guesses another's."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def new_jupyter_id(session_id: str) -> str:
    """The id under which Jupyter lists a session of ours: it begins with our own.

    Jupyter's API finds only ids of five words, as a UUID has: a person could not shut down
    a session with another kind of id.
    """
    return f"{session_id}-{str(uuid.uuid4()).partition('-')[2]}"


@dataclass(kw_only=True, eq=False)
class Session:
    """A session of ours, or a person's that somebody used through us.

    ``path`` is the API path under which Jupyter lists it, ``cwd`` that of its kernel's folder.
    Times are seconds since the epoch.
    """

    id: str
    jupyter_id: str
    name: str
    path: str
    cwd: str
    kernel_id: str
    kernel_name: str
    owner: str
    """The subject it belongs to; empty for a person's session."""
    client: str = ""
    is_default: bool = False
    created: float = field(default_factory=time.time)
    last_used: float = field(default_factory=time.time)
    losses_told: int = 0
    """How many losses of its kernel's variables it has been told of."""
    introduced: bool = False
    """Whether its first result has named its folder."""

    @property
    def is_agents(self) -> bool:
        """Whether an agent made it (and so may restart its kernel unasked)."""
        return bool(self.owner)
