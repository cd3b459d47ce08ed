"""An agent that works in the notebook which a person has open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.mcp_client import McpClient, Result
from tests.servers import JupyterServer

NAME = "Claude Code"
ITS = "jupyter-mcp-ext/notebook"


class Agent:
    """A client of MCP, and the notebook that it works in."""

    def __init__(self, server: JupyterServer, path: str) -> None:
        self.path = path
        self._client = McpClient(server, name=NAME)
        self._thread = ThreadPoolExecutor(1)

    def call(self, tool: str, **arguments: Any) -> Result:
        """Call a tool for the notebook, which must not refuse."""
        result = self._client.call(tool, path=self.path, **arguments)
        assert not result.is_error, result.text
        return result

    def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool for the notebook, which must refuse; its message."""
        return self._client.refused(tool, path=self.path, **arguments)

    def read(self, execution_id: str) -> str:
        """What an execution has printed, whatever its cells show."""
        return self._client.call("get_output", output_id=execution_id).text

    @contextmanager
    def calling(self, tool: str, **arguments: Any) -> Iterator[Future[Result]]:
        """Call a tool while the block runs; leaving it waits for the answer."""
        answer = self._thread.submit(self.call, tool, **arguments)
        yield answer
        answer.result()

    @contextmanager
    def doing(self, work: Callable[[], object]) -> Iterator[None]:
        """Do several things while the block runs; leaving it waits until they are done."""
        done = self._thread.submit(work)
        yield
        done.result()

    @property
    def handles(self) -> list[str]:
        """The handles of the cells, as they are now."""
        return [str(cell["handle"]) for cell in self.call("read_notebook").meta[ITS]["cells"]]
