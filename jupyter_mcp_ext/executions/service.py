"""Starts executions, keeps them, ends them: the tasks that requests only await."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Float, Int, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.advice import debuggers, notices, payloads
from jupyter_mcp_ext.advice.run import Run
from jupyter_mcp_ext.advice.unsent import Unsent
from jupyter_mcp_ext.concurrency import Tasks
from jupyter_mcp_ext.errors import ToolError, UnknownExecution, shown
from jupyter_mcp_ext.kernels.exchange import Content, Exchange
from jupyter_mcp_ext.kernels.kinds import Kind
from jupyter_mcp_ext.kernels.link import KernelInfo, KernelLink
from jupyter_mcp_ext.kernels.losses import KernelLost
from jupyter_mcp_ext.outputs.model import Error, from_nbformat
from jupyter_mcp_ext.outputs.numbered import cut_line
from jupyter_mcp_ext.outputs.text import strip
from jupyter_mcp_ext.outputs.widgets import Widgets

from .activity import Activity
from .archive import STOPPING, Archive
from .execution import Execution
from .prompts import unanswerable
from .turns import Ahead, Turns
from .work import Work, carry_out

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.variables.hints import Hints

    from .storage import Storage

EXECUTION_ID = re.compile(r"(?P<session>[a-z0-9-]{1,64})-(?P<number>[0-9]{1,9})")

MAX_ABORTS = 3
"""How often an execution that another client's failing cell aborted is sent again."""

DISCONNECTED = "because the client closed the connection; wait=0 keeps code running"
CANCELLED = "because its request was cancelled; wait=0 keeps code running"

OUTSIDE = "from outside"
"""Who interrupts, when it is none of us."""

INTERRUPTED = ("KeyboardInterrupt", "CancelledError")
"""What an interrupt raises in code, and in code that awaits."""

MAX_MEMORIES = 32
"""Kernels whose widgets are known, the latest used."""

MAX_WIDGETS_TOLD = 5
"""Widgets of other executions that a result tells of."""

INTERRUPTS = 3
"""How often code is interrupted within the grace."""


@dataclass(frozen=True)
class Memory:
    """What a kernel has said that outlasts an execution."""

    widgets: Widgets = field(default_factory=Widgets)
    unsent: Unsent = field(default_factory=Unsent)


class McpExecutions(LoggingConfigurable):
    """All executions of the server."""

    default_timeout = Float(
        0.0,
        min=0.0,
        help="Seconds after which code is interrupted when the call gives no timeout. 0: never.",
    ).tag(config=True)
    max_timeout = Float(
        0.0,
        min=0.0,
        help="Largest timeout in seconds that a call may ask for; it also limits calls that give "
        "none. 0: no limit.",
    ).tag(config=True)
    max_wait = Float(
        55.0,
        min=0.0,
        help="Seconds for which a call is kept waiting at most: many clients give up near 60.",
    ).tag(config=True)
    max_patient_wait = Float(
        280.0,
        min=0.0,
        help="Seconds for which a call of a patient client is kept waiting at most.",
    ).tag(config=True)
    patient_clients = List(
        Unicode(),
        default_value=["claude-code"],
        help="Names of clients that wait longer than a minute for an answer.",
    ).tag(config=True)
    task_after = Float(
        2.0,
        min=0.0,
        help="Seconds after which a call that executes code becomes a task, for clients that "
        "declare the protocol's extension for tasks.",
    ).tag(config=True)
    interrupt_grace = Float(
        3.0,
        min=0.1,
        help="Seconds that interrupted code gets to end before its execution is given up.",
    ).tag(config=True)
    interrupt_on_disconnect = Bool(
        True,
        help="Whether code is interrupted when its client closes the connection of a call that "
        "waits for it, which the protocol takes for a cancellation from 2026-07-28 on. If not, the "
        "code goes on and get_output reads it.",
    ).tag(config=True)
    long_run = Float(
        30.0,
        min=0.0,
        help="Seconds after which a run is a long one: a call of the same client that is queued "
        "behind it answers after five seconds instead of waiting.",
    ).tag(config=True)
    input_timeout = Float(
        300.0,
        min=1.0,
        help="Seconds for which a question of the code (input()) waits for a person; then the code "
        "is interrupted.",
    ).tag(config=True)
    max_activity = Float(
        43_200.0,
        min=0.0,
        help="Seconds for which code that runs counts as the server's activity, so that JupyterHub "
        "does not end the server while it runs. 0: it does not count, only requests do.",
    ).tag(config=True)
    max_output_bytes = Int(
        50_000_000,
        min=0,
        help="Bytes of output kept of one execution; of text beyond it the end is kept (100 kB at "
        "most), the rest is dropped and counted. 0: all.",
    ).tag(config=True)
    max_kept = Int(
        1_000,
        min=0,
        help="Finished executions that can be read again; the oldest go first. 0: all.",
    ).tag(config=True)
    max_kept_bytes = Int(
        500_000_000,
        min=0,
        help="Bytes of output of finished executions that are kept on disk; the oldest go first. "
        "0: all.",
    ).tag(config=True)
    max_age = Float(
        86_400.0,
        min=0.0,
        help="Seconds after its end for which an execution can be read again. 0: no limit.",
    ).tag(config=True)

    def __init__(self, kernels: Kernels, storage: Storage, hints: Hints, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kernels = kernels
        self._hints = hints
        self._turns = Turns()
        self._archive = Archive(
            storage,
            self.log,
            max_kept=self.max_kept,
            max_kept_bytes=self.max_kept_bytes,
            max_age=self.max_age,
            max_output_bytes=self.max_output_bytes,
        )
        self.on_activity: Callable[[], object] = lambda: None
        """Is called when the server is to count as active, since code runs."""
        self._numbers: dict[str, int] = {}
        self._latest: dict[str, str] = {}
        self._tasks = Tasks()
        self._memories: OrderedDict[str, Memory] = OrderedDict()
        """What kernels have said, by their ids, the latest used last."""
        self._works: set[Execution] = set()
        """Running work that is no code: installations."""

    def start(
        self,
        code: str,
        *,
        session_id: str,
        kernel_name: str,
        kernel: Callable[[], Awaitable[str]],
        caller: Caller,
        timeout: float | None,
        can_ask: bool = False,
        prepare: Callable[[], Awaitable[str]] | None = None,
        after: int = 0,
        kernel_id: str = "",
    ) -> Execution:
        """Queue code on a kernel; the execution goes on whether or not a request waits for it.

        ``kernel`` gives the kernel's id, when it has been started if need be; ``kernel_id`` is the
        one that runs already. ``can_ask`` tells whether questions of the code (``input()``) can be
        brought to a person. ``prepare`` is awaited when its turn has come and the kernel answers,
        and gives words for what came back after a loss; its number is larger than ``after``.
        """
        execution = self._new(
            code,
            session_id=session_id,
            kernel_name=kernel_name,
            caller=caller,
            after=after,
            timeout=self._allowed_timeout(timeout),
            input_timeout=self.input_timeout if can_ask else None,
        )
        execution.kernel_id = kernel_id
        self._spawn(self._run(execution, kernel, prepare), name=f"mcp-execution-{execution.id}")
        return execution

    def start_work(
        self,
        words: str,
        work: Work,
        *,
        session_id: str,
        kernel_name: str,
        caller: Caller,
        after: int = 0,
    ) -> Execution:
        """Begin other work than code, ``words`` say which, as an execution of a session.

        It takes no kernel's turn. What it raises as a ToolError is the execution's `failure`.
        """
        execution = self._new(
            words, session_id=session_id, kernel_name=kernel_name, caller=caller, after=after
        )
        self._works.add(execution)
        execution.done.add_done_callback(lambda _: self._works.discard(execution))
        self._spawn(
            carry_out(execution, work, self._archive, self.log),
            name=f"mcp-execution-{execution.id}",
        )
        return execution

    def _new(
        self,
        code: str,
        *,
        session_id: str,
        kernel_name: str,
        caller: Caller,
        after: int,
        timeout: float | None = None,
        input_timeout: float | None = None,
    ) -> Execution:
        """An execution with the next number of its session, which is larger than ``after``."""
        number = self._numbers[session_id] = max(self._numbers.get(session_id, 0), after) + 1
        execution = Execution(
            execution_id=f"{session_id}-{number}",
            session_id=session_id,
            kernel_name=kernel_name,
            code=code,
            owner=caller.subject,
            client=caller.client,
            scope=caller.scope,
            timeout=timeout,
            max_output_bytes=self.max_output_bytes,
            input_timeout=input_timeout,
        )
        self._archive.add(execution)
        if self.max_activity:
            Activity(execution, self.on_activity, limit=self.max_activity)
        self._latest[session_id] = execution.id
        return execution

    def _installing(self, execution: Execution) -> str:
        """The id of an installation of the same person that is running; empty if there is none."""
        running = (e for e in self._works if e.owner == execution.owner and not e.is_finished)
        return next((e.id for e in running), "")

    async def settled(
        self, execution: Execution, wait: float, *, or_asking: bool = False
    ) -> Execution:
        """Wait for an execution's end, or its next question too, ``wait`` seconds at most.

        Raises the ToolError that kept the code from reaching a kernel.
        """
        if wait > 0 and not execution.is_finished:
            # A plain wait: the request may be cancelled, the execution is not.
            awaited = {execution.done, execution.prompts.opened} if or_asking else {execution.done}
            await asyncio.wait(awaited, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        if execution.refusal is not None:
            raise execution.refusal
        return execution

    def find(self, caller: Caller, execution_id: str) -> Execution:
        """The caller's execution of that id. Raises UnknownExecution."""
        execution = self._archive.get(execution_id)
        if execution is not None and execution.owner == caller.subject:
            return execution
        parts = EXECUTION_ID.fullmatch(execution_id)
        if execution is None and parts and int(parts["number"]) in self._gone(parts["session"]):
            msg = (
                f"The execution {execution_id} has expired: its output is kept no longer. Run the "
                "code again if you need it and it does no harm twice."
            )
            raise UnknownExecution(msg)
        msg = (
            f"There is no execution {shown(execution_id)}. get_output() without an id shows your "
            "latest one."
        )
        raise UnknownExecution(msg)

    def latest(self, caller: Caller, session_id: str) -> Execution:
        """The caller's latest execution in a session. Raises UnknownExecution."""
        execution_id = self._latest.get(session_id)
        if execution_id is None:
            msg = "Nothing has been executed in this session yet. execute_code runs code in it."
            raise UnknownExecution(msg)
        return self.find(caller, execution_id)

    def latest_of(self, caller: Caller) -> Execution:
        """The latest that the caller's client started in any session. Raises UnknownExecution."""
        execution = max(self._of(caller), key=lambda each: each.created, default=None)
        if execution is None:
            msg = "You have executed nothing yet. execute_code runs code."
            raise UnknownExecution(msg)
        return execution

    def unfinished_of(self, caller: Caller) -> list[Execution]:
        """What the caller's client has not finished yet, in any session."""
        return [execution for execution in self._of(caller) if not execution.is_finished]

    def _of(self, caller: Caller) -> list[Execution]:
        theirs = self._archive.of(caller.subject, caller.client)
        return [execution for execution in theirs if execution.scope == caller.scope] or theirs

    def ids(self) -> tuple[str, ...]:
        """The ids of all executions that are kept, oldest first."""
        return self._archive.ids()

    def line(self, kernel_id: str) -> tuple[Execution, ...]:
        """The unfinished executions on a kernel, in their order."""
        return self._turns.line(kernel_id)

    def ahead(self, execution: Execution) -> Ahead | None:
        """The execution that this one waits for, if it does."""
        if execution.status != "queued":
            return None
        first = self._turns.ahead(execution)
        since = self._kernels[execution.kernel_id].foreign_since
        if first is not None and (since is None or first.began is not None):
            return Ahead(what=first.id, client=first.client, seconds=first.duration)
        if since is None:
            return None
        # Ours that has the turn waits in the kernel itself then.
        return Ahead(what="code of a person", client="", seconds=time.time() - since)

    async def interrupt(self, execution: Execution) -> None:
        """Stop it, or take it from the queue; returns when it has ended.

        One that ended for its callers and ignored its interrupt is interrupted again.
        """
        execution.request_stop("interrupted")
        await asyncio.wait({execution.done})
        if execution.over is not None and not execution.over.done():
            await self._kernels[execution.kernel_id].interrupt()
            await asyncio.wait({execution.over}, timeout=self.interrupt_grace)

    def cancel(self, execution: Execution) -> None:
        """Stop it, since its request was cancelled, without waiting for its end."""
        execution.request_stop("interrupted", CANCELLED)

    def disconnect(self, execution: Execution) -> None:
        """The client closed the connection over which it waited: stop, unless the operator says."""
        if self.interrupt_on_disconnect:
            execution.request_stop("interrupted", DISCONNECTED)

    def allowed_wait(self, caller: Caller, wait: float) -> float:
        """The seconds that this caller's request may be kept waiting."""
        patient = caller.client in self.patient_clients
        return min(wait, self.max_patient_wait if patient else self.max_wait)

    async def open(self) -> None:
        """Take over the executions of an earlier run of this server."""
        await self._archive.open()
        for execution_id in self._archive.ids():
            parts = EXECUTION_ID.fullmatch(execution_id)
            if parts is not None:
                known = self._numbers.get(parts["session"], 0)
                self._numbers[parts["session"]] = max(int(parts["number"]), known)
                if int(parts["number"]) > known:
                    self._latest[parts["session"]] = execution_id

    def amend(self, execution: Execution) -> None:
        """Keep what has become known of an execution since its end, as the files it wrote."""
        self._archive.amend(execution)

    async def load(self, execution: Execution) -> None:
        """Have an execution's outputs in memory: those of a finished one may be on disk."""
        await self._archive.load(execution)

    async def close(self) -> None:
        """End all tasks; what ran is ``interrupted``, its output on disk."""
        await self._tasks.close()
        await self._archive.close()

    def _allowed_timeout(self, timeout: float | None) -> float | None:
        asked = timeout or self.default_timeout or self.max_timeout
        return (min(asked, self.max_timeout) if self.max_timeout else asked) or None

    def _gone(self, session_id: str) -> range:
        return range(1, self._numbers.get(session_id, 0) + 1)

    def _spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        self._tasks.start(work, name=name)

    async def _run(
        self,
        execution: Execution,
        kernel: Callable[[], Awaitable[str]],
        prepare: Callable[[], Awaitable[str]] | None,
    ) -> None:
        try:
            if await self._is_stopped_before(execution, asyncio.ensure_future(kernel())):
                execution.end(execution.stop.result(), "stopped while its kernel started")
            else:
                await self._take_turn(execution, prepare)
        except KernelLost as err:
            _end_lost(execution, err)
        except ToolError as err:
            if execution.began is None:
                execution.refusal = err
            execution.end("dead", str(err))
        except asyncio.CancelledError:
            execution.end("interrupted", STOPPING)
            raise
        except Exception:
            self.log.exception("The execution %s failed", execution.id)
            execution.end("dead", "an internal error, which the server's log tells")
        finally:
            self._archive.finish(execution)

    async def _is_stopped_before(self, execution: Execution, starting: asyncio.Future[str]) -> bool:
        """Wait for the kernel, which goes on starting when this execution is stopped."""
        await _either(starting, execution.stop)
        if starting.done():
            execution.kernel_id = starting.result()
            return False
        starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return True

    async def _take_turn(
        self, execution: Execution, prepare: Callable[[], Awaitable[str]] | None
    ) -> None:
        turn = self._turns.join(execution)
        try:
            await _either(turn, execution.stop)
            if turn.done():
                await self._execute(execution, prepare)
            else:
                execution.end(execution.stop.result(), "taken from the queue before it began")
        finally:
            self._turns.leave(execution)

    async def _execute(
        self, execution: Execution, prepare: Callable[[], Awaitable[str]] | None
    ) -> None:
        async with self._kernels[execution.kernel_id].linked() as link:
            await self._execute_over(link, execution, prepare)

    async def _execute_over(
        self,
        link: KernelLink,
        execution: Execution,
        prepare: Callable[[], Awaitable[str]] | None,
    ) -> None:
        self._kernels[execution.kernel_id].begin()
        memory = self._memory_of(execution.kernel_id)
        execution.unsent = memory.unsent
        execution.fold.share(memory.widgets, by=execution.id)
        can_evaluate = link.info.kind.runs_functions
        try:
            if prepare is not None and not await self._is_prepared(execution, prepare):
                execution.end(execution.stop.result(), "stopped while its session was brought back")
                return
            hints = await self._hints.before(link, execution.code)
            for _ in range(1 + MAX_ABORTS):
                execution.sent = time.time()
                exchange = link.execute(
                    execution.code,
                    on_message=partial(self._archive.take, execution),
                    on_begin=execution.begin,
                    on_dropped=execution.fold.drop,
                    on_input=execution.ask,
                    can_ask=execution.input_timeout is not None,
                    expressions=notices.expressions(execution.code) if can_evaluate else None,
                )
                try:
                    reply = await self._reply(execution, exchange)
                finally:
                    link.forget(exchange)
                    self._archive.finish_text(execution)
                if reply.get("status") != "ok" and not execution.stop.done():
                    await self._kernels[execution.kernel_id].death.check_stays()
                if exchange.begun or reply.get("status") != "aborted":
                    if reply.get("status") == "error" and not execution.stop.done():
                        hints += await self._hints.after_error(link, str(reply.get("ename")))
                    self._see_shell(execution, link.info.kind)
                    self._take_payload(execution, reply)
                    interrupter = self._interrupter(execution)
                    _tell_ignored(execution, reply, interrupter)
                    _tell_unread(execution, exchange)
                    _conclude(execution, exchange, reply, interrupter)
                    self._tell_widgets(execution)
                    self._advise(execution, link.info, reply)
                    execution.notices += hints
                    if any(map(payloads.ends_kernel, payloads.payloads(reply))):
                        await self._kernels[execution.kernel_id].death.exits()
                    return
                if execution.stop.done():
                    execution.end(execution.stop.result(), "stopped before it began")
                    return
            execution.end(
                "interrupted",
                f"failing cells of others aborted it {1 + MAX_ABORTS} times before it began",
            )
        finally:
            self._kernels[execution.kernel_id].end()

    def _take_payload(self, execution: Execution, reply: Content) -> None:
        """Show what the reply has for the person at a notebook."""
        execution.fold.captures.release()
        for payload in payloads.payloads(reply):
            shown = payloads.shown(payload)
            if shown.data:
                content = {"data": shown.data, "metadata": {}}
                self._archive.take(execution, "display_data", content)
            if shown.notice:
                execution.notices.append(shown.notice)

    def _memory_of(self, kernel_id: str) -> Memory:
        """What is known of what a kernel has said: ids of widgets are never given again."""
        found = self._memories.setdefault(kernel_id, Memory())
        self._memories.move_to_end(kernel_id)
        if len(self._memories) > MAX_MEMORIES:
            self._memories.popitem(last=False)
        return found

    def _tell_widgets(self, execution: Execution) -> None:
        """Tell of the widgets that the code has changed and others display."""
        for by, model_id in islice(execution.fold.elsewhere(), MAX_WIDGETS_TOLD):
            if not by:
                execution.notices.append(
                    "output went into an Output widget that is not displayed: display it, or print "
                    "outside of it, to see that"
                )
                continue
            shows = self._archive.get(by)
            if shows is not None:
                self._archive.widgets_changed(shows, execution)
                widgets = execution.fold.widgets
                words = cut_line(" ".join(strip(widgets.words(model_id)).split()), 200)
                bare = "has been closed" if widgets.is_closed(model_id) else "has changed"
                now = f"is now: {words}" if words else bare
                execution.notices.append(f'a widget that get_output("{by}") shows {now}')

    def _advise(self, execution: Execution, info: KernelInfo, reply: Content) -> None:
        """Add what our own notices say about the code."""
        run = Run(
            source=execution.code,
            status=execution.status,
            language=info.language,
            error=execution.error,
            shown=lambda: execution.outputs,
            asked=notices.values(reply),
            installing=self._installing(execution),
        )
        execution.notices += notices.notices(run)

    def _interrupter(self, execution: Execution) -> str:
        """Words for who interrupted its code while it ran; empty when it was not."""
        if execution.interrupted is not None:
            is_timeout = execution.stop.result() == "timeout"
            return "its timeout" if is_timeout else execution.stop_words or "on request"
        last = self._kernels[execution.kernel_id].last_interrupt
        if last < (execution.sent or execution.created):
            return ""
        execution.interrupted = last
        return OUTSIDE

    @staticmethod
    def _see_shell(execution: Execution, kind: Kind) -> None:
        """Tell of a shell that ended, of which bash_kernel says only in its output."""
        if kind.lost_line and execution.fold.last_line == kind.lost_line:
            execution.notices.append(
                "the shell ended and was started again: its variables are lost"
            )

    async def _is_prepared(
        self, execution: Execution, prepare: Callable[[], Awaitable[str]]
    ) -> bool:
        """Make ready what the code needs; false when it was stopped before that was done."""
        preparing = asyncio.ensure_future(prepare())
        try:
            await _either(preparing, execution.stop)
            if preparing.done():
                self._tell_missed(execution, preparing.result())
                return True
            return False
        finally:
            if not preparing.done():  # it ends what it has begun in the kernel
                preparing.cancel()
                await asyncio.wait({preparing})

    def _tell_missed(self, execution: Execution, comeback: str) -> None:
        """Tell of a loss while the code waited, whoever else has been told: it was written before.

        ``comeback`` is what came back, in words.
        """
        losses = self._kernels[execution.kernel_id].losses
        if losses and losses[-1].at > execution.created:
            # Code that was sent after exit() has waited for the kernel's end and nothing else.
            is_exit = losses[-1].kind == "exited"
            when = "" if is_exit else " while this code waited, which ran after that"
            execution.missed_loss = True
            execution.notices.append(
                f"{losses[-1].words}{when}: {comeback or 'its variables are lost'}"
            )

    async def _reply(self, execution: Execution, exchange: Exchange) -> Content:
        """The kernel's reply; the turn is kept until it has come, whatever the caller was told."""
        replied = asyncio.ensure_future(exchange.finished())
        try:
            await _either(replied, execution.stop)
            if not replied.done():
                await self._interrupt(execution, exchange, replied)
            return await replied
        finally:
            replied.cancel()

    async def _interrupt(
        self, execution: Execution, exchange: Exchange, replied: asyncio.Future[Content]
    ) -> None:
        """Interrupt until the kernel heeds it or the grace is over."""
        why = execution.stop.result()
        if not exchange.begun:
            # The request waits in the kernel behind somebody else's code and cannot be taken
            # back; an interrupt now would hit that code. It is stopped when its time comes.
            execution.end(why, "stopped before the kernel began with it")
            await _either(exchange.started, replied)
        # A single interrupt can get lost, between a kernel's taking up the code and running it.
        times = (
            INTERRUPTS if self._kernels[execution.kernel_id].info.kind.takes_second_interrupt else 1
        )
        for _ in range(times):
            if replied.done():
                return
            execution.interrupted = execution.interrupted or time.time()
            await self._kernels[execution.kernel_id].interrupt()
            await asyncio.wait({replied}, timeout=self.interrupt_grace / times)
        if not replied.done():
            execution.end(
                why,
                "the code ignores the interrupt and goes on: "
                f'interrupt_kernel(execution_id="{execution.id}") tries again, '
                f'restart_kernel(session_id="{execution.session_id}", force=true) ends it and '
                "its variables",
            )
            execution.over = asyncio.get_running_loop().create_future()


async def _either(one: asyncio.Future[Any], other: asyncio.Future[Any]) -> None:
    await asyncio.wait({one, other}, return_when=asyncio.FIRST_COMPLETED)


def _conclude(execution: Execution, exchange: Exchange, reply: Content, interrupter: str) -> None:
    """End an execution as the kernel's reply says; ``interrupter`` is who interrupted it."""
    count = reply.get("execution_count")
    execution.execution_count = count if isinstance(count, int) else None
    if exchange.lost:
        execution.notices.append(
            f"about {exchange.lost:,} messages of the kernel were lost: output may be incomplete"
        )
    elif not exchange.complete:
        execution.notices.append("the kernel did not say that it was done: output may be missing")
    if reply.get("status") == "ok":
        execution.end("ok")
        return
    error = from_nbformat({**reply, "output_type": "error"})
    ename = error.ename if isinstance(error, Error) else ""
    instead = None
    if isinstance(error, Error) and not debuggers.in_traceback(error):
        instead = unanswerable(error)
    if instead is not None:
        execution.notices.append(instead)
    if ename and not any(isinstance(o, Error) for o in execution.outputs):
        execution.fold.feed("error", reply)
    if execution.stop.done():
        execution.end(execution.stop.result())
    elif reply.get("status") == "abort" or (interrupter and ename in INTERRUPTED):
        execution.end("interrupted", f"interrupted {interrupter or OUTSIDE}")
    else:
        execution.end("error")


def _end_lost(execution: Execution, lost: KernelLost) -> None:
    words = lost.loss.detail
    if execution.goes_on:
        execution.ended_late(f"the code ignored the interrupt; then {words}")
    elif execution.sent is None or lost.behind_other:
        words += " before this code began: it never ran"
    elif execution.began is None and lost.loss.kind != "died":
        words += ", and this code was not heard to begin"
    execution.end("dead" if lost.loss.kind == "died" else "interrupted", words)


def _tell_ignored(execution: Execution, reply: Content, interrupter: str) -> None:
    """Tell of code that caught its interrupt, as `except:` does, or whose shell command took it."""
    if execution.goes_on:
        execution.ended_late("the code ignored the interrupt and went on to its end")
    elif interrupter and reply.get("status") == "ok" and not execution.is_finished:
        began = execution.began or execution.created
        after = (execution.interrupted or time.time()) - began
        execution.notices.append(
            f"interrupted after {after:.1f} s ({interrupter}), and the code went on to its end: "
            "what it was at is cut short"
        )


def _tell_unread(execution: Execution, exchange: Exchange) -> None:
    """Tell of a reply that was too large; what the code printed and displayed is not in it."""
    if exchange.unread:
        execution.notices.append(
            f"the kernel's reply was too large to be read whole ({exchange.unread:,} bytes were "
            "not): an error is cut, and text that the kernel asked to be shown is missing"
        )
