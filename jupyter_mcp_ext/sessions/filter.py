"""Whether a session matches a filter; pure."""

from __future__ import annotations

from fnmatch import fnmatchcase

from .session import Session


def fits(session: Session, state: str, wanted: str) -> bool:
    """Whether a word about a session has the wanted part, or fits it as a glob.

    The words are its id, name, paths, kernel, clients and state; case does not count.
    """
    pattern = wanted.strip().casefold()
    words = (
        *(session.id, session.name, session.path, session.notebook, session.cwd),
        *(session.kernel_name, session.client, session.record.last_client, state),
    )
    plain = [word.casefold() for word in words]
    if any(sign in pattern for sign in "*?["):
        return any(fnmatchcase(word, pattern) for word in plain)
    return any(pattern in word for word in plain)
