"""Describes what came back into a session's new kernel and what did not."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.outputs.text import strip
from jupyter_mcp_ext.sessions.saving.snapshot import Failed, Restored, Snapshot
from jupyter_mcp_ext.wording import ago, counted

NAMED = 5
"""Names that a notice lists of each kind."""

MAX_LINE = 400

USUAL = {"submodules", "results and code", "random state", "random state of numpy"}
"""Parts of a process that come back with nearly every session and are not mentioned."""


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """The result of bringing a session back."""

    words: str = ""
    """For a notice, in a line; empty when nothing came back."""
    lost: tuple[str, ...] = ()
    """Everything that is missing or changed, with reasons, one line each."""
    not_loaded: frozenset[str] = frozenset()
    """Saved variables that could not be loaded."""
    refused: str = ""
    """Why saved variables were not loaded, in words of this server alone; empty if they were."""


@dataclass(frozen=True, kw_only=True)
class Older:
    """Variables that were loaded from an older save than the session's."""

    names: tuple[str, ...]
    created: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was tried, in the order in which it is described."""

    restored: Restored | None = None
    """The session's snapshot; None when there is none or it was not loaded."""
    older: tuple[Older, ...] = ()
    failed: tuple[Failed, ...] = ()
    """Variables of older snapshots, or of one that was not loaded."""
    again: Restored | None = None
    """Definitions of executions that came after the snapshot."""
    unsaved: Sequence[str] = ()
    """Ids of the executions that came after it."""
    changed: Collection[str] = ()
    """Names that these have set or deleted and that no definition brings back."""
    why: str = ""
    """Why the snapshot was not loaded."""
    refused: str = ""
    """The same in words of this server alone."""
    remarks: Sequence[str] = ()


def restoration(found: Found, *, session_id: str) -> Restoration:
    """The description of the result."""
    lost = tuple(" ".join(strip(line[:MAX_LINE]).split()) for line in _lost(found))
    words = [*_loaded(found), *_again(found), *_missing(found)]
    if found.why:
        words.append(found.why)
    words += found.remarks
    not_loaded = frozenset(one.name for one in _failed(found))
    if not words:  # the loss of its variables is reported anyway
        return Restoration(lost=lost, not_loaded=not_loaded, refused=found.refused)
    if found.restored is None and not found.older:
        words.append("its other variables are lost")
    if lost:
        words.append(f'get_output("{session_id}/lost") lists {_all_of(len(lost))}')
    return Restoration(
        words="; ".join(words), lost=lost, not_loaded=not_loaded, refused=found.refused
    )


def some(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    more = len(names) - NAMED
    words = ", ".join(name[:80] for name in names[:NAMED])
    return f"{words} and {more} more" if more > 0 else words


def _all_of(number: int) -> str:
    return (
        "what is missing or changed" if number == 1 else f"all {number} that are missing or changed"
    )


def _loaded(found: Found) -> list[str]:
    words = []
    now = time.time()
    if found.restored is not None and found.restored.snapshot is not None:
        saved = ago(now - found.restored.snapshot.created)
        loaded = counted(len(found.restored.loaded), "variable")
        words.append(f"{loaded} came back as saved {saved}")
        changed = [name for name in found.restored.state if name not in USUAL]
        if changed:
            words.append(f"also restored: {some(changed)}")
    words += [
        f"{some(older.names)} came back from an older save, {ago(now - older.created)}"
        for older in found.older
    ]
    if found.restored is not None and found.unsaved:
        many = len(found.unsaved) > 1
        last, they = (
            (f"last {len(found.unsaved)} executions", "they") if many else ("last execution", "it")
        )
        words.append(f"what the {last} changed is lost, since {they} came after that save")
    return words


def _again(found: Found) -> list[str]:
    """A description of the definitions that were run again."""
    tried = [each for each in (found.restored, found.again) if each is not None]
    names = sorted({name for each in tried for name in each.definitions})
    words = [f"definitions run again: {some(names)}"] if names else []
    bad = [f"{item.name} ({item.why})" for each in tried for item in each.definitions_failed]
    return [*words, f"these failed: {some(bad)}"] if bad else words


def _missing(found: Found) -> list[str]:
    words = []
    snapshot = found.restored.snapshot if found.restored is not None else None
    if snapshot is not None and snapshot.skipped:
        left = [f"{item.name} ({item.why})" for item in snapshot.skipped]
        words.append(f"could not be saved: {some(left)}")
    if snapshot is not None and snapshot.holes:
        left = [f"{item.name}{item.where} ({item.why})" for item in snapshot.holes]
        words.append(f"parts that are missing: {some(left)}")
    failed = _failed(found)
    if failed:
        left = [f"{item.name} ({item.why})" for item in failed]
        words.append(f"could not be loaded and will be tried again: {some(left)}")
    process = [*_state(found.restored, snapshot)]
    if process:
        words.append(f"not restored of its process: {some([item.name for item in process])}")
    return words


def _failed(found: Found) -> tuple[Failed, ...]:
    return (*(found.restored.failed if found.restored is not None else ()), *found.failed)


def _state(restored: Restored | None, snapshot: Snapshot | None) -> list[Failed]:
    unsaved = snapshot.unrestored if snapshot is not None else ()
    failed = restored.state_failed if restored is not None else ()
    return [*(Failed(name=one.name, why=one.why) for one in unsaved), *failed]


def _lost(found: Found) -> list[str]:
    """A line for each thing that is missing or changed."""
    restored = found.restored
    snapshot = restored.snapshot if restored is not None else None
    lines = [f"{one.name}: could not be loaded, {one.why}" for one in _failed(found)]
    if snapshot is not None:
        lines += [
            f"{one.name} ({one.type}): could not be saved, {one.why}" for one in snapshot.skipped
        ]
        lines += [
            f"{one.name}{one.where}: this part is missing, {one.why}" for one in snapshot.holes
        ]
    lines += [f"{one.name}: not restored, {one.why}" for one in _state(restored, snapshot)]
    for each in (restored, found.again):
        if each is not None:
            lines += [
                f"{one.name}: failed when it was run again, {one.why}"
                for one in each.definitions_failed
            ]
    for older in found.older:
        saved = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(older.created))
        lines += [f"{name}: as it was saved at {saved}, not later" for name in older.names]
    when = "was set or deleted after the last save" if snapshot is not None else "was not saved"
    lines += [f"{name}: {when}" for name in sorted(found.changed)]
    lines += [f"{one}: ran after the last save" for one in found.unsaved]
    return lines
