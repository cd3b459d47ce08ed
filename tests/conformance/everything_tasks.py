"""Fixtures that answer later: tasks of the 2026-07-28 protocol's extension, kept in memory."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import mcp_types as types

from jupyter_mcp_ext.errors import UnknownExecution
from jupyter_mcp_ext.protocol.tasks import Context, Task, created, require_tasks, takes_tasks

from .everything_content import text
from .everything_rounds import ask, elicitation

Result = dict[str, Any]
Work = Callable[["Job"], Awaitable[Result]]


class ProtocolError(Exception):
    """Raised for requests that get a JSON-RPC error."""


class Job:
    """A call that goes on after its answer."""

    def __init__(self, job_id: str, work: Work) -> None:
        self.id = job_id
        self.created = time.time()
        self.updated = self.created
        self.questions: dict[str, tuple[Result, asyncio.Future[Result]]] = {}
        self.work = asyncio.create_task(self._run(work), name=f"fixture-{job_id}")

    async def _run(self, work: Work) -> Result:
        try:
            return await work(self)
        finally:
            self.updated = time.time()

    async def ask(self, key: str, field: str, kind: str) -> Result:
        """Ask the client's user for one field."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.questions[key] = (elicitation(f"Which {field}?", field, kind), answer)
        return await answer

    def answer(self, key: str, response: Result) -> None:
        """Accept the answer to an open question."""
        if key in self.questions:
            _, answer = self.questions.pop(key)
            answer.set_result(response)

    @property
    def task(self) -> Task:
        """Its status."""
        done = self.work.done() and not self.work.cancelled()
        error = self.work.exception() if done else None
        requests = {key: question for key, (question, _) in self.questions.items()}
        state: Result = {"status": "working"}
        if self.work.cancelled():
            state = {"status": "cancelled"}
        elif error is not None:
            shown = {"code": types.INTERNAL_ERROR, "message": str(error)}
            state = {"status": "failed", "error": shown, "message": str(error)}
        elif done:
            state = {"status": "completed", "result": self.work.result()}
        elif requests:
            state = {"status": "input_required", "input_requests": requests}
        return Task(
            id=self.id, created=self.created, updated=self.updated, poll_interval=0.2, **state
        )


async def _slow_compute(job: Job, seconds: float) -> Result:
    await asyncio.sleep(seconds)
    return {"content": [text(f"Computed for {seconds:g} s.")]}


async def _failing_job(job: Job) -> Result:
    return {"content": [text("This job always fails.")], "isError": True}


async def _protocol_error_job(job: Job) -> Result:
    message = "The fixture has failed, as it is to."
    raise ProtocolError(message)


async def _confirm_delete(job: Job, filename: str) -> Result:
    answer = await job.ask("confirm", "confirm", "boolean")
    return {"content": [text(f"{filename}: {answer['action']}")]}


async def _multi_input(job: Job) -> Result:
    answers = await asyncio.gather(
        job.ask("first", "name", "string"), job.ask("second", "name", "string")
    )
    return {"content": [text(", ".join(answer["action"] for answer in answers))]}


async def _greet_later(job: Job, name: str) -> Result:
    return {"content": [text(f"Hello, {name}!")]}


TASK_TOOLS = (
    "greet",
    "slow_compute",
    "failing_job",
    "protocol_error_job",
    "confirm_delete",
    "multi_input",
    "test_tool_with_task",
)


class FixtureTasks:
    """The jobs of the server; it has one client."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count(1)

    async def call(
        self,
        ctx: Context,
        name: str,
        arguments: Mapping[str, Any],
        responses: Mapping[str, Any],
    ) -> Result:
        """Run a fixture of `TASK_TOOLS`."""
        if name == "greet":
            return {"content": [text(f"Hello, {arguments['name']}!")]}
        if name == "slow_compute" and (not takes_tasks(ctx) or not arguments["seconds"]):
            await asyncio.sleep(arguments["seconds"])
            return {"content": [text("Computed at once.")]}
        require_tasks(ctx)
        if name == "test_tool_with_task":
            if "user_name" not in responses:
                return ask({"user_name": elicitation("What is your name?", "name")})
            user = responses["user_name"].content["name"]
            return self._start(lambda job: _greet_later(job, user))
        works: dict[str, Work] = {
            "slow_compute": lambda job: _slow_compute(job, arguments["seconds"]),
            "failing_job": _failing_job,
            "protocol_error_job": _protocol_error_job,
            "confirm_delete": lambda job: _confirm_delete(job, arguments["filename"]),
            "multi_input": _multi_input,
        }
        return self._start(works[name])

    def _start(self, work: Work) -> Result:
        job = Job(f"job-{next(self._numbers)}", work)
        self._jobs[job.id] = job
        return created(job.task)

    def _find(self, task_id: str) -> Job:
        if task_id not in self._jobs:
            message = f"There is no task {task_id!r}."
            raise UnknownExecution(message)
        return self._jobs[task_id]

    async def get(self, ctx: Context, task_id: str) -> Task:
        """The task as it is now."""
        return self._find(task_id).task

    async def update(self, ctx: Context, task_id: str, responses: Mapping[str, Any]) -> None:
        """Pass on the answers to a task's questions."""
        for key, response in responses.items():
            self._find(task_id).answer(key, response)

    async def cancel(self, ctx: Context, task_id: str) -> None:
        """End a job."""
        self._find(task_id).work.cancel()
