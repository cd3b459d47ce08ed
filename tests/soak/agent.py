"""An agent of a soak: what it does, and what it believes to be so."""

from __future__ import annotations

import http.client
import random
import re
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from jupyter_mcp_ext.executions.execution import UNFINISHED
from tests.mcp_client import ERAS, McpClient, Result
from tests.soak.works import Works
from tests.soak.world import World

REMEMBERED = 40
"""Executions that an agent reads again, its latest: fewer than the server keeps."""

UNWRITTEN = 5.0
"""Seconds before a server was killed whose executions may be lost: it writes every quarter."""

ANSWER = 40_000
"""Bytes of an answer."""

TOLD = re.compile(r"lost|restored|brought back|loaded")
"""What a result says of variables that are not what they were."""

WORN = "died 5 times in a row"
"""What a session says whose kernel is not started again by itself."""


@dataclass(kw_only=True)
class Known:
    """What was answered about an execution."""

    id: str
    end: tuple[object, ...] | None
    """How it ended; None while it is not known to have."""
    answered: float
    life: int
    """The life of the server in which it was answered for the last time."""
    read: int = 0
    """The one in which it was read again."""


class Agent:
    """A user with a session, who notices what is not so."""

    def __init__(self, world: World, name: str) -> None:
        self.kernel: psutil.Process | None = None
        """The kernel's process, as far as is known."""
        self.did: Counter[str] = Counter()
        self._world = world
        self._name = name
        self._random = random.Random(name)  # the same in each soak
        self._works = Works(name, self._random)
        self._known: deque[Known] = deque(maxlen=REMEMBERED)
        self._value: int | None = None
        """What the session's ``n`` is; None if that is not known."""
        self._is_told = False
        """Whether a result has said since then that variables are not what they were."""
        self._count = 0

    def turn(self, acts: int) -> None:
        """Do so many things, then wait until nothing runs any more."""
        try:
            for _ in range(acts):
                self._do(self._random.choice(ACTS))
                self._world.acted()
            while not self._do(Agent.settle):
                pass
        finally:
            self._world.rested()

    def check(self) -> None:
        """Read again, once in each life of the server, what was answered: it has the same end.

        What was written is there, too.
        """
        self._works.check(self._world.server.root_dir, killed=self._world.killed)
        for known in list(self._known):
            if known.read < self._world.lives:
                self._check(known)

    def _check(self, known: Known) -> None:
        result = self._client().call("get_output", output_id=known.id)
        is_late = known.life < self._world.lives and self._world.killed - known.answered < UNWRITTEN
        if is_late:
            self.did["answered just before a kill"] += 1
            self._known.remove(known)
            return
        assert not result.is_error, (known, result.text)
        assert result.id == known.id
        end = _end(result)
        assert end is not None, (known, result.text)  # the agent has settled
        assert known.end in (None, end), (known, end, result.text)
        known.end, known.read = end, self._world.lives
        self.did["read again"] += 1

    def _do(self, act: Callable[[Agent, McpClient], None]) -> bool:
        """Whether the server answered; it may be killed at any time, and only then does not."""
        server = self._world.server
        try:
            act(self, self._client())
        except (OSError, http.client.HTTPException):
            assert not self._world.is_current(server)
            self._value = None
            self.did["cut off by a kill"] += 1
            return False
        self.did[act.__name__] += 1
        return True

    def _client(self) -> McpClient:
        """A new client, in either era: both have the same session."""
        headers = {"Authorization": f"Bearer {self._name}"}
        era = self._random.choice(ERAS)
        return McpClient(self._world.server, era, name=self._name, headers=headers)

    def _hear(self, client: McpClient, result: Result) -> bool:
        """Take in what a result says; whether it is that of an execution."""
        assert result.size < ANSWER
        self._is_told |= any(map(TOLD.search, result.notices))
        if result.is_error:
            assert WORN in result.text, result.text
            self.restart(client)
            return False
        if result.status == "dead":
            self._is_told |= TOLD.search(result.text) is not None
        end = _end(result)
        seen = next((known for known in self._known if known.id == result.id), None)
        if seen is None:
            seen = Known(id=result.id, end=end, answered=0, life=0)
            self._known.append(seen)
        assert seen.end in (None, end), (seen, end, result.text)
        seen.end, seen.answered, seen.life = end, time.monotonic(), self._world.lives
        return True

    def settle(self, client: McpClient) -> None:
        """Run code behind all that runs, and learn the kernel's process."""
        result = client.run("import os; os.getpid()")
        if self._hear(client, result) and result.status == "ok":
            self.kernel = psutil.Process(int(result.text.split()[-1]))
        else:
            self.settle(client)

    def set(self, client: McpClient) -> None:
        """Give a variable a new value."""
        self._count += 1
        self._value, self._is_told = None, False
        result = client.run(f"n = {self._count}")
        if self._hear(client, result) and result.status == "ok":
            self._value, self._is_told = self._count, False

    def read(self, client: McpClient) -> None:
        """Read the variable: it has its value, or it was said that it may not."""
        result = client.run("print('is', globals().get('n'))")
        if not self._hear(client, result) or result.status != "ok" or self._value is None:
            return
        value = result.text.split()[-1]
        assert value == str(self._value) or self._is_told, (value, self._value, result.text)

    def fail(self, client: McpClient) -> None:
        """Run code that fails."""
        result = client.run("1 / 0")
        assert not self._hear(client, result) or result.status in ("error", "dead"), result.text

    def wait(self, client: McpClient) -> None:
        """Begin code, and wait for its end in another call."""
        begun = client.run("import time; time.sleep(0.2); print('waited')", wait=0)
        if self._hear(client, begun):
            self._wait(client, begun)

    def poll(self, client: McpClient) -> None:
        """Begin code that prints, and read what is new of it until it has ended."""
        code = "import time\nfor k in range(5): print(k); time.sleep(0.05)"
        result = client.run(code, wait=0)
        while self._hear(client, result) and _end(result) is None:
            result = client.call("get_output", output_id=result.id, wait=0.05)

    def interrupt(self, client: McpClient) -> None:
        """Begin code without end, and interrupt it."""
        begun = client.begin("import time; time.sleep(600)")
        if self._hear(client, begun) and _end(begun) is None:
            stopped = client.call("interrupt_kernel", execution_id=begun.id)
            if self._hear(client, stopped):
                assert stopped.status in ("interrupted", "dead"), stopped.text
                assert _end(stopped) is not None

    def time_out(self, client: McpClient) -> None:
        """Run code without end for a moment."""
        result = client.run("import time; time.sleep(600)", timeout=0.2)
        assert not self._hear(client, result) or result.status in ("timeout", "dead"), result.text

    def disconnect(self, client: McpClient) -> None:
        """Break off a call; its result, and what it says of variables, is not received."""
        with client.opened("execute_code", code="import time; time.sleep(0.1)"):
            pass
        self._value = None

    def restart(self, client: McpClient) -> None:
        """Restart the kernel: this is not unsaid when a variable is missing later."""
        if not self._known:  # there is no session to restart before the first run
            self.settle(client)
            return
        result = client.call("restart_kernel")
        assert not result.is_error, result.text
        self._is_told |= TOLD.search(result.text) is not None

    def flood(self, client: McpClient) -> None:
        """Print much."""
        result = client.run("for k in range(5_000): print('line', k)")
        if self._hear(client, result):
            assert result.status in ("ok", "dead"), result.text
            assert result.status == "dead" or "4999" in result.text

    def notebook(self, client: McpClient) -> None:
        """Change or run cells of a notebook."""
        self._works.notebook(client)

    def file(self, client: McpClient) -> None:
        """Write and read a file."""
        self._works.file(client)

    def _wait(self, client: McpClient, begun: Result) -> None:
        result = client.call("get_output", output_id=begun.id, wait=50)
        assert self._hear(client, result)
        assert _end(result) is not None, result.text


ACTS = (
    *(Agent.set, Agent.set, Agent.read, Agent.read, Agent.read, Agent.fail, Agent.wait, Agent.poll),
    *(Agent.notebook, Agent.notebook, Agent.notebook, Agent.file),
    *(Agent.interrupt, Agent.time_out, Agent.disconnect, Agent.restart, Agent.flood),
)


def _end(result: Result) -> tuple[object, ...] | None:
    """How an execution ended; None if it has not."""
    meta = result.execution
    if meta["status"] in UNFINISHED:
        return None
    return meta["status"], meta["execution_count"], meta["outputs_total"]
