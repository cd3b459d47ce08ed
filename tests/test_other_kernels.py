"""bash_kernel and xeus-python as a client sees them: what works, and messages for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.kernelspecs import install
from tests.mcp_client import McpClient, Result
from tests.servers import JupyterServer

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""One pixel, in base64."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """The same things in the language of a kernel."""

    kernel: str
    calls_itself: str
    hello: str
    fails: str
    error: str
    keeps: str
    tells: str
    kept: str
    loops: str
    sleeps: str
    counts: str
    image: str
    dies: str
    death: str


BASH = Words(
    kernel="bash",
    calls_itself="bash_kernel",
    hello="echo hello; echo oops >&2",
    fails="(exit 3)",
    error="exit code 3",
    keeps="kept=kept-$((40 + 2))",
    tells="echo [$kept]",
    kept="kept-42",
    loops="while :; do :; done",
    sleeps="sleep 60",
    counts="for n in 1 2; do echo count $n; sleep 0.2; done; echo count 3; sleep 60",
    image="base64 -d <<< {png} | display",
    dies="kill -9 $PPID; sleep 60",
    death="killed by signal 9 (SIGKILL)",
)

XPYTHON = Words(
    kernel="xpython",
    calls_itself="xeus-python",
    hello="import sys; print('hello'); print('oops', file=sys.stderr)",
    fails="1 / 0",
    error="ZeroDivisionError: division by zero",
    keeps="kept = ''.join(['kept-', '42'])",
    tells="print([globals().get('kept', '')])",
    kept="kept-42",
    loops="while True: pass",
    sleeps="import time; time.sleep(60)",
    counts="import time\nfor n in (1, 2, 3): print('count', n); time.sleep(0.2)\ntime.sleep(60)",
    image="from IPython.display import Image, display; import base64\n"
    "display(Image(base64.b64decode('{png}')))",
    dies="import os; os._exit(3)",
    death="exit code 3",
)


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A session on one kernel."""

    client: McpClient
    words: Words
    session_id: str

    @property
    def id(self) -> str:
        status = self.call("get_kernel_status")
        return str(status.meta["jupyter-mcp-ext/session"]["kernel_id"])

    def run(self, code: str, **arguments: Any) -> Result:
        return self.client.run(code, session_id=self.session_id, **arguments)

    def call(self, tool: str, /, **arguments: Any) -> Result:
        return self.client.call(tool, session_id=self.session_id, **arguments)

    def refused(self, tool: str, /, **arguments: Any) -> str:
        return self.client.refused(tool, session_id=self.session_id, **arguments)


def start(server: JupyterServer, words: Words, name: str, **more: Any) -> Kernel:
    """A new session on a kernel; sessions of one name are one."""
    install(server.root_dir.parent / ".local/share/jupyter", words.kernel)
    client = McpClient(server, name="others")
    made = client.call("create_session", name=name, kernel_name=words.kernel, **more)
    assert not made.is_error, made.text
    session_id = made.meta["jupyter-mcp-ext/session"]["session_id"]
    return Kernel(client=client, words=words, session_id=session_id)


@pytest.fixture(scope="module", params=[BASH, XPYTHON], ids=["bash", "xpython"])
def kernel(server: JupyterServer, request: pytest.FixtureRequest) -> Kernel:
    """A kernel that the module's tests share, and leave usable."""
    return start(server, request.param, f"shared-{request.param.kernel}")


def test_code_prints_and_its_variables_stay(kernel: Kernel) -> None:
    hello = kernel.run(kernel.words.hello)
    kernel.run(kernel.words.keeps)

    assert hello.status == "ok"
    assert "hello" in hello.text
    assert "oops" in hello.text
    assert kernel.words.kept in kernel.run(kernel.words.tells).text


def test_code_that_fails_says_how_in_the_first_line(kernel: Kernel) -> None:
    failed = kernel.run(kernel.words.fails)

    first = failed.text.splitlines()[0]
    assert first.startswith("[error] ")
    assert first.endswith(f": {kernel.words.error}")
    assert not failed.is_error


@pytest.mark.parametrize("endless", ["loops", "sleeps"])
def test_a_timeout_ends_the_code_and_keeps_the_variables(kernel: Kernel, endless: str) -> None:
    kernel.run(kernel.words.keeps)

    stopped = kernel.run(getattr(kernel.words, endless), timeout=3)  # enough until it runs

    assert stopped.status == "timeout"
    assert stopped.execution["duration"] < 20
    assert kernel.words.kept in kernel.run(kernel.words.tells).text


def test_an_interrupt_ends_the_code_and_what_it_printed_is_kept(kernel: Kernel) -> None:
    running = kernel.run(kernel.words.counts, wait=0)
    kernel.client.until_printed(running, "count 3")

    stopped = kernel.call("interrupt_kernel", execution_id=running.id)

    assert stopped.status == "interrupted"
    assert "count 3" in kernel.client.call("get_output", output_id=running.id).text


def test_a_persons_interrupt_is_told_as_one(kernel: Kernel) -> None:
    running = kernel.run(kernel.words.counts, wait=0)
    kernel.client.until_printed(running, "count 3")
    server = kernel.client.server

    path = f"/api/kernels/{kernel.id}/interrupt"
    assert server.request("POST", b"{}", server.auth, path=path).status == 204
    ended = kernel.client.call("get_output", output_id=running.id, wait=20)

    assert ended.status == "interrupted"
    assert "from outside" in ended.text.splitlines()[0]
    assert kernel.run(kernel.words.hello).status == "ok"


def test_what_waits_in_the_queue_is_taken_out_alone_and_the_status_says_what_runs(
    kernel: Kernel,
) -> None:
    first = kernel.run(kernel.words.counts, wait=0)
    kernel.client.until_printed(first, "count 3")  # bash loses step between two commands
    second = kernel.run(kernel.words.hello, wait=0)

    status = kernel.call("get_kernel_status").text
    taken = kernel.call("interrupt_kernel", execution_id=second.id)
    refused = kernel.refused("get_variables")
    ended = kernel.call("interrupt_kernel", execution_id=first.id)

    assert status.startswith("[busy]")
    assert f"{second.id} (others) waits" in status
    assert "taken from the queue" in taken.text
    assert f"runs {first.id}" in refused
    assert ended.status == "interrupted"
    assert kernel.run(kernel.words.hello).status == "ok"


def test_an_image_is_an_image(kernel: Kernel) -> None:
    shown = kernel.run(kernel.words.image.replace("{png}", PNG))

    assert shown.status == "ok", shown.text
    assert len(shown.images) == 1


def test_code_that_prints_much_is_cut_and_kept(kernel: Kernel) -> None:
    # In one print: xeus sends a message for each, and drops some that are not read in time.
    code = {"bash": "seq 5000", "xpython": r"print('\n'.join(map(str, range(1, 5_001))))"}

    flood = kernel.run(code[kernel.words.kernel])

    assert flood.status == "ok"
    assert len(flood.text) < 10_500
    page = kernel.client.call("get_output", output_id=flood.id, offset=2_501, limit=1)
    assert "2501" in page.text


def test_variables_are_listed_and_inspected_without_a_trace(kernel: Kernel) -> None:
    kernel.run(kernel.words.keeps)
    before = kernel.run(kernel.words.tells).execution["execution_count"]

    listing = kernel.call("get_variables")
    one = kernel.call("inspect_variable", name="kept")
    absent = kernel.refused("inspect_variable", name="absent")

    assert "| kept |" in listing.text
    assert "PATH" not in listing.text
    assert kernel.words.kept in one.text
    assert "absent" in absent
    after = kernel.run(kernel.words.tells)
    assert after.execution["execution_count"] == before + 1
    assert not after.notices, "a look that ends the kernel would be told here"


@pytest.mark.parametrize("name", ["x; touch pwned", "$(touch pwned)", "`touch pwned`", "a[$(id)]"])
def test_a_name_that_is_code_is_refused(kernel: Kernel, name: str) -> None:
    refused = kernel.refused("inspect_variable", name=name)

    assert "not a name" in refused


def test_the_default_kernel_is_what_it_was(kernel: Kernel) -> None:
    plain = kernel.client.run("6 * 7")

    assert "(python3)" in plain.text.splitlines()[0]
    assert "python3 (" in kernel.client.call("list_sessions").text


# The tests below have a kernel of their own, or end the shared one.


def test_code_of_bash_that_is_incomplete_ends_with_words(server: JupyterServer) -> None:
    bash = start(server, BASH, "shared-bash")

    failed = bash.run("if true; then")

    assert failed.status == "error"
    assert "incomplete" in failed.text
    assert "hello" in bash.run(BASH.hello).text


def test_a_shell_that_ends_is_told_as_a_loss(server: JupyterServer) -> None:
    bash = start(server, BASH, "shared-bash")
    bash.run(BASH.keeps)

    ended = bash.run("exit 3")

    assert "the shell ended and was started again: its variables are lost" in ended.notices
    assert "[]" in bash.run(BASH.tells).text


def test_what_waits_for_a_terminal_ends_at_its_timeout(server: JupyterServer) -> None:
    bash = start(server, BASH, "shared-bash")

    waited = bash.run("read -p 'name? ' name", timeout=3)  # enough until it waits

    assert waited.status == "timeout"
    assert "hello" in bash.run(BASH.hello).text


@pytest.mark.parametrize("asks", ["input('who? ')", "import getpass; getpass.getpass()"])
def test_code_of_xeus_python_that_asks_is_told_what_to_do(server: JupyterServer, asks: str) -> None:
    xpython = start(server, XPYTHON, "shared-xpython")

    asked = xpython.run(asks)

    assert asked.status == "error"
    words = "passwords are never asked for" if "getpass" in asks else "cannot ask a person"
    assert any(words in notice for notice in asked.notices)


@pytest.mark.parametrize("words", [BASH, XPYTHON], ids=["bash", "xpython"])
def test_a_death_is_told_with_what_is_not_saved(server: JupyterServer, words: Words) -> None:
    kernel = start(server, words, f"shared-{words.kernel}")
    kernel.run(words.keeps)

    dead = kernel.run(words.dies)
    after = kernel.run(words.tells)

    assert dead.status == "dead"
    assert words.death in dead.text
    assert words.kept not in after.text
    [notice] = after.notices
    assert (
        f"only variables of ipykernel are saved, and this kernel is {words.calls_itself}" in notice
    )


@pytest.mark.parametrize("words", [BASH, XPYTHON], ids=["bash", "xpython"])
def test_a_restart_clears_the_session_and_a_shutdown_says_what_does_not_come_back(
    server: JupyterServer, words: Words
) -> None:
    kernel = start(server, words, f"shared-{words.kernel}")
    kernel.run(words.keeps)

    kernel.call("restart_kernel")
    restarted = kernel.run(words.tells)
    kernel.run(words.keeps)
    ended = kernel.call("shutdown_kernel")
    status = kernel.call("get_kernel_status")
    back = kernel.run(words.tells)

    assert words.kept not in restarted.text
    assert "without the variables" in ended.text
    assert "variables back" not in status.text
    assert words.kept not in back.text
    assert any("only variables of ipykernel are saved" in notice for notice in back.notices)


@pytest.mark.parametrize("words", [BASH, XPYTHON], ids=["bash", "xpython"])
def test_a_session_comes_back_by_replay_where_that_was_asked_for(
    server: JupyterServer, words: Words
) -> None:
    kernel = start(server, words, f"replayed-{words.kernel}", restore="replay")
    kernel.run(words.keeps)
    kernel.call("shutdown_kernel")

    back = kernel.run(words.tells)

    assert words.kept in back.text
    assert any("1 successful" in notice and "run again" in notice for notice in back.notices)
    copy = kernel.client.call(
        "create_session", name=f"copy-{words.kernel}", copy_of=kernel.session_id
    )
    assert "nothing was copied; only variables of ipykernel are saved" in copy.text


def test_code_is_not_taken_for_that_of_another_language(server: JupyterServer) -> None:
    bash = start(server, BASH, "shared-bash")
    bash.run("kept=5")

    copy = bash.client.call(
        "create_session", name="from-bash", kernel_name="python3", copy_of=bash.session_id
    )

    assert "nothing was copied; bash is another language than python3" in copy.text
    assert "NameError" in bash.client.run("kept", session_id="from-bash").text


@pytest.mark.parametrize("words", [BASH, XPYTHON], ids=["bash", "xpython"])
def test_a_persons_restart_ends_what_runs_and_is_told(server: JupyterServer, words: Words) -> None:
    kernel = start(server, words, f"shared-{words.kernel}")
    kernel.run(words.keeps)
    running = kernel.run(words.counts, wait=0)
    kernel.client.until_printed(running, "count 1")

    answer = server.request("POST", b"{}", server.auth, path=f"/api/kernels/{kernel.id}/restart")
    ended = kernel.client.call("get_output", output_id=running.id, wait=20)
    after = kernel.run(words.tells)

    assert answer.status == 200
    assert ended.status == "interrupted"
    assert "count 1" in ended.text
    assert words.kept not in after.text
    assert any("from outside" in notice for notice in (*ended.notices, *after.notices)) or (
        "from outside" in ended.text
    )
