"""All executions of the server: started here, awaited by requests, kept, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Float, Int, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.concurrency import Listeners, Tasks
from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.kernels.losses import KernelLost

from .activity import Activity
from .archive import STOPPING, Archive
from .conclusion import end_lost
from .directory import Directory
from .execution import Execution
from .interrupts import Interrupts
from .notices import Notices
from .order import Destination, Order
from .retention import Retention
from .running import Prepare, Ready, Runner
from .work import Work, Works, carry_out

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.variables.hints import Hints

    from .part import Parts
    from .storage import ExecutionStorage

DISCONNECTED = "because the client closed the connection; wait=0 keeps code running"
CANCELLED = "because its request was cancelled; wait=0 keeps code running"


class McpExecutions(LoggingConfigurable):
    """The executions of all users, which go on whether or not a request waits for them."""

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
        help="Finished executions that can be read again; of the user with the most, the oldest go "
        "first. 0: all.",
    ).tag(config=True)
    max_kept_bytes = Int(
        500_000_000,
        min=0,
        help="Bytes of output of finished executions that are kept on disk; of the user with "
        "the most, the oldest go first. 0: all.",
    ).tag(config=True)
    max_age = Float(
        86_400.0,
        min=0.0,
        help="Seconds after its end for which an execution can be read again. 0: no limit.",
    ).tag(config=True)

    def __init__(self, storage: ExecutionStorage, hints: Hints, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._archive = Archive(
            storage,
            Retention(
                max_number=self.max_kept, max_bytes=self.max_kept_bytes, max_age=self.max_age
            ),
            self.log,
            max_output_bytes=self.max_output_bytes,
        )
        self.directory = Directory(self._archive)
        """Finds executions."""
        self.on_activity: Callable[[], object] = lambda: None
        """Is called when the server counts as active, since code runs."""
        self.begun: Listeners[Execution] = Listeners()
        """Are called with each new execution."""
        self._works = Works()
        self._interrupts = Interrupts(grace=self.interrupt_grace)
        notices = Notices(self._archive, self._works.running_of)
        self._runner = Runner(self._archive, self._interrupts, notices, hints)
        self._tasks = Tasks()

    def start(
        self,
        code: str,
        destination: Destination,
        *,
        caller: Caller,
        ready: Ready,
        prepare: Prepare | None = None,
        timeout: float | None = None,
        can_ask: bool = False,
        parts: Callable[[Execution], Parts] | None = None,
    ) -> Execution:
        """Queue code on a kernel.

        ``prepare`` is awaited when its turn has come and the kernel answers. ``can_ask`` tells
        whether questions of the code (``input()``) can be brought to a person. ``parts`` gives
        what is run in place of the code, which then are words for it.
        """
        execution = self._new(
            code,
            destination,
            caller,
            timeout=self._allowed_timeout(timeout),
            input_timeout=self.input_timeout if can_ask else None,
        )
        several = None if parts is None else parts(execution)
        self._spawn(execution, self._run(execution, ready, prepare, several))
        return execution

    def start_work(
        self, words: str, work: Work, destination: Destination, *, caller: Caller
    ) -> Execution:
        """Begin work that is not code, described by ``words``, as an execution of a session.

        It takes no kernel's turn. What it raises as a ToolError is the execution's `failure`.
        """
        execution = self._new(words, destination, caller)
        self._works.add(execution)
        self._spawn(execution, carry_out(execution, work, self._archive, self.log))
        return execution

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
        if not execution.is_finished:  # it is about to be told of
            await self._archive.begun(execution)
        return execution

    async def interrupt(self, execution: Execution) -> None:
        """Stop it, or take it from the queue; returns when it has ended.

        One that ended for its callers and ignored its interrupt is interrupted again.
        """
        execution.request_stop("interrupted")
        await asyncio.wait({execution.done})
        await self._interrupts.again(execution)

    def cancel(self, execution: Execution) -> None:
        """Stop it, since its request was cancelled, without waiting for its end."""
        execution.request_stop("interrupted", CANCELLED)

    def disconnect(self, execution: Execution) -> None:
        """The client closed its connection while it waited: stop, unless configured otherwise."""
        if self.interrupt_on_disconnect:
            execution.request_stop("interrupted", DISCONNECTED)

    def allowed_wait(self, caller: Caller, wait: float) -> float:
        """The seconds that this caller's request may be kept waiting."""
        patient = caller.client in self.patient_clients
        return min(wait, self.max_patient_wait if patient else self.max_wait)

    async def open(self) -> None:
        """Take over the executions of an earlier run of this server."""
        await self._archive.open()

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

    def _new(
        self,
        code: str,
        destination: Destination,
        caller: Caller,
        *,
        timeout: float | None = None,
        input_timeout: float | None = None,
    ) -> Execution:
        order = Order(
            id=self.directory.new_id(destination.session_id, caller, after=destination.last_number),
            session_id=destination.session_id,
            kernel=destination.kernel,
            kernel_name=destination.kernel_name,
            code=code,
            owner=caller.subject,
            client=caller.client,
            scope=caller.scope,
        )
        execution = Execution(
            order,
            timeout=timeout,
            max_output_bytes=self.max_output_bytes,
            input_timeout=input_timeout,
        )
        self._archive.add(execution)
        self.begun.tell(execution)
        if self.max_activity:
            Activity(execution, self.on_activity, limit=self.max_activity)
        return execution

    def _allowed_timeout(self, timeout: float | None) -> float | None:
        asked = timeout or self.default_timeout or self.max_timeout
        return (min(asked, self.max_timeout) if self.max_timeout else asked) or None

    def _spawn(self, execution: Execution, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(work, name=f"mcp-execution-{execution.id}")

    async def _run(
        self, execution: Execution, ready: Ready, prepare: Prepare | None, parts: Parts | None
    ) -> None:
        """Run code to an end, whatever happens."""
        try:
            try:
                await self._runner.run(execution, ready, prepare, parts)
            finally:  # before its callers learn the end
                if parts is not None:
                    await parts.close()
        except KernelLost as err:
            end_lost(execution, err)
        except ToolError as err:
            if execution.began is None:
                execution.refusal = err
            execution.end("dead", str(err))
        except asyncio.CancelledError:
            execution.end("interrupted", STOPPING)
            raise
        except Exception:
            self.log.exception("The execution %s failed", execution.id)
            execution.end("dead", "an internal error; the server's log has the details")
        finally:
            self._archive.finish(execution)
