"""Saves what sessions have in their kernels, and brings it back into new ones.

A session is saved once after each execution, when it has not been used for a while: in its kernel,
since only that can, and out of the way of its code, which interrupts it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from logging import Logger
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.kernels.evaluation import EvaluationError, FunctionRaised
from jupyter_mcp_ext.kernels.link import KernelLost

from . import snapshots
from .definitions import Definitions, definitions
from .journal import Entry
from .notices import ago
from .snapshot import NoSnapshot, Restored, UnusableSnapshot
from .snapshots import UnsupportedKernel

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.service import Kernels
    from jupyter_mcp_ext.kernels.zmq import ZmqLink

    from .session import Session
    from .story import Story

PAUSE = 5.0
"""Seconds that a save gets to heed its interrupt."""

LAST = 4.0
"""Seconds for the saves at the end of the server."""

NAMED = 5
"""Names that a notice lists of each kind."""

GONE = "variables of before are gone"

LOST = (
    EvaluationError,
    KernelLost,
    KernelUnavailable,
    UnsupportedKernel,
    OSError,
)
"""Why a save may fail without a fault of ours."""


class Comeback:
    """The saved states of sessions."""

    def __init__(
        self,
        kernels: Kernels,
        *,
        key: Callable[[Session], bytes],
        delay: float,
        max_bytes: int,
        max_seconds: float,
        log: Logger,
    ) -> None:
        """``key`` signs the snapshots of a session; ``delay`` is the time without use."""
        self._kernels = kernels
        self._key = key
        self._delay = delay
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._log = log
        self._unsaved: set[Session] = set()
        self._timers: dict[Session, asyncio.TimerHandle] = {}
        self._saves: dict[Session, asyncio.Task[None]] = {}

    def note(self, session: Session) -> None:
        """An execution has ended in a session."""
        if session.story is None or session.restore != "snapshot" or not self._max_bytes:
            return
        self._unsaved.add(session)
        self._stop_timer(session)
        loop = asyncio.get_running_loop()
        self._timers[session] = loop.call_later(self._delay, self._begin, session)

    async def pause(self, session: Session) -> None:
        """Let the session's kernel do something else: what is being saved is given up."""
        self._stop_timer(session)
        saving = self._saves.get(session)
        if saving is None:
            return
        try:
            await self._kernels.interrupt(session.kernel_id)
        except KernelUnavailable:
            saving.cancel()
        await asyncio.wait({saving}, timeout=PAUSE)

    async def save(self, session: Session) -> None:
        """Save a session now, if there is anything new and its kernel does nothing else."""
        self._stop_timer(session)
        if session in self._unsaved and session not in self._saves:
            self._begin(session)
        saving = self._saves.get(session)
        if saving is not None:
            await asyncio.wait({saving})

    def begin_anew(self, session: Session) -> None:
        """What the session had is gone for good: somebody wanted it so."""
        self._stop_timer(session)
        self._unsaved.discard(session)
        if session.story is not None:
            session.story.begin_anew()

    async def bring_back(self, session: Session, source: Session) -> str:
        """Bring what ``source`` had into a session's new kernel; words for what came back.

        Mostly both are one. Raises KernelLost when the kernel ends meanwhile.
        """
        async with self._kernels.linked(session.kernel_id) as link:
            return await self._bring_back(link, session, source)

    async def _bring_back(self, link: ZmqLink, session: Session, source: Session) -> str:
        story = source.story
        if story is None:
            return ""
        session.why_empty = ""
        ran = [entry for entry in story.alive if entry.is_shown]
        try:
            if source is session and session.restore == "replay":
                words = await self._replay(link, [entry for entry in ran if entry.status == "ok"])
                return "; ".join([words, *_unsigned(story)])
            if session.restore == "fresh":
                self.begin_anew(session)
                return ""
            why = await self._why_not(link, session, source)
            if why:
                what = "nothing was copied" if source is not session else GONE
                session.why_empty = f"{what}; {why}"
                self.begin_anew(session)
                return ""
            words = await self._load(link, source, ran)
        except asyncio.CancelledError:
            await self._kernels.interrupt(session.kernel_id)
            raise
        if source is not session:
            await _tell_copy(session, source, ran)
            self.note(session)
        return words

    async def _why_not(self, link: ZmqLink, session: Session, source: Session) -> str:
        """Words for why what ``source`` had cannot be brought back here; empty when it can."""
        specs = await self._kernels.specs()
        known = [specs.get(one.kernel_name, {}).get("language") for one in (source, session)]
        if known[0] != known[1]:
            return f"{source.kernel_name} is another language than {session.kernel_name}"
        implementation = link.info.implementation if link.info is not None else ""
        if implementation != "ipython":
            return (
                f"only variables of ipykernel are saved, and this kernel is {implementation}; "
                'create_session(restore="replay") has code run again instead'
            )
        return ""

    async def close(self, sessions: Sequence[Session]) -> None:
        """Save what is not saved, as far as time allows."""
        saves = [asyncio.create_task(self.save(session)) for session in sessions]
        if saves:
            await asyncio.wait(saves, timeout=LAST)
        for timer in self._timers.values():
            timer.cancel()
        for task in (*saves, *self._saves.values()):
            task.cancel()

    def _stop_timer(self, session: Session) -> None:
        timer = self._timers.pop(session, None)
        if timer is not None:
            timer.cancel()

    def _begin(self, session: Session) -> None:
        self._timers.pop(session, None)
        lost = len(self._kernels.losses(session.kernel_id)) > session.losses_met
        if session.kernel_id not in self._kernels or lost or session in self._saves:
            return
        if not self._kernels.is_idle(session.kernel_id):
            return  # somebody else's code: the next execution of ours saves
        task = asyncio.create_task(self._save(session), name=f"mcp-snapshot-{session.id}")
        self._saves[session] = task
        task.add_done_callback(lambda _: self._saves.pop(session, None))

    async def _save(self, session: Session) -> None:
        story = session.story
        if story is None:
            return
        try:
            async with self._kernels.linked(session.kernel_id) as link:
                await self._save_over(link, session, story)
            self._unsaved.discard(session)
        except asyncio.TimeoutError:  # a variable's own code holds the kernel
            self._unsaved.discard(session)
            await self._kernels.interrupt(session.kernel_id)
        except LOST as err:
            # Mostly an interrupt by the next execution, after which it is tried again.
            is_interrupt = isinstance(err, FunctionRaised) and err.ename == "KeyboardInterrupt"
            tell = self._log.debug if is_interrupt else self._log.warning
            tell("The variables of %s were not saved: %s", session.id, err)

    async def _save_over(self, link: ZmqLink, session: Session, story: Story) -> None:
        if link.info is None or link.info.implementation != "ipython":
            return
        await snapshots.save(
            link,
            story.folder,
            key=self._key(session),
            session_id=session.id,
            owner=session.owner,
            after=story.last_number,
            definitions=await _definitions(story.alive),
            max_bytes=self._max_bytes,
            seconds=self._max_seconds,
        )

    async def _load(self, link: ZmqLink, source: Session, ran: Sequence[Entry]) -> str:
        """Load what was saved, and run the definitions that came later."""
        story = source.story
        if story is None:
            return ""
        known = await _definitions(ran)
        why = ""
        restored: Restored | None = None
        try:
            restored = await self._restored(link, story, source)
        except NoSnapshot:
            pass
        except (UnusableSnapshot, EvaluationError, asyncio.TimeoutError, OSError) as err:
            why = f"the saved variables were not loaded: {_why(err)}"
        done = () if restored is None or restored.snapshot is None else restored.snapshot.sources
        later = replace(known, sources=tuple(s for s in known.sources if s not in done))
        again: Restored | None = None
        if later.sources:
            again = await snapshots.define(link, later, seconds=self._max_seconds)
        run_again = _again(restored, again)
        words = [*_loaded(restored, ran), *run_again, *([why] if why else []), *_unsigned(story)]
        if restored is None and words:
            words.append("other variables of before are gone")
        return "; ".join(words)

    async def _restored(self, link: ZmqLink, story: Story, source: Session) -> Restored | None:
        """Load a session's snapshot, unless the session was begun anew after it."""
        key = self._key(source)
        snapshot = await snapshots.read(
            story.folder, key=key, session_id=source.id, owner=source.owner
        )
        if snapshot.after <= story.anew_after:
            return None
        return await snapshots.restore(
            link,
            story.folder,
            key=key,
            session_id=source.id,
            owner=source.owner,
            seconds=self._max_seconds,
        )

    async def _replay(self, link: ZmqLink, ran: Sequence[Entry]) -> str:
        """Run the code again, cell by cell."""
        failed: list[str] = []
        for entry in ran:
            content = {
                "code": entry.code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": False,
            }
            reply = await link.call("shell", "execute_request", content, timeout=REPLAY)
            if reply.get("status") != "ok":
                failed.append(f"{entry.execution_id} ({reply.get('ename') or 'aborted'})")
        words = f"the code of {len(ran)} successful executions was run again"
        return f"{words}; of these failed: {_some(failed)}" if failed else words


REPLAY = 3_600.0
"""Seconds that one execution may take when it is run again."""


async def _definitions(entries: Sequence[Entry]) -> Definitions:
    """What can be run again of these executions without running their effects again."""
    ran = [entry for entry in entries if entry.is_shown]
    ended = {
        n: entry.failed_line if entry.status == "error" else None
        for n, entry in enumerate(ran)
        if entry.status != "ok"
    }
    return await asyncio.to_thread(definitions, [entry.code for entry in ran], unfinished=ended)


async def _tell_copy(session: Session, source: Session, ran: Sequence[Entry]) -> None:
    """Begin a copy's story with the definitions it has from the other."""
    known = await _definitions(ran)
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
    """What to say of code that is not run again since it may be another program's."""
    if not story.unsigned:
        return []
    these = _count(story.unsigned, "execution")
    return [f"{these} of its journal, not signed by this server's key, were not run again"]


def _loaded(restored: Restored | None, ran: Sequence[Entry]) -> list[str]:
    """What to say of a snapshot that was loaded."""
    if restored is None or restored.snapshot is None:
        return []
    snapshot = restored.snapshot
    saved = ago(time.time() - snapshot.created)
    words = [f"{_count(len(restored.loaded), 'variable')} came back as saved {saved}"]
    behind = sum(entry.number > snapshot.after for entry in ran)
    if behind:
        words.append(f"what the last {_count(behind, 'execution')} changed is gone")
    if snapshot.skipped:
        left = [f"{item.name} ({item.why})" for item in snapshot.skipped]
        words.append(f"could not be saved: {_some(left)}")
    if restored.failed:
        left = [f"{item.name} ({item.why})" for item in restored.failed]
        words.append(f"could not be loaded: {_some(left)}")
    return words


def _again(*restored: Restored | None) -> list[str]:
    """What to say of definitions that were run again."""
    names = sorted({name for each in restored if each is not None for name in each.definitions})
    words = [f"definitions run again: {_some(names)}"] if names else []
    bad = [
        f"{item.name} ({item.why})"
        for each in restored
        if each is not None
        for item in each.definitions_failed
    ]
    return [*words, f"these failed: {_some(bad)}"] if bad else words


def _why(err: Exception) -> str:
    if isinstance(err, asyncio.TimeoutError):
        return "it took too long"
    return "the file cannot be read" if isinstance(err, OSError) else str(err)[:200]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    words = ", ".join(name[:80] for name in names[:NAMED])
    return f"{words} and {more} more" if more > 0 else words
