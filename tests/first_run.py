"""The first minute of use: start ``jupyter mcp``, use what it prints, stop it.

``python -m tests.first_run jupyter mcp`` checks the command in the environment that is on PATH. It
needs nothing but Python itself, so it also runs where the tests' packages are not installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.servers import START_SECONDS, JupyterServer, environment

TOKEN = re.compile(r"JUPYTER_TOKEN=(\w+)")
LIST_TOOLS = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/list",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "first-run", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
META = LIST_TOOLS["params"]["_meta"]  # type: ignore[index]  # a dict
PLOT = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {
        "_meta": META,
        "name": "execute_code",
        "arguments": {
            "code": "import pandas as pd\npd.Series([1, 3, 2]).plot()",
        },
    },
}
PLOT_HEADERS = {
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "execute_code",
}
LIST_TOOLS_HEADERS = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}


@contextmanager
def started(
    command: Sequence[str],
    folder: Path,
    *,
    ready: re.Pattern[str] = TOKEN,
    env: Mapping[str, str] | None = None,
) -> Iterator[JupyterServer]:
    """Run a command that starts a server, as a person would, until the block is left.

    It gets no option but the port, and no path to the project. It is ready when a line that it
    writes has ``ready``; its token is the one that it has shown, if it has shown one.
    """
    port = free_port()
    clean = {k: v for k, v in environment(folder).items() if k != "PYTHONPATH"}
    process = subprocess.Popen(
        [*command, f"--port={port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**clean, **(env or {})},
    )
    log: list[str] = []
    is_ready = threading.Event()
    reader = threading.Thread(target=_read, args=(process, ready, log, is_ready), daemon=True)
    reader.start()
    try:
        is_ready.wait(START_SECONDS)
        said = "".join(log)
        if not ready.search(said):
            message = f"{' '.join(command)} did not start:\n{said}"
            raise RuntimeError(message)
        token = TOKEN.search(said)
        yield JupyterServer(
            process=process,
            port=port,
            token=token[1] if token else "",
            base_url="/",
            root_dir=folder,
            log=log,
        )
    finally:
        process.terminate()
        process.wait(60)
        reader.join(5)
        if process.stdout is not None:
            process.stdout.close()


def tools(server: JupyterServer) -> list[str]:
    """The names of the tools that a server lists."""
    answer = server.post(LIST_TOOLS, LIST_TOOLS_HEADERS)
    if answer.status != 200:
        message = f"tools/list was answered {answer.status}: {answer.body.decode()}"
        raise RuntimeError(message)
    result = answer.json()["result"]
    if not isinstance(result, dict):
        message = f"tools/list was answered {result!r}"
        raise TypeError(message)
    return [tool["name"] for tool in result["tools"]]


def plot(server: JupyterServer) -> None:
    """Have a plot made, as an agent would first."""
    result = server.post(PLOT, PLOT_HEADERS).json()["result"]
    if '"image/png"' not in json.dumps(result):
        message = f"There is no plot: {result!r}"
        raise RuntimeError(message)


def bridged_tools(command: Sequence[str], folder: Path) -> list[str]:
    """The names of the tools that Claude Code would see, once the command has connected it."""
    env = {k: v for k, v in environment(folder).items() if k != "PYTHONPATH"}
    connect = [*command, "connect", "claude-code", "--force"]
    subprocess.run(connect, env=env, cwd=folder, check=True)
    entry = json.loads((folder / ".claude.json").read_text())["mcpServers"]["jupyter"]
    with subprocess.Popen(
        [entry["command"], *entry["args"]],
        env={"HOME": str(folder), **entry["env"]},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as bridge:
        if bridge.stdin is None or bridge.stdout is None:
            raise TypeError(bridge)
        bridge.stdin.write(json.dumps(LIST_TOOLS) + "\n")
        bridge.stdin.flush()
        answer = json.loads(bridge.stdout.readline())
        bridge.stdin.close()
    return [tool["name"] for tool in answer["result"]["tools"]]


def _read(
    process: subprocess.Popen[str],
    ready: re.Pattern[str],
    log: list[str],
    is_ready: threading.Event,
) -> None:
    for line in process.stdout or ():
        log.append(line)
        if ready.search(line):
            is_ready.set()
    is_ready.set()


def main() -> None:
    """Check the command given by the arguments."""
    command = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(command, folder) as server:
            names = tools(server)
            plot(server)
            bridged = bridged_tools(command, folder)
    if bridged != names:
        message = f"The bridge has other tools than the server: {bridged}"
        raise RuntimeError(message)
    print(f"{' '.join(command)}: {len(names)} tools with the printed token and by connect; a plot.")


if __name__ == "__main__":
    main()
