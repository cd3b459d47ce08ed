"""Which executions there are, how long they are kept, and where their outputs are.

Finished executions stay until they are too old or too many. Large outputs leave memory once other
code runs or they have not been read for a while; only their counts stay. They are read from disk
when a caller asks for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from logging import Logger

from jupyter_mcp_ext.concurrency import Listeners, Tasks, Timer
from jupyter_mcp_ext.outputs.folding.fold import COMMS

from .execution import UNFINISHED, Execution
from .record import ExecutionRecord
from .retention import Retention
from .storage import ExecutionStorage
from .takeover import PART, Takeover

SMALL = 262_144
"""Bytes of output up to which a finished execution stays in memory."""

HELD = 10.0
"""Seconds for which large outputs stay in memory after the end, or after they were read."""

STOPPING = "the server is stopping"

UNSAVED = "its output is in the server's memory only, since it cannot be written to disk: {}"


class Archive:
    """The executions of a server."""

    def __init__(
        self, storage: ExecutionStorage, retention: Retention, log: Logger, *, max_output_bytes: int
    ) -> None:
        self._storage = storage
        self._log = log
        self._max_output_bytes = max_output_bytes
        self._executions: dict[str, Execution] = {}
        self._finished = retention
        self._held: Execution | None = None
        """The last execution with large outputs that has ended or was read; they stay in memory."""
        self._letting_go = Timer()
        self._tasks = Tasks()
        self._takeover: Takeover | None = None
        self.restored: Listeners[Execution] = Listeners()
        """Are called with each execution of an earlier run of the server, once it is known."""

    @property
    def is_taking_over(self) -> bool:
        """Whether executions of earlier runs of the server may still be unknown."""
        return self._takeover is not None and not self._takeover.is_done

    async def open(self, *, part: float = PART) -> None:
        """Take over the executions of earlier runs of the server; of very many, some later.

        ``part`` are the seconds for which this waits at most.
        """
        try:
            self._takeover = await asyncio.to_thread(self._storage.open, part=part)
        except OSError as err:
            self._log.warning("Executions will not outlast this server: %s", err)
            return
        await self._takeover.run(self._restore)

    def _restore(self, records: Iterable[ExecutionRecord]) -> None:
        """Keep executions of earlier runs."""
        restored: dict[str, Execution] = {}
        for record in records:
            ended = _ended_by_restart(record)
            restored[record.execution_id] = Execution.restored(ended)
            if ended is not record:
                self._storage.append(ended)
        every = {**restored, **self._executions}
        self._executions = dict(sorted(every.items(), key=lambda each: each[1].created))
        self._finished.add_earlier(restored.values())
        for execution in restored.values():
            self.restored.tell(execution)
        self._remove_excess()

    def add(self, execution: Execution) -> None:
        """Add an execution that is about to run."""
        self._hold(None)
        self._executions[execution.id] = execution
        self._storage.begin(execution.record())

    async def begun(self, execution: Execution) -> None:
        """Return when an execution that runs would outlast a kill of the server, if any can."""
        await self._storage.begun(execution.id)

    def take(self, execution: Execution, msg_type: str, content: object) -> None:
        """Feed a message to an execution, and save it if it changed the outputs."""
        if msg_type == "stream" and isinstance(content, dict) and content.get("name") == "stderr":
            text, notices = execution.unsent.feed(str(content.get("text") or ""))
            content = {**content, "text": text}
            execution.tell(notices)
        if execution.is_finished and not execution.goes_on:
            self._take_late(execution, msg_type, content)
        elif execution.fold.feed(msg_type, content) or msg_type == "clear_output":
            execution.held.change()  # of one that goes on after its end
            kept = execution.fold.kept(msg_type, content)
            if kept:
                self._storage.message(execution.id, execution.fold, *kept)

    def _take_late(self, execution: Execution, msg_type: str, content: object) -> None:
        """Feed what a thread puts out after its execution has ended."""
        if execution not in self._finished:
            return
        if execution.is_loaded and execution.fold.feed(msg_type, content):
            execution.held.change()
            kept = execution.fold.kept(msg_type, content)
        elif execution.is_loaded or msg_type in COMMS or not self._fits(execution, content):
            return
        else:
            kept = [(msg_type, content)]
        for each in kept:
            self._storage.late(execution.record(), *each)

    def _fits(self, execution: Execution, content: object) -> bool:
        """Count late output of an execution whose outputs are on disk only."""
        size = len(str(content))
        if 0 < self._max_output_bytes < execution.fold.bytes + size:
            execution.fold.drop(size)
            return False
        execution.fold.count(size)
        return True

    def finish_text(self, execution: Execution) -> None:
        """Feed the text that was held back until the end of the code."""
        text, notices = execution.unsent.finish()
        execution.tell(notices)
        if text:
            execution.fold.feed("stream", content := {"name": "stderr", "text": text})
            self._storage.message(execution.id, execution.fold, ("stream", content))
            execution.held.change()

    def widgets_changed(self, execution: Execution, by: Execution) -> None:
        """Save what another execution has made of the widgets that a finished one displays."""
        if execution in self._finished:
            for message in by.fold.news(execution.id):
                self._storage.late(execution.record(), *message)

    def amend(self, execution: Execution) -> None:
        """Save what has become known of an execution since its end."""
        if execution in self._finished:
            self._storage.append(execution.record())

    def finish(self, execution: Execution) -> None:
        """Save how an execution ended, and remove the oldest executions."""
        for message in execution.fold.ends():
            self._storage.message(execution.id, execution.fold, message)
        if self._storage.fault:
            execution.tell([UNSAVED.format(self._storage.fault)])
        self._storage.end(execution.record(), execution.fold)
        self._finished.add(execution)
        self._remove_excess()
        if execution.fold.cost > SMALL and self._storage.has(execution.id):
            self._hold(execution)  # the call that waits for its end is about to read it

    def get(self, execution_id: str) -> Execution | None:
        """The execution of an id, if it is kept."""
        execution = self._executions.get(execution_id)
        if execution is not None and self._finished.is_too_old(execution):
            self._forget(execution)
            return None
        return execution

    def of(self, owner: str, client: str | None = None) -> list[Execution]:
        """The executions that a subject, or its client, started, oldest first."""
        owned = (e for e in self._executions.values() if e.owner == owner)
        return [e for e in owned if client is None or e.client == client]

    def ids(self) -> tuple[str, ...]:
        """The ids of all executions, oldest first."""
        return tuple(self._executions)

    async def load(self, execution: Execution) -> None:
        """Have an execution's outputs in memory."""
        if execution.is_loaded:
            return
        try:
            await self._storage.flush()
            fold = await asyncio.to_thread(
                self._storage.outputs, execution.id, self._max_output_bytes
            )
            execution.held.load(fold.outputs)
        except OSError as err:
            self._log.warning("The outputs of %s cannot be read: %s", execution.id, err)
            execution.notices.append("the saved output cannot be read any more")
            execution.held.load(())
        self._hold(execution)

    async def close(self) -> None:
        """Save what is not saved yet."""
        if self._takeover is not None:
            self._takeover.stop()
        self._letting_go.stop()
        self._tasks.cancel()
        await self._storage.close()

    def _remove_excess(self) -> None:
        for oldest in self._finished.excess():
            self._forget(oldest)

    def _forget(self, execution: Execution) -> None:
        if self._held is execution:
            self._held = None  # its timer then releases nothing
        del self._executions[execution.id]
        self._finished.remove(execution)
        self._storage.forget(execution.id)

    def _hold(self, execution: Execution | None) -> None:
        """Hold the outputs of this execution in memory instead of those held until now."""
        self._letting_go.stop()
        if execution is not None:
            self._letting_go.set(HELD, self._hold, None)
        before, self._held = self._held, execution
        if before is not None and before is not execution:
            self._tasks.start(self._release(before), name="mcp-execution-release")

    async def _release(self, execution: Execution) -> None:
        await self._storage.flush()
        if self._storage.has(execution.id) and execution.is_loaded and self._held is not execution:
            execution.held.release(execution.error)


def _ended_by_restart(record: ExecutionRecord) -> ExecutionRecord:
    """The record, which says when the server restarted if that ended the execution."""
    if record.status not in UNFINISHED and record.reason != STOPPING:
        return record
    now = time.time()
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    return replace(
        record,
        status="interrupted",
        reason=f"the server restarted at {clock}; the output until then is kept",
        ended=record.ended or now,
    )
