"""Hostile kernels against the server, from inside the sandbox: by what they send it over ipc.

What the messages of other kernels are tested with, and with the same bounds, is in
``tests/benchmarks/hostile.py``; these run through the sandbox's own transport.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.benchmarks.hostile import ANSWERED, SENT
from tests.mcp_client import McpClient
from tests.servers import JupyterServer

from .test_sandbox import CONFINED, run

MOST_TEXT = 200_000
"""Characters of an answer, whatever a kernel sends."""

WIRE = """
import json
kernel = get_ipython().kernel
session, parent = kernel.session, kernel.get_parent()
def raw(*frames):
    kernel.iopub_socket.send_multipart(list(frames))
def signed(*parts):
    raw(b'x', b'<IDS|MSG>', session.sign(list(parts)), *parts)
header = lambda kind, **more: json.dumps({**session.msg_header(kind), **more}, default=str).encode()
mine = json.dumps(parent['header'], default=str).encode()
"""

SENDS = {
    "frames that are no message": "for n in range(1_000): raw(b'x', b'y')",
    "one empty frame": "for n in range(1_000): raw(b'')",
    "a mark and nothing else": "for n in range(1_000): raw(b'<IDS|MSG>')",
    "wrong signatures": (
        "for n in range(1_000):\n"
        "    raw(b'x', b'<IDS|MSG>', b'0' * 64, header('stream'), mine, b'{}', b'{}')"
    ),
    "a signature of 10 MB": (
        "raw(b'x', b'<IDS|MSG>', b'0' * 10_000_000, header('stream'), mine, b'{}', b'{}')"
    ),
    "headers that are no objects": (
        "for one in (b'', b'[]', b'null', b'7', b'{', b'\\xff', b'[' * 90_000):\n"
        "    signed(one, mine, b'{}', b'{}')\n"
        "    signed(header('stream'), one, b'{}', b'{}')"
    ),
    "a header of 10 MB": "signed(header('stream', more='x' * 10_000_000), mine, b'{}', b'{}')",
    "contents that are no objects": (
        "for one in (b'', b'[]', b'null', b'7', b'{', b'\\xff', b'[' * 90_000, b'9' * 90_000):\n"
        "    for kind in ('stream', 'display_data', 'execute_result', 'error', 'status',\n"
        "                 'clear_output', 'update_display_data', 'comm_open', 'execute_input'):\n"
        "        signed(header(kind), mine, b'{}', one)"
    ),
    "contents with values of other types": (
        "for one in (b'null', b'7', b'[]', b'{}', b'\"x\"', b'[[[]]]', b'1e999', b'-0'):\n"
        "    for kind, names in (('stream', ('name', 'text')), ('status', ('execution_state',)),\n"
        "            ('display_data', ('data', 'metadata', 'transient')),\n"
        "            ('error', ('ename', 'evalue', 'traceback')), ('clear_output', ('wait',)),\n"
        "            ('execute_input', ('code', 'execution_count'))):\n"
        "        content = b'{' + b', '.join(b'\"%s\": %s' % (n.encode(), one) for n in names)\n"
        "        signed(header(kind), mine, b'{}', content + b'}')"
    ),
    "parents that are unknown": (
        "for n in range(2_000):\n"
        "    signed(header('stream'), json.dumps({'msg_id': 'no-%d' % n}).encode(), b'{}',\n"
        '           b\'{"name": "stdout", "text": "x"}\')'
    ),
    "an end before its end": (
        "for n in range(100): signed(header('status'), mine, b'{}',\n"
        '    b\'{"execution_state": "idle"}\')'
    ),
    "numbers of messages that jump": (
        "for n in (10 ** 30, -1, 0, 10 ** 9, 5):\n"
        "    signed(header('stream', msg_id='%s_1_%d' % (session.session, n)), mine, b'{}',\n"
        '           b\'{"name": "stdout", "text": "x"}\')'
    ),
    "states that are none": (
        "for one in (b'\"dead\"', b'\"starting\"', b'\"' + b'x' * 50_000 + b'\"', b'7'):\n"
        "    signed(header('status'), mine, b'{}', b'{\"execution_state\": ' + one + b'}')"
    ),
}

LARGE = {case.name: case.calls[0][1]["code"] for case in SENT}
LIES = {case.name: case.setup for case in ANSWERED}


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(*CONFINED)


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[McpClient]:
    client = McpClient(server)
    yield client
    client.call("shutdown_kernel", session_id="default", force=True)


@pytest.mark.parametrize("what", SENDS)
def test_a_server_that_is_sent_this_goes_on(client: McpClient, what: str) -> None:
    sent = client.run(f"{WIRE}\n{SENDS[what]}\nprint('sent')")

    assert sent.status == "ok", sent.text[:2_000]
    assert len(sent.text) < MOST_TEXT
    assert run(client, "6 * 7") == "42"


@pytest.mark.parametrize("what", LARGE)
def test_a_server_that_is_sent_much_answers_little(client: McpClient, what: str) -> None:
    sent = client.run(LARGE[what], wait=50)

    assert sent.status in ("ok", "error")
    assert sent.size < MOST_TEXT
    assert run(client, "6 * 7") == "42"


@pytest.mark.parametrize("what", LIES)
def test_a_lie_about_variables_is_an_error_in_words(client: McpClient, what: str) -> None:
    client.run(LIES[what])

    refused = client.call("get_variables")
    client.run("json.dumps = honest")

    assert refused.is_error
    assert "Internal error" not in refused.text
    assert refused.size < MOST_TEXT
    assert run(client, "6 * 7") == "42"


def test_an_endless_flood_is_interrupted(client: McpClient) -> None:
    flood = client.begin("while True: print('x' * 1_000)")

    client.call("interrupt_kernel")
    ended = client.call("get_output", output_id=flood.id, wait=30)

    assert ended.status == "interrupted"
    assert ended.size < MOST_TEXT
    assert run(client, "6 * 7") == "42"


def test_a_reply_that_never_comes_is_not_waited_for(client: McpClient) -> None:
    client.run(
        "session = get_ipython().kernel.session\nhonest_send = session.send\n"
        "def send(stream, kind, *args, **more):\n"
        "    if kind != 'execute_reply': return honest_send(stream, kind, *args, **more)\n"
        "session.send = send"
    )

    said = run(client, "print('printed')")
    client.call("restart_kernel")

    assert "printed" in said
    assert run(client, "6 * 7") == "42"


def test_no_internal_error_was_logged(server: JupyterServer) -> None:
    """It is the last, after all that came before on this server."""
    assert [line for line in server.log if "Internal error" in line] == []
