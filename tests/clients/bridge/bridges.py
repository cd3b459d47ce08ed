"""A bridge in a process of its own, spoken to line by line."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mcp_client import NEW, OLD, Result
from tests.servers import environment

COMMAND = (sys.executable, "-m", "jupyter_mcp_ext", "bridge")
_META = "io.modelcontextprotocol/"


@dataclass(kw_only=True)
class Bridge:
    """A running bridge and the client that has started it."""

    process: subprocess.Popen[bytes]
    version: str
    name: str = "tests"
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    """What came beside the answers, the oldest first."""
    answers: dict[Any, dict[str, Any]] = field(default_factory=dict)
    """Answers that came before they were waited for, by their ids."""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def write(self, line: bytes) -> None:
        """Write a line as it is."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def send(self, method: str, **params: Any) -> int:
        """Send a request, and give its id."""
        number = next(self._ids)
        self.write(self.line(method, params, number))
        return number

    def line(self, method: str, params: dict[str, Any], number: int | None = None) -> bytes:
        """A message of this client's protocol version."""
        if self.version == NEW and number is not None:
            meta = {
                f"{_META}protocolVersion": NEW,
                f"{_META}clientInfo": {"name": self.name, "version": "1"},
                f"{_META}clientCapabilities": self.capabilities,
            }
            params = {**params, "_meta": {**meta, **params.get("_meta", {})}}
        given = {} if number is None else {"id": number}
        return json.dumps({"jsonrpc": "2.0", **given, "method": method, "params": params}).encode()

    def tell(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.write(self.line(method, params))

    def read(self) -> dict[str, Any]:
        """The next message of the bridge."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.endswith(b"\n"), (line, self.said())
        found: dict[str, Any] = json.loads(line)
        return found

    def answer(self, number: int | None) -> dict[str, Any]:
        """The answer to a request; what comes before it is kept."""
        while number not in self.answers:
            found = self.read()
            if "method" in found:
                self.notifications.append(found)
            else:
                self.answers[found.get("id")] = found
        return self.answers.pop(number)

    def notified(self, method: str) -> dict[str, Any]:
        """The first notification of a kind, also one that came before."""
        while True:
            for each in self.notifications:
                if each["method"] == method:
                    self.notifications.remove(each)
                    return each
            found = self.read()
            if "method" in found:
                self.notifications.append(found)
            else:
                self.answers[found.get("id")] = found

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and give its answer."""
        return self.answer(self.send(method, **params))

    def call(self, tool: str, /, **arguments: Any) -> Result:
        """Call a tool."""
        return result_of(self.ask("tools/call", name=tool, arguments=arguments))

    def initialize(self) -> dict[str, Any]:
        """Begin, as protocols before 2026-07-28 do."""
        answer = self.ask(
            "initialize",
            protocolVersion=self.version,
            capabilities=self.capabilities,
            clientInfo={"name": self.name, "version": "1"},
        )
        self.tell("notifications/initialized")
        return answer

    def end(self) -> int:
        """Close its stdin, and give its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(30)

    def said(self) -> str:
        """All of its stderr, after its end."""
        self.process.kill()
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


def result_of(answer: dict[str, Any]) -> Result:
    """The result of a tool in an answer."""
    assert "result" in answer, answer
    result = answer["result"]
    return Result(
        content=result["content"],
        meta=result.get("_meta", {}),
        is_error=result.get("isError", False),
        keys=frozenset(result),
        size=len(json.dumps(result)),
    )


@contextmanager
def bridged(
    folder: Path,
    *options: str,
    version: str = OLD,
    capabilities: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    begin: bool = True,
    name: str = "tests",
) -> Iterator[Bridge]:
    """Run a bridge to the servers of a folder until the block is left."""
    process = subprocess.Popen(
        [*COMMAND, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(folder, env),
        cwd=folder,
    )
    bridge = Bridge(
        process=process, version=version, capabilities=dict(capabilities or {}), name=name
    )
    with process:
        try:
            if begin and version != NEW:
                bridge.initialize()
            yield bridge
        finally:
            process.kill()
