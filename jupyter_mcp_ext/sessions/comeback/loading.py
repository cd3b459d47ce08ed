"""Loads a session's saved variables into a kernel, and runs definitions that came later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.in_kernel import texts
from jupyter_mcp_ext.kernels.evaluation import (
    EvaluationError,
    FunctionRaised,
    NotEvaluated,
    evaluate,
)
from jupyter_mcp_ext.sessions.saving import aside, snapshots
from jupyter_mcp_ext.sessions.saving.snapshot import (
    Failed,
    NoSnapshot,
    Restored,
    Snapshot,
    UnusableSnapshot,
)
from jupyter_mcp_ext.sessions.story.journal import Entry

from .restoration import Found, Older
from .runs import bound_after, read_definitions

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.links.link import KernelLink
    from jupyter_mcp_ext.sessions.session import Session
    from jupyter_mcp_ext.sessions.story.story import Story

PATIENCE = 10.0
"""Seconds in which a kernel deletes names."""

FAILURES = (UnusableSnapshot, EvaluationError, asyncio.TimeoutError, OSError)
"""Why a snapshot may not be loaded."""


class CutShort(Exception):
    """An interrupt came while variables were loaded, or loading did not even begin."""


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Loads the saved variables of the session ``source``, which has this story, into a kernel."""

    link: KernelLink
    source: Session
    story: Story
    key: bytes
    seconds: float
    is_confined: bool = False
    """Whether the kernel runs in a sandbox."""
    target: snapshots.SnapshotFolder | None = None
    """The folder of the session whose kernel it is, if that is another one."""

    async def load(self) -> Found:
        """Load the older snapshots that are kept, then the session's own on top."""
        current: Snapshot | None = None
        why = refused = ""
        try:
            current = await self._current()
            if current.after <= self.story.gone_until:
                current = None
        except NoSnapshot:
            pass
        except FAILURES as err:
            why, refused = _why(err), _refused(err)
        older, failed = await self._older(current)
        restored: Restored | None = None
        if current is not None:
            try:
                restored = await self._restore(self.story.folder)
            except FAILURES as err:
                why, refused = _why(err), _refused(err)
                failed += [Failed(name=one, why=why) for one in sorted(aside.variables(current))]
        why = f"the saved variables were not loaded: {why}" if why else ""
        return Found(
            restored=restored, older=tuple(older), failed=tuple(failed), why=why, refused=refused
        )

    async def _older(self, current: Snapshot | None) -> tuple[list[Older], list[Failed]]:
        """Load the variables that are kept of older snapshots."""
        folder, story = self.story.folder, self.story
        kept = await asyncio.to_thread(aside.read, folder)
        index = await asyncio.to_thread(folder.read, snapshots.INDEX, snapshots.MAX_INDEX) or b""
        kept = await asyncio.to_thread(
            aside.settled,
            kept,
            index.decode(errors="replace"),
            self.key,
            partial(bound_after, story.alive),
            story.gone_until,
        )
        older: list[Older] = []
        failed: list[Failed] = []
        for item in kept.items:
            one, lacking = await self._one_older(item, current)
            older += [one] if one is not None and one.names else []
            failed += lacking
        return older, failed

    async def _one_older(
        self, item: aside.Item, current: Snapshot | None
    ) -> tuple[Older | None, list[Failed]]:
        try:
            snapshot = Snapshot.from_bytes(item.index.encode(), self.key)
            wanted = aside.wanted(item, snapshot, current)
        except UnusableSnapshot as err:
            names = sorted(item.names) or ["the variables of an older save"]
            return None, [Failed(name=name, why=err.why) for name in names]
        try:
            restored = await self._restore(aside.Older(self.story.folder, item.index))
        except FAILURES as err:
            return None, [Failed(name=name, why=_why(err)) for name in sorted(wanted)]
        got = {*restored.loaded, *restored.definitions}
        unwanted = {"names": sorted(got - wanted)}
        source = await asyncio.to_thread(texts.forgetting)
        await evaluate(self.link, source, "forget", unwanted, timeout=PATIENCE)
        whys = {one.name: one.why for one in restored.failed}
        return Older(names=tuple(sorted(got & wanted)), created=snapshot.created), [
            Failed(name=name, why=whys.get(name, "it was not loaded"))
            for name in sorted(wanted - got)
        ]

    async def define(self, ran: Sequence[Entry], restored: Restored | None) -> Restored | None:
        """Run the definitions of executions after the snapshot again."""
        given: tuple[str, ...] = ()
        if restored is not None and restored.snapshot is not None:
            ran = [entry for entry in ran if entry.number > restored.snapshot.after]
            given = (*restored.loaded, *restored.definitions)
        later = await read_definitions(ran, given)
        if not later.sources:
            return None
        return await snapshots.define(self.link, later, seconds=self.seconds)

    async def nothing(self, why: str) -> Found:
        """The result if nothing is loaded; ``why`` is the reason."""
        failed: list[Failed] = []
        try:
            names = aside.variables(await self._current())
            failed += [Failed(name=name, why=why) for name in sorted(names)]
        except (UnusableSnapshot, OSError):
            pass
        kept = await asyncio.to_thread(aside.read, self.story.folder)
        failed += [Failed(name=n, why=why) for item in kept.items for n in sorted(item.names)]
        return Found(failed=tuple(failed), why=f"the saved variables were not loaded: {why}")

    async def _current(self) -> Snapshot:
        return await snapshots.read(
            self.story.folder,
            key=self.key,
            session_id=self.source.id,
            owner=self.source.owner,
        )

    async def _restore(self, folder: snapshots.SnapshotFolder) -> Restored:
        """Load a snapshot. Raises CutShort beside the `FAILURES`."""
        try:
            return await snapshots.restore(
                self.link,
                folder,
                key=self.key,
                session_id=self.source.id,
                owner=self.source.owner,
                seconds=self.seconds,
                is_confined=self.is_confined,
                target=self.target,
            )
        except FunctionRaised as err:
            if err.ename != "KeyboardInterrupt":
                raise
            raise CutShort from err
        except NotEvaluated as err:  # aborted after a person's failing cell, for example
            raise CutShort from err


def _refused(err: Exception) -> str:
    """Like `_why`, without what the kernel has said."""
    words = "the kernel did not load them" if isinstance(err, EvaluationError) else _why(err)
    return f"the saved variables were not loaded: {words}"


def _why(err: Exception) -> str:
    if isinstance(err, asyncio.TimeoutError):
        return "it took too long"
    return "the file cannot be read" if isinstance(err, OSError) else str(err)[:200]
