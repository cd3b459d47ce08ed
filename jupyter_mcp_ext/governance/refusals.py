"""Requests that were refused before anything was done, told of in sums.

Anyone who reaches the port can make as many as they like, so their records are bounded: each tells
of a minute, and there are few for each minute.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from jupyter_mcp_ext.concurrency import Listeners, Timer

from .addresses import network

Cause = Literal[
    "login",
    "guesses",
    "host",
    "origin",
    "token in the URL",
    "forgery",
    "rate",
    "rights",
    "owner",
]
"""Why a request was refused, the first five without a login.

``guesses``: too many wrong passwords. ``forgery``: a cookie came without the secret of the server's
own pages. ``rate``: too many calls. ``rights``: by Jupyter's authorizer or the policy. ``owner``:
what belongs to another user, or to none, over Jupyter's REST API.
"""

PERIOD = 60.0
"""Seconds of which one record tells."""

MAX_KEPT = 100
"""Records of one period about users, and as many about requests without a login; the rest is told
in one record for each cause."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What was refused in a period, with one cause and to one user or network."""

    cause: Cause
    user: str | None
    """The subject to which it was refused; None without a login."""
    address: str | None
    """Where the requests came from; None for all users and networks that are not kept."""
    count: int


@dataclass(frozen=True)
class _Whom:
    """What is counted together."""

    cause: Cause
    user: str | None
    address: str | None


class Refusals(Listeners[Refused]):
    """Counts what is refused, and tells its listeners of it once in a period."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[_Whom] = Counter()
        self._kept = {True: 0, False: 0}
        """How many have an address, of those with a user and of those without."""
        self._timer = Timer()

    def count(self, cause: Cause, address: str | None, user: str | None = None) -> None:
        """Count a request that was refused."""
        whom = _Whom(cause, user, network(address or ""))
        if whom not in self._counts:
            has_user = user is not None
            if self._kept[has_user] < MAX_KEPT:
                self._kept[has_user] += 1
            else:
                whom = _Whom(cause, None, None)
        self._counts[whom] += 1
        if not self._timer.is_set:
            self._timer.set(PERIOD, self.close)

    def close(self) -> None:
        """Tell of all that was counted."""
        self._timer.stop()
        counts, self._counts = self._counts, Counter()
        self._kept = {True: 0, False: 0}
        for whom, count in counts.items():
            self.tell(Refused(cause=whom.cause, user=whom.user, address=whom.address, count=count))
