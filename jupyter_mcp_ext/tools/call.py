"""One call of a tool: its caller, its session and execution, and what its answer adds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.governance.audit import sha256_of
from jupyter_mcp_ext.governance.transcript import first_text, shortened

from .progress import Progress
from .touched import NOTHING, Touched, touched

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.governance.caller import Caller, Principal
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session

    from .answer import Question
    from .confirmations import Confirmed
    from .elicitation import Elicitation, Given


@dataclass(kw_only=True)
class Call:
    """One call of a tool; the session and the code's hash go into the audit."""

    services: Services
    caller: Caller
    principal: Principal
    origin: str = ""
    """The origin under which the client reaches the Jupyter server: ``https://host:port``."""
    progress: Progress | None = None
    elicitation: Elicitation | None = None
    """How the person at the client is asked; None when they cannot be."""
    consent: Given | None = None
    """The answer that a call brings which is made again."""
    confirmed: Confirmed | None = None
    """The answers to a tool's own questions, of a call which is made again."""
    request_id: str | None = None
    """The id of the request, as its client chose it."""
    label: str = ""
    """What metrics name the tool, if it has no name of the server's own."""
    is_gone: Callable[[], bool] = lambda: False
    """Whether the client has closed the connection of the call."""
    task_after: float | None = None
    """Seconds of waiting after which code that goes on becomes a task; None: it never does."""
    started: float = field(default_factory=time.monotonic)

    question: Question | None = field(default=None, init=False)
    """The question that the call's result asks."""
    task: Execution | None = field(default=None, init=False)
    """The execution that is the call's task."""
    session_id: str | None = field(default=None, init=False)
    names_session: bool = field(default=False, init=False)
    """Whether an argument names the session; else it is the default one."""
    code: str | None = field(default=None, init=False)
    """The code that the call is about."""
    touched: Touched = field(default=NOTHING, init=False)
    """What the call names of notebooks, files and packages."""
    rights: list[Right] = field(default_factory=list, init=False)
    """The rights that were asked for."""
    begun: int | None = field(default=None, init=False)
    """The number of the record in the audit file which says that the call begins."""
    arguments: tuple[tuple[str, str], ...] = field(default=(), init=False)
    answer: str = field(default="", init=False)
    """What people are shown of the call: its arguments and its answer, shortened."""
    notices: list[str] = field(default_factory=list, init=False)
    """Notices of this answer alone; those of an execution are with the execution."""
    _paused: float = field(default=0.0, init=False)

    @property
    def sandbox(self) -> str | None:
        """What confines the kernel of the call's session, or the one that it gets."""
        sessions, sandbox = self.services.sessions, self.services.kernels.sandbox
        session = self.session
        if session is None:
            return None
        is_ready = sessions.is_ready(session)
        is_confined = session.kernel.is_confined if is_ready else session.is_agents
        return sandbox.in_force if is_confined else "none"

    @property
    def session(self) -> Session | None:
        """The session that the call is about."""
        found = self.services.sessions.directory.get
        return found(self.session_id) if self.session_id else None

    @property
    def code_hash(self) -> str | None:
        """Stands for the code in the audit, which need not have it."""
        return sha256_of(self.code)

    async def require(self, *rights: Right, tool: str = "") -> None:
        """Return if the caller has these rights too, and a tool by the settings.

        Raises Forbidden.
        """
        self.rights.extend(right for right in rights if right not in self.rights)
        if tool:
            self.services.policy.check(self.principal, tool)
            self.services.switches.check_tool(self.caller.subject, tool)
        await self.services.policy.decide(self.principal, *rights)

    async def begin(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Note what the call names, and record that it begins if need be. Raises NotRecorded."""
        self.touched = touched(tool, arguments)
        if self.services.names.changes(tool):
            named = {"request_id": self.request_id, **vars(self.touched)}
            code = arguments.get("code")
            self.begun = await self.services.audit.begin(self.caller, tool, code, named)

    def hides(self, path: str) -> bool:
        """Whether an API path must seem not to exist for the caller."""
        return self.services.sessions.paths.hides(self.caller, path)

    def use(self, session: Session, named: str | None = None) -> Session:
        """Note the session that the call is about, and the argument that names it.

        Raises LimitReached.
        """
        self._count_for(session.id)
        self.names_session = bool(named)
        return session

    def follow(self, execution: Execution, *, as_task: bool = False) -> Execution:
        """Note the execution that the call is about, which may be its task.

        Raises LimitReached, unless the call has used the execution's session.
        """
        self._count_for(execution.session_id)
        self.code = execution.code
        if as_task:
            self.task = execution
        return execution

    def _count_for(self, session_id: str) -> None:
        before, self.session_id = self.session_id, session_id
        if before is None:
            self.services.calls.admit_to(session_id)

    def show(self, arguments: Mapping[str, Any] | None) -> None:
        """Note the arguments for people."""
        self.arguments = shortened(arguments)

    def show_answer(self, texts: Iterable[str]) -> None:
        """Note the answer for people."""
        self.answer = first_text(texts)

    def ask(self, question: Question) -> None:
        """Have the call's result ask a question."""
        self.question = question

    def pause(self, seconds: float) -> None:
        """Do not count these seconds, for which a person was asked, as waiting."""
        self._paused += seconds

    @property
    def paused(self) -> float:
        """The seconds for which a person was asked."""
        return self._paused

    def left(self, wait: float) -> float:
        """The seconds left of a wait, which counts from the request."""
        return max(0.0, wait + self._paused - (time.monotonic() - self.started))
