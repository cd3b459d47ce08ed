"""A bad request gets one sentence, changes nothing and delays no other request."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.kernelspecs import add_kernelspec
from tests.mcp_client import ERAS, NEW, OLD, McpClient, Result
from tests.servers import JupyterServer

LONG = "n" * 10_000
SURROGATE = "\ud800"
POST = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    """A client whose default session has printed a line of x."""
    client = McpClient(server)
    client.run("print('x' * 1_900)")
    return client


@pytest.fixture(params=ERAS)
def either(request: pytest.FixtureRequest, server: JupyterServer) -> McpClient:
    """A client of each era, both with the same default session."""
    return McpClient(server, request.param)


def sessions(client: McpClient) -> list[str]:
    """The ids of all sessions."""
    listed = client.call("list_sessions").meta["jupyter-mcp-ext/sessions"]
    return [session["session_id"] for session in listed]


def files(server: JupyterServer) -> set[str]:
    """All files in the root and beside it, except those that Jupyter and sessions keep."""
    home = server.root_dir.parent
    return {
        str(path.relative_to(home))
        for path in home.rglob("*")
        if not str(path.relative_to(home)).startswith((".", "runtime", "root/mcp-sessions/"))
    }


@pytest.fixture
def unchanged(server: JupyterServer, client: McpClient) -> Iterator[None]:
    """Check that the test leaves sessions and files as they were."""
    before = (sessions(client), files(server))
    yield
    assert (sessions(client), files(server)) == before


def answered(body: bytes) -> str:
    """The sentence of a JSON-RPC error."""
    error: dict[str, Any] = json.loads(body)["error"]
    message = str(error["message"])
    assert " " in message
    assert "pydantic" not in body.decode()
    assert "Traceback" not in body.decode()
    return message


# -- without rights, and no valid message ------------------------------------------------------


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        ({}, 401, "Authorization: Bearer"),
        ({"Authorization": "Bearer wrong"}, 401, "wrong"),
        ({"Authorization": "Bearer "}, 401, "Authorization: Bearer"),
        ({"Authorization": "Bearer {}", "Host": "evil.example"}, 403, "evil.example"),
        ({"Authorization": "Bearer {}", "Origin": "http://evil.example"}, 403, "origin"),
        ({"Authorization": "Bearer {}", "Origin": "null"}, 403, "origin"),
    ],
)
def test_a_stranger_runs_nothing(
    server: JupyterServer, version: str, headers: dict[str, str], status: int, word: str
) -> None:
    message, routing = McpClient(server, version).prepare(
        "tools/call", name="execute_code", arguments={"code": "open('made', 'w')"}
    )
    sent = {name: value.format(server.token) for name, value in headers.items()}

    answer = server.request("POST", json.dumps(message).encode(), {**POST, **routing, **sent})

    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert word in answered(answer.body)
    assert not (server.root_dir / "made").exists()


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{not json", -32700),
        (b"", -32700),
        (b"\xff\xfe", -32700),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
        (b"[]", -32600),
        (b"17", -32600),
        (b'"ping"', -32600),
        (b"null", -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": null}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": []}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "tools/list"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
        (b"[" * 100_000, -32700),
        (b'{"a":' * 100_000, -32700),
        (b'{"jsonrpc": "2.0", "id": ' + b"9" * 5_000 + b', "method": "ping"}', -32700),
    ],
)
def test_a_body_that_is_not_a_message_is_a_400(
    server: JupyterServer, version: str, body: bytes, code: int
) -> None:
    headers = {**POST, **server.auth, "MCP-Protocol-Version": version}

    answer = server.request("POST", body, headers)

    assert answer.status == 400
    assert json.loads(answer.body)["error"]["code"] == code
    answered(answer.body)


def test_an_unknown_method_is_named(either: McpClient) -> None:
    error = either.error("tools/burn")

    assert error["code"] == -32601
    assert "tools/burn" in str(error)


def test_an_unknown_tool_is_answered_with_the_names_of_the_tools(either: McpClient) -> None:
    error = either.error("tools/call", name="frobnicate", arguments={})

    assert error["code"] == -32602
    assert "'frobnicate'" in error["message"]
    assert "execute_code" in error["message"]


def test_the_name_of_another_servers_tool_is_answered_with_the_one_here(either: McpClient) -> None:
    error = either.error("tools/call", name="use_notebook", arguments={})

    assert "Use create_session." in error["message"]


def test_a_body_over_4_mib_is_refused(server: JupyterServer) -> None:
    """A client that keeps sending may find its connection closed; this one waits."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {4 * 1024**2 + 1}\r\n\r\n"
        )
        sock.sendall(head.encode())
        answer = sock.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 413")
    assert "4 MiB" in answered(answer.partition(b"\r\n\r\n")[2])


# -- arguments ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "needs the argument 'code'"),
        ({"code": "open('made', 'w')", "kode": 1}, "no argument 'kode'"),
        ({"code": "open('made', 'w')", "timeout": -5}, "over 0, but was -5"),
        ({"code": "open('made', 'w')", "timeout": 0}, "over 0, but was 0"),
        ({"code": "open('made', 'w')", "timeout": "soon"}, "'timeout' must be a number"),
        ({"code": "open('made', 'w')", "timeout": float("nan")}, "'timeout' must be a number"),
        ({"code": "open('made', 'w')", "timeout": float("inf")}, "'timeout' must be a number"),
        ({"code": "open('made', 'w')", "timeout": 10**400}, "'timeout' must be a number"),
        ({"code": "open('made', 'w')", "wait": -1}, "'wait' must be a number of at least 0"),
        ({"code": "open('made', 'w')", "wait": [1]}, "'wait' must be a number"),
        ({"code": ["open('made', 'w')"]}, "'code' must be text"),
        ({"code": {"a": 1}}, "'code' must be text"),
        ({"code": None}, "'code' must be text"),
        ({"code": "open('made', 'w')", "session_id": "nosuch"}, "no session 'nosuch'"),
        ({"code": "open('made', 'w')", "session_id": {"id": 1}}, "'session_id' must be text"),
        ({"code": "open('made', 'w')", "session_id": "a\0b"}, "no session"),
        ({"code": "open('made', 'w')", "session_id": "../.."}, "no session"),
        ({"code": "open('made', 'w')", LONG: 1}, "no argument"),
        ({"code": "open('made', 'w')", "session_id": LONG}, "no session"),
    ],
)
def test_bad_arguments_are_named_and_nothing_runs(
    server: JupyterServer, client: McpClient, arguments: dict[str, Any], words: str
) -> None:
    assert words in client.refused("execute_code", **arguments)
    assert not (server.root_dir / "made").exists()


def test_known_arguments_are_listed_beside_an_unknown_one(either: McpClient) -> None:
    words = either.refused("execute_code", code="1", language="python")

    assert "Its arguments are: code, session_id, timeout, wait." in words


def test_arguments_as_one_json_string_are_understood(either: McpClient) -> None:
    result = either.call_with("execute_code", '{"code": "6 * 7"}')

    assert "42" in result.text


@pytest.mark.parametrize(
    "arguments", ['{"code": ', "[1]", "1", '"code"', '{"a":' + "[" * 5_000, "[" * 100_000]
)
def test_arguments_that_are_not_an_object_are_refused_in_words(
    either: McpClient, arguments: str
) -> None:
    error = either.error("tools/call", name="execute_code", arguments=arguments)

    assert error["code"] == -32602
    assert "JSON object" in error["message"]


@pytest.mark.parametrize("depth", [150, 900, 100_000])
@pytest.mark.usefixtures("unchanged")
def test_a_deeply_nested_list_in_a_string_is_refused(client: McpClient, depth: int) -> None:
    words = client.refused("create_notebook", path="deep", cells="[" * depth + "]" * depth)

    assert "'cells' must be a list" in words


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("depth", [150, 900])
@pytest.mark.usefixtures("unchanged")
def test_deeply_nested_arguments_are_refused(
    server: JupyterServer, version: str, depth: int
) -> None:
    message, headers = McpClient(server, version).prepare(
        "tools/call", name="create_notebook", arguments={"path": "deep", "cells": "@"}
    )
    body = json.dumps(message).replace('"@"', "[" * depth + "]" * depth).encode()

    answer = server.request("POST", body, {**POST, **server.auth, **headers})

    assert answer.status in (200, 400)
    assert b"Internal" not in answer.body
    assert b"must be a list" in answer.body or answered(answer.body)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("execute_code", {"code": f"open('made', 'w').write('{SURROGATE}')"}),
        ("execute_code", {"code": "1", "session_id": SURROGATE}),
        ("create_session", {"name": SURROGATE}),
        ("create_session", {"kernel_name": SURROGATE}),
        ("create_session", {"cwd": SURROGATE}),
        ("create_session", {"path": SURROGATE}),
        ("read_notebook", {"path": SURROGATE}),
        ("create_notebook", {"path": SURROGATE}),
        ("create_notebook", {"path": "made", "cells": [SURROGATE]}),
        ("create_notebook", {"path": "made", "cells": json.dumps([SURROGATE])}),
        ("get_output", {"grep": SURROGATE}),
        ("get_output", {"mime_type": SURROGATE}),
        ("get_output", {"output_id": SURROGATE}),
        ("get_output", {SURROGATE: 1}),
        ("get_output", json.dumps({"grep": SURROGATE})),
        ("get_output", json.dumps({SURROGATE: 1})),
    ],
)
def test_a_lone_surrogate_is_refused(
    server: JupyterServer, version: str, tool: str, arguments: object
) -> None:
    client = McpClient(server, version)
    ran = client.run("1").id

    answer = client.send("tools/call", name=tool, arguments=arguments)

    message = answer.json()
    assert b"Internal" not in answer.body
    assert "error" in message or message["result"]["isError"]  # type: ignore[index]  # JSON
    after = client.run("1").id
    assert int(after.rpartition("-")[2]) == int(ran.rpartition("-")[2]) + 1


def test_a_nul_in_code_is_the_kernels_to_refuse(client: McpClient) -> None:
    result = client.run("x = 'a\0b'")

    assert result.status == "error"
    assert "null bytes" in result.text


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("create_session", {"name": "a\0b"}),
        ("create_session", {"cwd": "a\0b"}),
        ("create_session", {"path": "a\0b.ipynb"}),
        ("create_session", {"kernel_name": "a\0b"}),
        ("create_notebook", {"path": "a\0b"}),
        ("read_notebook", {"path": "a\0b"}),
        ("get_output", {"output_id": "a\0b"}),
        ("get_kernel_status", {"session_id": "a\0b"}),
        ("create_session", {"name": LONG}),
        ("create_session", {"name": ""}),
        ("create_session", {"name": " "}),
        ("create_session", {"name": "a/b"}),
        ("create_session", {"name": "default"}),
        ("create_session", {"name": "0"}),
        ("create_session", {"name": "Null"}),
        ("create_session", {"name": "a\nb"}),
        ("create_session", {"kernel_name": LONG}),
        ("create_session", {"cwd": LONG}),
        ("create_notebook", {"path": LONG}),
        ("create_notebook", {"path": "a/" * 3_000 + "a"}),
        ("create_notebook", {"path": "cells", "cells": [{"cell_type": "cell", "source": "1"}]}),
        ("create_notebook", {"path": "cells", "cells": [{"cell_type": "code"}]}),
        ("create_notebook", {"path": "cells", "cells": [[5]]}),
        ("create_notebook", {"path": "cells", "kernel_name": "nosuch"}),
        ("read_notebook", {"path": LONG}),
        ("get_output", {"output_id": LONG}),
        ("get_output", {"grep": "(" + LONG}),
        ("get_output", {"mime_type": LONG}),
        ("get_output", {"limit": 0}),
        ("get_output", {"wait": -1}),
        ("get_output", {"limit": 10**400}),
        ("interrupt_kernel", {"execution_id": LONG}),
        ("shutdown_kernel", {"session_id": LONG}),
        ("restart_kernel", {"session_id": "nosuch"}),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    client: McpClient, tool: str, arguments: dict[str, Any]
) -> None:
    assert client.refused(tool, **arguments).endswith((".", ".."))


def test_three_megabytes_of_code_run_where_code_has_no_limit(
    start_server: Callable[..., JupyterServer],
) -> None:
    client = McpClient(start_server("--McpCalls.max_code_bytes=0"))

    result = client.run("x = '" + "a" * 3_000_000 + "'\nlen(x)")

    assert "3000000" in result.text


# -- ids, offsets, patterns --------------------------------------------------------------------


@pytest.mark.parametrize(
    "output_id",
    [
        *("x/0", "x/5-2", "../..", "/", "/1", "x/", "-", "x-", "x-1", "x-0", "x/1/2", "x/-1"),
        *("k7m2q9xw-²", "k7m2q9xw-\u0663", "k7m2q9xw-" + "9" * 5_000, "x/" + "9" * 50, "x y/1"),
    ],
)
def test_an_id_of_nothing_is_unknown(client: McpClient, output_id: str) -> None:
    client.refused("get_output", output_id=output_id)
    client.refused("interrupt_kernel", execution_id=output_id)


@pytest.mark.parametrize("place", ["/0", "/2", "/5-2", "/0-1", "/1-2", "/999999"])
def test_an_output_that_is_not_there_is_unknown_and_the_count_is_told(
    client: McpClient, place: str
) -> None:
    execution = client.run("print('one')").id

    assert "It has 1." in client.refused("get_output", output_id=execution + place)


@pytest.mark.parametrize(("offset", "seen"), [(-1, "line 2"), (-2, "line 1"), (-99, "line 0")])
def test_a_negative_offset_counts_from_the_end(client: McpClient, offset: int, seen: str) -> None:
    execution = client.run("for i in range(3): print('line', i)").id

    page = client.call("get_output", output_id=execution, offset=offset, limit=1)

    assert page.text.splitlines()[-1] == seen


@pytest.mark.parametrize("offset", [10**400, -(10**400)])
def test_an_offset_of_astronomical_size_harms_nothing(client: McpClient, offset: int) -> None:
    assert not client.call("get_output", offset=offset).is_error


@pytest.fixture(scope="module")
def xs(server: JupyterServer) -> str:
    """A notebook and, named after its folder, a session with a line that makes patterns slow."""
    client = McpClient(server)
    client.call("create_notebook", path="xs", cells=["x" * 1_900])
    return "xs.ipynb"


@pytest.mark.parametrize("pattern", ["(", "[", "a{99999999999}", "(?P<", "\\", "*a", "(?<=a+)b"])
def test_an_invalid_pattern_is_refused(client: McpClient, xs: str, pattern: str) -> None:
    assert "regular expression" in client.refused("get_output", grep=pattern)
    assert "regular expression" in client.refused("read_notebook", path=xs, grep=pattern)


CATASTROPHES = [
    "(x+)+y",
    "(x|x)*y",
    "x*x*x*x*y",
    "(?:x{0,50}){9}y",
    "x{1,99}x{1,99}x{1,99}x{1,99}y",
    r"(.*)\1\1\1y",
]


@pytest.mark.parametrize("tool", ["get_output", "read_notebook"])
def test_catastrophic_patterns_are_answered_and_delay_no_other_call(
    start_server: Callable[..., JupyterServer], tool: str
) -> None:
    """On its own server, since one that hangs would fail every later test."""
    server = start_server()
    client, other = McpClient(server), McpClient(server, OLD)
    arguments: dict[str, Any] = {"path": "xs.ipynb"}
    if tool == "get_output":
        arguments = {"output_id": client.run("print('x' * 1_900)").id}
    else:
        client.call("create_notebook", path="xs", cells=["x" * 1_900])

    try:
        for pattern in CATASTROPHES:
            with client.opened(tool, grep=pattern, **arguments):
                assert "kernels to start" in other.call("list_sessions").text
            # A pattern that is still being searched would hold up this call.
            client.call(tool, grep=pattern, **arguments)
            assert "kernels to start" in other.call("list_sessions").text
    finally:
        server.process.kill()  # a server that hangs ignores other signals


# -- sessions and kernels ----------------------------------------------------------------------


def test_a_name_that_fits_two_sessions_is_an_error_that_lists_both(server: JupyterServer) -> None:
    client = McpClient(server, name="two of a name")
    ids = [started_by_a_person(server, f"{place}/twin.ipynb")["id"][:8] for place in "ab"]

    words = client.refused("execute_code", code="1", session_id="twin.ipynb")

    assert "2 sessions" in words
    assert all(session_id in words for session_id in ids)


def test_a_name_is_found_as_it_was_given(server: JupyterServer) -> None:
    client = McpClient(server, name="names")
    for name in (" padded ", "CamelCase", "ünïcode ☃", "ends.", "-dash", "12345678", "a" * 64):
        made = client.call("create_session", name=name)
        again = client.call("get_kernel_status", session_id=name)

        ids = [r.meta["jupyter-mcp-ext/session"]["session_id"] for r in (made, again)]
        assert ids[0] == ids[1]
        client.call("shutdown_kernel", session_id=ids[0])


def started_by_a_person(server: JupyterServer, path: str) -> dict[str, Any]:
    """Open a notebook's kernel as JupyterLab does."""
    (server.root_dir / path).parent.mkdir(exist_ok=True)
    body = {"path": path, "name": Path(path).name, "type": "notebook", "kernel": {"name": ""}}
    answer = server.request(
        "POST", json.dumps(body).encode(), server.auth, path=f"{server.base_url}api/sessions"
    )
    assert answer.status == 201, answer.body
    return answer.json()


@pytest.mark.usefixtures("unchanged")
def test_a_kernel_that_does_not_exist_brings_the_names_of_those_that_do(client: McpClient) -> None:
    words = client.refused("create_session", name="nova", kernel_name="julia-9")

    assert "'julia-9'" in words
    assert "python3" in words


@pytest.mark.usefixtures("unchanged")
def test_a_kernel_that_fails_to_start_shows_the_end_of_its_stderr(
    server: JupyterServer, client: McpClient
) -> None:
    code = "import sys; sys.stderr.write('noise ' * 5_000); sys.exit('No module named tachyon')"
    add_kernelspec(server, "broken", code)

    words = client.refused("create_session", name="broken", kernel_name="broken")

    assert "'broken' did not start" in words
    assert "No module named tachyon" in words
    assert words.count("noise") < 400


@pytest.mark.usefixtures("unchanged")
def test_a_kernel_whose_program_is_missing_is_refused(
    server: JupyterServer, client: McpClient
) -> None:
    add_kernelspec(server, "absent", "")
    file = server.root_dir.parent / ".local/share/jupyter/kernels/absent/kernel.json"
    file.write_text(file.read_text().replace(sys.executable, "/no/such/program"))

    words = client.refused("create_session", kernel_name="absent")

    assert "'absent' did not start" in words


def test_concurrent_duplicates_make_one_session(server: JupyterServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        clients = [McpClient(server, version, name="twins") for version in (*ERAS, *ERAS)]
        made = list(pool.map(lambda c: c.call("create_session", name="same"), clients))

    metas = [result.meta["jupyter-mcp-ext/session"] for result in made]
    assert len({meta["session_id"] for meta in metas}) == 1
    assert len({meta["kernel_id"] for meta in metas}) == 1
    assert sorted(meta["existing"] for meta in metas) == [False, True, True, True]


def test_concurrent_first_calls_make_one_default_session(server: JupyterServer) -> None:
    clients = [McpClient(server, version, name="first calls") for version in (*ERAS, *ERAS)]

    with ThreadPoolExecutor(8) as pool:
        ran = list(pool.map(lambda c: c.run("1"), clients))

    assert len({result.execution["kernel_id"] for result in ran}) == 1
    assert len({result.id for result in ran}) == len(ran)


def test_concurrent_duplicates_make_one_notebook(server: JupyterServer) -> None:
    def create(number: int) -> Result:
        client = McpClient(server)
        return client.call("create_notebook", path="race", cells=[f"{number}"])

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create, range(8)))

    [winner] = [n for n, result in enumerate(made) if not result.is_error]
    assert all("exists already" in r.text for n, r in enumerate(made) if n != winner)
    notebook = json.loads((server.root_dir / "race.ipynb").read_text())
    assert ["".join(cell["source"]) for cell in notebook["cells"]] == [f"{winner}"]


# -- paths and files ---------------------------------------------------------------------------

OUTSIDE = ["../x.ipynb", "../../x.ipynb", "a/../../x.ipynb", "/etc/x.ipynb", "~/x.ipynb"]
OUTSIDE += ["..\\x.ipynb", "link/x.ipynb", "dangling.ipynb", ".hidden/x.ipynb", "."]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("tool", ["create_notebook", "read_notebook", "create_session"])
def test_nothing_outside_the_root_is_read_made_or_opened(
    links: None, client: McpClient, tool: str, path: str
) -> None:
    client.refused(tool, path=path)


@pytest.fixture(scope="module")
def links(server: JupyterServer) -> None:
    """Links in the root that lead out of it."""
    outside = server.root_dir.parent / "outside"
    outside.mkdir()
    (outside / "x.ipynb").write_text("{}")
    (server.root_dir / "link").symlink_to(outside)
    (server.root_dir / "dangling.ipynb").symlink_to(outside / "dangling.ipynb")


@pytest.mark.usefixtures("unchanged", "links")
@pytest.mark.parametrize("cwd", ["..", "../..", "/etc", "link", "~", "no/such", "a-file.txt"])
def test_a_session_starts_in_no_folder_that_is_not_beneath_the_root(
    server: JupyterServer, client: McpClient, cwd: str
) -> None:
    (server.root_dir / "a-file.txt").write_text("no folder")

    words = client.refused("create_session", name="elsewhere", cwd=cwd)

    (server.root_dir / "a-file.txt").unlink()
    assert str(server.root_dir.parent) not in words


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["a-file.txt", "a-folder/"])
def test_a_session_attaches_to_notebooks_only(
    server: JupyterServer, client: McpClient, path: str
) -> None:
    (server.root_dir / "a-file.txt").write_text("text")
    (server.root_dir / "a-folder").mkdir(exist_ok=True)

    client.refused("create_session", path=path)

    (server.root_dir / "a-file.txt").unlink()
    (server.root_dir / "a-folder").rmdir()


BROKEN: dict[str, bytes] = {
    "text": b"no json",
    "empty": b"",
    "binary": b"\xff\xfe\x00",
    "list": b"[]",
    "number": b"4",
    "no-format": b"{}",
    "future": b'{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []}',
    "no-cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "cells-no-list": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": {"a": 1}}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_not_a_notebook_is_said_not_to_be_one(
    server: JupyterServer, either: McpClient, name: str
) -> None:
    file = server.root_dir / f"{name}.ipynb"
    file.write_bytes(BROKEN[name])

    words = either.refused("read_notebook", path=f"{name}.ipynb")

    assert f"{name}.ipynb" in words
    assert str(server.root_dir) not in words
    assert file.read_bytes() == BROKEN[name]


def test_an_odd_cell_is_named_and_the_others_are_shown(
    server: JupyterServer, either: McpClient
) -> None:
    cells = [5, {}, {"cell_type": "code", "source": None}, {"cell_type": "raw", "source": "whole"}]
    content = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": None, "cells": cells})
    (server.root_dir / "odd.ipynb").write_text(f"\ufeff{content}")

    text = either.call("read_notebook", path="odd.ipynb", view="outputs").text

    assert "(odd: no object)" in text
    assert "(odd: no source; no list of outputs)" in text
    assert "whole" in text


def test_a_notebook_is_never_overwritten(server: JupyterServer, client: McpClient) -> None:
    (server.root_dir / "mine.ipynb").write_text("precious")

    assert "exists already" in client.refused("create_notebook", path="mine", cells=["1"])
    assert (server.root_dir / "mine.ipynb").read_text() == "precious"


def test_a_file_where_a_folder_is_expected_is_named(
    server: JupyterServer, client: McpClient
) -> None:
    (server.root_dir / "plain.txt").write_text("text")

    assert '"plain.txt" is a file' in client.refused("create_notebook", path="plain.txt/new")
    assert (server.root_dir / "plain.txt").read_text() == "text"


def test_a_full_disk_is_said_and_leaves_nothing(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server()
    small = server.root_dir / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here; the limit of a file's size is tested")
    try:
        words = McpClient(server).refused("create_notebook", path="small/a/n", cells=["#" * 99_000])

        assert "the disk is full" in words
        assert list(small.iterdir()) == []
        made = McpClient(server).call("create_notebook", path="small/a/n", cells=["1"])
        assert not made.is_error
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_file_over_the_limit_of_the_process_is_said_and_leaves_nothing(
    start_server: Callable[..., JupyterServer],
) -> None:
    limited = (
        "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); "
        "runpy.run_module('jupyter_server', run_name='__main__')"
    )
    server = start_server(command=("-c", limited))

    words = McpClient(server).refused("create_notebook", path="n", cells=["#" * 99_000])

    assert "larger than this server lets a file be" in words
    assert list(server.root_dir.iterdir()) == []


# -- the loop ----------------------------------------------------------------------------------


def test_others_are_answered_while_bad_input_pours_in(server: JupyterServer) -> None:
    """Twenty of the slowest refusals at once; a light call that comes last does not wait."""
    heavy: list[tuple[str, dict[str, Any]]] = [
        ("execute_code", {"code": "#" * 3_000_000, "no": 1}),
        ("create_notebook", {"path": "p" * 3_000_000}),
        ("create_session", {"name": "n" * 3_000_000}),
        ("get_output", {"output_id": "9" * 3_000_000}),
        ("get_output", {"grep": "(" * 3_000_000}),
    ]
    clients = [McpClient(server, version, name="pouring") for version in (NEW, OLD)]

    with ThreadPoolExecutor(24) as pool:
        pouring = [
            pool.submit(clients[n % 2].refused, tool, **arguments)
            for n, (tool, arguments) in enumerate(heavy * 4)
        ]
        assert "kernels to start" in McpClient(server).call("list_sessions").text
        answers = [one.result(60) for one in pouring]

    assert len(answers) == 20
