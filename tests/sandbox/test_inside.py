"""What code and other kernels need works in the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer
from tests.test_other_kernels import BASH, XPYTHON, Words, start

from .test_sandbox import CONFINED, run


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(*CONFINED)


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[McpClient]:
    client = McpClient(server)
    yield client
    client.call("shutdown_kernel", session_id="default", force=True)


@pytest.mark.parametrize("words", [BASH, XPYTHON], ids=["bash", "xpython"])
def test_another_kernel_runs_is_interrupted_restarted_and_dies(
    server: JupyterServer, words: Words
) -> None:
    kernel = start(server, words, f"inside-{words.kernel}")

    assert "sandbox: bubblewrap, no network" in kernel.call("get_kernel_status").text
    said = kernel.run(f"{words.keeps}\n{words.hello}").text
    assert "hello" in said
    assert "oops" in said
    counting = kernel.run(words.counts, wait=0)
    kernel.client.until_printed(counting, "count 1")
    kernel.call("interrupt_kernel")
    ended = kernel.client.call("get_output", output_id=counting.id, wait=20)
    assert ended.status == "interrupted", ended.text
    assert words.kept in kernel.run(words.tells).text
    kernel.call("restart_kernel")
    assert words.kept not in kernel.run(words.tells).text
    dead = kernel.run(words.dies)
    assert dead.status == "dead"
    assert words.kept not in kernel.run(words.tells).text
    kernel.call("shutdown_kernel", force=True)


WORKS = {
    "processes of a pool": (
        "import multiprocessing\n"
        "with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, 2]))",
        "[1, 2]",
    ),
    "a lock of processes": (
        "import multiprocessing\nwith multiprocessing.Lock(): print('held')",
        "held",
    ),
    "memory that processes share": (
        "from multiprocessing import shared_memory\n"
        "one = shared_memory.SharedMemory(create=True, size=9)\n"
        "print(shared_memory.SharedMemory(one.name).size >= 9); one.close(); one.unlink()",
        "True",
    ),
    "threads of a pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as pool: print(list(pool.map(abs, [-1, 2])))",
        "[1, 2]",
    ),
    "temporary files": (
        "import tempfile\n"
        "with tempfile.NamedTemporaryFile() as file: print(file.name.startswith('/tmp/'))",
        "True",
    ),
    "a database in the session's folder": (
        "import sqlite3\n"
        "with sqlite3.connect('data.db') as db:\n"
        "    db.execute('PRAGMA journal_mode=WAL')\n"
        "    db.execute('CREATE TABLE IF NOT EXISTS t (a)')\n"
        "    db.execute('INSERT INTO t VALUES (7)')\n"
        "print(sqlite3.connect('data.db').execute('SELECT a FROM t').fetchone())",
        "(7,)",
    ),
    "another folder": (
        "%mkdir -p sub\n%cd -q sub\nimport os\nprint(os.path.basename(os.getcwd()))\n%cd -q ..",
        "sub",
    ),
    "a server on its own loopback": (
        "import socket\n"
        "with socket.create_server(('127.0.0.1', 0)) as one:\n"
        "    with socket.create_connection(one.getsockname()): print('connected')",
        "connected",
    ),
    "the name of its loopback": (
        "import socket\n"
        "with socket.create_server(('localhost', 0)) as one:\n"
        "    port = one.getsockname()[1]\n"
        "    with socket.create_connection(('localhost', port)): print('connected')",
        "connected",
    ),
    "an event loop": ("import asyncio\nprint(await asyncio.sleep(0, 'slept'))", "slept"),
    "a line of the shell": ("!printf '%s\\n' one | tr a-z A-Z", "ONE"),
    "a cell of the shell": ("%%bash\necho $((40 + 2))", "42"),
    "a home that can be written": (
        "from pathlib import Path\n(Path.home() / 'x').write_text('x'); print(Path('~/x')."
        "expanduser().exists())",
        "True",
    ),
    "the time zone": ("import time\nprint(len(time.tzname))", "2"),
    "the name of the account": ("import getpass\nprint(getpass.getuser())", "jupyter"),
}


@pytest.mark.parametrize("what", WORKS)
def test_code_works_inside(client: McpClient, what: str) -> None:
    code, said = WORKS[what]

    assert run(client, code).splitlines()[-1] == said


def test_variables_are_seen_while_code_runs(client: McpClient) -> None:
    code = "seen_while_busy = 41\nprint('is set')\nimport time\nwhile True: time.sleep(0.01)"
    running = client.run(code, wait=0)
    client.until_printed(running, "is set")  # a kernel says that it has begun before it runs code

    seen = client.call("get_variables", filter="seen_while_busy")
    client.call("interrupt_kernel")

    assert "41" in seen.text
    assert client.call("get_output", output_id=running.id, wait=20).status == "interrupted"


def test_pip_fails_in_words_and_soon(client: McpClient) -> None:
    said = client.run("!pip install --retries 0 --disable-pip-version-check six-is-not-here")

    assert said.status in ("ok", "error")
    assert "Could not find a version" in said.text or "ERROR" in said.text
