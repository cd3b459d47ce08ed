"""Brings the variables of sessions back into new kernels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.kernels.links.requests import run
from jupyter_mcp_ext.sessions.saving import snapshots
from jupyter_mcp_ext.sessions.saving.saves import WHY, Saves
from jupyter_mcp_ext.sessions.session import event_of
from jupyter_mcp_ext.sessions.story.journal import Entry
from jupyter_mcp_ext.wording import counted

from .loading import CutShort, Loading
from .restoration import Found, Restoration, restoration, some
from .runs import bound_after, read_definitions

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.kernels.links.link import KernelLink
    from jupyter_mcp_ext.sessions.session import Session
    from jupyter_mcp_ext.sessions.story.story import Story

REPLAY = 3_600.0
"""Seconds that one execution may take when it is run again."""


class Comeback:
    """Brings back what `Saves` has saved of sessions."""

    def __init__(
        self,
        kernels: Kernels,
        saves: Saves,
        *,
        key: Callable[[Session], bytes],
        max_seconds: float,
    ) -> None:
        """``key`` signs the snapshots of a session."""
        self._kernels = kernels
        self._saves = saves
        self._key = key
        self._max_seconds = max_seconds

    async def bring_back(self, session: Session, source: Session) -> None:
        """Bring the variables of ``source`` into a session's new kernel.

        Usually both are the same session. Its continuity has the words for what came back. Raises
        KernelLost when the kernel ends, and KernelUnavailable when it is interrupted: then it has
        to be called again.
        """
        async with session.kernel.linked() as link:
            found = await self._bring_back(link, session, source)
        session.continuity.brought_back(found.words, found.lost, found.not_loaded)
        if found.refused:
            self._kernels.life.tell(event_of("snapshot_refused", session, found.refused))
        if found.words:
            self._kernels.life.tell(event_of("session_restored", session, session.record.restore))

    async def _bring_back(self, link: KernelLink, session: Session, source: Session) -> Restoration:
        story = source.story
        if story is None:
            return Restoration()
        ran = [entry for entry in story.alive if entry.is_shown]
        try:
            if source is session and session.record.restore == "replay":
                words = await self._replay(link, [entry for entry in ran if entry.status == "ok"])
                return Restoration(words="; ".join([words, *_unsigned(story)]))
            if session.record.restore == "fresh":
                self._saves.forget(session)
                return Restoration()
            why = await self._why_not(link, session, source)
            if why:
                return await self._go_without(session, source, why)
            found = await self._load(link, session, source, ran)
        except asyncio.CancelledError:
            if session.kernel.foreign_since is None:
                await session.kernel.interrupt()  # it only runs our load
            raise
        if source is not session:
            await _tell_copy(session, source, ran)
            self._saves.note(session)
            return replace(found, not_loaded=frozenset())
        return found

    async def _why_not(self, link: KernelLink, session: Session, source: Session) -> str:
        """Why the variables of ``source`` cannot be brought back here; empty if they can."""
        specs = await self._kernels.specs()
        known = [specs.get(one.kernel_name, {}).get("language") for one in (source, session)]
        if known[0] != known[1]:
            return f"{source.kernel_name} is another language than {session.kernel_name}"
        if not link.info.kind.saves_variables:
            return (
                "only variables of ipykernel are saved, and this kernel is "
                f"{link.info.implementation}; "
                'create_session(restore="replay") has code run again instead'
            )
        return ""

    async def _go_without(self, session: Session, source: Session, why: str) -> Restoration:
        if source is not session:
            return Restoration(words=f"nothing was copied; {why}")
        folder = session.story.folder if session.story is not None else None
        # What another kind of kernel has saved stays for that kind.
        if folder is not None:
            index = await asyncio.to_thread(folder.status, snapshots.INDEX)
            if index is None or index.st_size == 0:
                self._saves.forget(session)
        return Restoration(words=f"its variables are lost; {why}")

    async def _load(
        self, link: KernelLink, session: Session, source: Session, ran: Sequence[Entry]
    ) -> Restoration:
        """Load the saved variables, and run the definitions that came later."""
        story = source.story
        if story is None:
            return Restoration()
        own = session.story if source is not session else None
        loading = Loading(
            link=link,
            source=source,
            story=story,
            key=self._key(source),
            seconds=self._max_seconds,
            is_confined=session.kernel.is_confined,
            target=None if own is None else own.folder,
        )
        try:
            found = await loading.load()
            again = await loading.define(ran, found.restored)
        except CutShort as err:
            if session.continuity.cut_short():
                msg = (
                    f"The variables of session {session.id} were being brought back when its "
                    "kernel was interrupted, and the code was not run. Call again to bring them "
                    "back; restart_kernel goes on without them."
                )
                raise KernelUnavailable(msg) from err
            found, again = await loading.nothing("its kernel was interrupted each time"), None
        if again is not None:
            left = [one for one in found.failed if one.name not in again.definitions]
            found = replace(found, failed=tuple(left))
        told = await _told(session, source, story, ran, replace(found, again=again))
        if source is session:
            session.saved()
        return told

    async def _replay(self, link: KernelLink, ran: Sequence[Entry]) -> str:
        """Run the code again, cell by cell."""
        failed: list[str] = []
        for entry in ran:
            reply = await run(link, entry.code, timeout=REPLAY, is_silent=False)
            if reply.get("status") != "ok":
                failed.append(f"{entry.execution_id} ({reply.get('ename') or 'aborted'})")
        words = f"the code of {len(ran)} successful executions was run again"
        return f"{words}; of these failed: {some(failed)}" if failed else words


async def _told(
    session: Session, source: Session, story: Story, ran: Sequence[Entry], found: Found
) -> Restoration:
    """The description of the result."""
    snapshot = found.restored.snapshot if found.restored is not None else None
    after = snapshot.after if snapshot is not None else 0
    changed = await asyncio.to_thread(bound_after, ran, after)
    back = {
        name
        for each in (found.restored, found.again)
        if each is not None
        for name in each.definitions
    }
    back.update(name for older in found.older for name in older.names)
    found = replace(
        found,
        unsaved=list(dict.fromkeys(entry.execution_id for entry in ran if entry.number > after)),
        changed=changed - back,
        remarks=[*_stopped(source), *_unsigned(story)],
    )
    return restoration(found, session_id=session.id)


async def _tell_copy(session: Session, source: Session, ran: Sequence[Entry]) -> None:
    """Begin a copy's story with the definitions that it has from its source."""
    known = await read_definitions(ran)
    if session.story is None or not known.sources:
        return
    now = time.time()
    entry = Entry(
        number=0,
        execution_id=f"{session.id}-0",
        code="\n\n".join((f"# from session {source.id} ({source.name})", *known.sources)),
        client=session.client,
        created=now,
        status="ok",
        ended=now,
    )
    session.story.begin(entry)
    session.story.end(entry, ())


def _unsigned(story: Story) -> list[str]:
    """The remark on code that is not run again, since another program may have written it."""
    if not story.unsigned:
        return []
    these = counted(story.unsigned, "execution")
    return [f"{these} in its journal, not signed by this server's key, were not run again"]


def _stopped(session: Session) -> list[str]:
    """The remark on variables that were not saved when their kernel was ended."""
    if not session.record.not_saved:
        return []
    return [f"its latest variables are not saved, {WHY[session.record.not_saved]}"]
