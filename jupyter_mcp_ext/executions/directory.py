"""Which executions there are: the ids that they get, and those that a caller may find."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import UnknownExecution, shown

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller

    from .archive import Archive
    from .execution import Execution

EXECUTION_ID = re.compile(r"(?P<session>[a-z0-9-]{1,64})-(?P<number>[0-9]{1,9})")

TAKING_OVER = (
    "The server has restarted and still reads what was executed before. Call this again in a few "
    "seconds."
)


class Directory:
    """Finds the executions that the archive keeps; no caller finds another user's."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._numbers: dict[str, int] = {}
        """The last number given, by session."""
        self._latest: dict[tuple[str, str], str] = {}
        """The id of the latest execution, by its owner and session."""
        archive.restored.add(self._know)

    def _know(self, execution: Execution) -> None:
        """Take note of an execution of an earlier run of this server."""
        parts = EXECUTION_ID.fullmatch(execution.id)
        if parts is None:
            return
        session, number = parts["session"], int(parts["number"])
        self._numbers[session] = max(self._numbers.get(session, 0), number)
        latest = EXECUTION_ID.fullmatch(self._latest.get((execution.owner, session), ""))
        if latest is None or int(latest["number"]) < number:
            self._latest[execution.owner, session] = execution.id

    def new_id(self, session_id: str, caller: Caller, *, after: int) -> str:
        """The id of a caller's next execution in a session, with a number above ``after``."""
        number = self._numbers[session_id] = max(self._numbers.get(session_id, 0), after) + 1
        execution_id = self._latest[caller.subject, session_id] = f"{session_id}-{number}"
        return execution_id

    def find(self, caller: Caller, execution_id: str) -> Execution:
        """The caller's execution of that id. Raises UnknownExecution."""
        execution = self._archive.get(execution_id)
        if execution is not None and execution.owner == caller.subject:
            return execution
        if execution is None and self._archive.is_taking_over:
            raise UnknownExecution(TAKING_OVER)
        if execution is None and self._was_given(caller, execution_id):
            msg = (
                f"The execution {execution_id} has expired: its output is kept no longer. Run the "
                "code again if you need it and running it twice does no harm."
            )
            raise UnknownExecution(msg)
        msg = (
            f"There is no execution {shown(execution_id)}. get_output() without an id shows your "
            "latest one."
        )
        raise UnknownExecution(msg)

    def latest(self, caller: Caller, session_id: str) -> Execution:
        """The caller's latest execution in a session. Raises UnknownExecution."""
        execution_id = self._latest.get((caller.subject, session_id))
        if execution_id is None:
            if self._archive.is_taking_over:
                raise UnknownExecution(TAKING_OVER)
            msg = "You have executed nothing in this session yet. execute_code runs code in it."
            raise UnknownExecution(msg)
        return self.find(caller, execution_id)

    def latest_of(self, caller: Caller) -> Execution:
        """The latest that the caller's client started in any session. Raises UnknownExecution."""
        execution = max(self._of(caller), key=lambda each: each.created, default=None)
        if execution is None:
            if self._archive.is_taking_over:
                raise UnknownExecution(TAKING_OVER)
            msg = "You have executed nothing yet. execute_code runs code."
            raise UnknownExecution(msg)
        return execution

    def unfinished_of(self, caller: Caller) -> list[Execution]:
        """What the caller's client has not finished yet, in any session."""
        return [execution for execution in self._of(caller) if not execution.is_finished]

    def owned(self, caller: Caller) -> list[Execution]:
        """All that `find` gives the caller, the latest first."""
        return self._archive.of(caller.subject)[::-1]

    def sessions_in_use(self) -> set[str]:
        """The ids of sessions in which code runs, or has results that no caller has read."""
        found = (self._archive.get(execution_id) for execution_id in self._archive.ids())
        return {
            each.session_id
            for each in found
            if each is not None
            if not (each.is_finished and each.readers.have_seen(each.fold.lines)) or each.goes_on
        }

    def ids(self) -> tuple[str, ...]:
        """The ids of all executions that are kept, oldest first."""
        return self._archive.ids()

    def _of(self, caller: Caller) -> list[Execution]:
        """The client's executions: those of the same conversation, or all if it has none."""
        found = self._archive.of(caller.subject, caller.client)
        return [execution for execution in found if execution.scope == caller.scope] or found

    def _was_given(self, caller: Caller, execution_id: str) -> bool:
        parts = EXECUTION_ID.fullmatch(execution_id)
        if parts is None or (caller.subject, parts["session"]) not in self._latest:
            return False
        return 1 <= int(parts["number"]) <= self._numbers[parts["session"]]
