"""What an installation has changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .plan import is_newer


@dataclass(frozen=True, kw_only=True)
class VersionChange:
    """A package before and after; an empty version means that it is not installed."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of an installation."""

    changes: tuple[VersionChange, ...]
    there: tuple[VersionChange, ...] = ()
    """Requested packages that were installed already."""
    skipped: tuple[str, ...] = ()
    """Requirements whose marker does not fit the environment."""
    loaded: tuple[str, ...] = ()
    """Changed packages whose old version the kernel has loaded."""
    may_be_loaded: tuple[str, ...] = ()
    """Changed packages for which the kernel could not be asked."""
    in_server: tuple[str, ...] = ()
    """Changed packages that the Jupyter server itself has loaded."""
    is_for_session: bool = False
    """Whether they are for one session alone."""
    kept: frozenset[str] = frozenset()
    """Packages that were to be upgraded, and cannot be for one session alone."""

    @property
    def changed(self) -> tuple[VersionChange, ...]:
        """Packages that had another version."""
        return tuple(each for each in self.changes if each.old)

    def lines(self) -> list[str]:
        """What was done, in words."""
        added = [f"{each.name} {each.new}" for each in self.changes if not each.old]
        up = [each for each in self.changed if is_newer(each.new, each.old)]
        down = [each for each in self.changed if each not in up]
        alone = " for this session alone" if self.is_for_session else ""
        kinds = (
            (f"installed{alone}", added),
            (f"upgraded{alone}", _moves(up)),
            (f"downgraded{alone}", _moves(down)),
            ("already there", [f"{e.name} {e.new}" for e in self.there if e.name not in self.kept]),
            (
                "not upgraded, since the environment has it and not the session",
                [f"{e.name} {e.new}" for e in self.there if e.name in self.kept],
            ),
            ("not for this Python", list(self.skipped)),
        )
        return [f"{kind}: {', '.join(words)}" for kind, words in kinds if words]

    def notices(self, session_id: str) -> list[str]:
        """What to do now, in words."""
        restart = f'restart_kernel(session_id="{session_id}")'
        said = []
        if self.loaded:
            said.append(
                f"the kernel has loaded the old {', '.join(self.loaded)}: {restart} is needed to "
                "use what was installed"
            )
        if self.may_be_loaded:
            said.append(
                f"the kernel is busy and could not be asked what it has loaded: if it has used "
                f"{', '.join(self.may_be_loaded)}, {restart} is needed"
            )
        if self.in_server:
            said.append(
                f"the Jupyter server itself has loaded the old {', '.join(self.in_server)}: a "
                "person has to restart it"
            )
        return said


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[VersionChange, ...]:
    """The packages whose versions differ, by name."""
    names = sorted({*before, *after})
    return tuple(
        VersionChange(name=name, old=before.get(name, ""), new=after.get(name, ""))
        for name in names
        if before.get(name) != after.get(name)
    )


def _moves(changed: Sequence[VersionChange]) -> list[str]:
    return [f"{each.name} {each.old} -> {each.new}" for each in changed]
