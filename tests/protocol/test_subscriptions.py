"""Notifications of changed resources over HTTP, in both eras, on a real server with many users."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from jupyter_mcp_ext.protocol.subscriber import INTERVAL
from jupyter_mcp_ext.protocol.subscriptions import MAX_RESOURCES, MAX_STREAMS
from tests import users
from tests.mcp_client import ERAS, NEW, OLD, McpClient
from tests.protocol.in_process import InProcess
from tests.protocol.notifications import LIST, SUBSCRIPTION, listening, streaming, subscribed
from tests.servers import JupyterServer

NOTEBOOKS = "jupyter://notebooks/"
EMPTY = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
BOB = {"Authorization": "Bearer bob"}


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A server with named users."""
    return start_server(users.OPTION, token="alice")


@pytest.fixture(params=ERAS)
def client(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client of each era."""
    return McpClient(server, request.param, name=request.node.name)


def rest(server: JupyterServer, method: str, name: str, /, **body: object) -> None:
    """What JupyterLab does to a file."""
    data = json.dumps(body).encode() if body else None
    answer = server.request(method, data, server.auth, path=f"/api/contents/{quote(name)}")
    assert answer.status < 300, answer.body


def save(server: JupyterServer, path: str) -> str:
    """Save a notebook as JupyterLab does; its URI."""
    rest(server, "PUT", path, type="notebook", format="json", content=EMPTY)
    return NOTEBOOKS + path


def listed(client: McpClient, path: str) -> str:
    """Save a notebook and have it listed, so that its saves do not change the list; its URI."""
    uri = save(client.server, path)
    assert uri in json.dumps(client.request("resources/list"))
    return uri


def test_an_edit_of_an_agent_is_told_of(client: McpClient) -> None:
    uri = save(client.server, "edited.ipynb")

    with subscribed(client, uri) as notifications:
        client.call("insert_cells", path="edited.ipynb", cells=["1"])

        assert notifications.next() == uri


def test_a_notebook_that_code_writes_is_told_of(client: McpClient) -> None:
    uri = save(client.server, "by_code.ipynb")
    write = f"import json; json.dump({EMPTY}, open('by_code.ipynb', 'w'))"

    with subscribed(client, uri) as notifications:
        client.run(write)

        assert notifications.next() == uri


def test_a_notification_has_the_uri_as_the_client_has_written_it(client: McpClient) -> None:
    rest(client.server, "PUT", "sub", type="directory")
    save(client.server, "sub/a b.ipynb")
    uri = f"{NOTEBOOKS}sub%2Fa%20b"  # also without the suffix

    with subscribed(client, uri) as notifications:
        save(client.server, "sub/a b.ipynb")

        assert notifications.next() == uri


def test_what_jupyters_rest_api_does_is_told_of(client: McpClient) -> None:
    moved, deleted = save(client.server, "moved.ipynb"), save(client.server, "deleted.ipynb")
    rest(client.server, "PUT", "folder", type="directory")
    inside = save(client.server, "folder/inside.ipynb")

    with subscribed(client, moved, deleted, inside) as notifications:
        rest(client.server, "PATCH", "moved.ipynb", path=f"{client.version}.ipynb")
        assert notifications.next() == moved
        rest(client.server, "DELETE", "deleted.ipynb")
        assert notifications.next() == deleted
        rest(client.server, "PATCH", "folder", path=f"to-{client.version}")
        assert notifications.next() == inside


def test_a_notebook_behind_a_link_is_told_of_by_both_names(client: McpClient) -> None:
    real = save(client.server, "real.ipynb")
    link = client.server.root_dir / f"link-{client.version}.ipynb"
    link.symlink_to("real.ipynb")

    with subscribed(client, NOTEBOOKS + link.name) as notifications:
        save(client.server, real.removeprefix(NOTEBOOKS))

        assert notifications.next() == NOTEBOOKS + link.name


def test_an_edit_through_a_link_is_told_of_by_the_real_name(client: McpClient) -> None:
    real = save(client.server, "edited_real.ipynb")
    link = client.server.root_dir / f"edited-link-{client.version}.ipynb"
    link.symlink_to("edited_real.ipynb")

    with subscribed(client, real) as notifications:
        client.call("insert_cells", path=link.name, cells=["1"])

        assert notifications.next() == real


def test_the_end_of_an_execution_is_told_of_and_its_session(client: McpClient) -> None:
    ran = client.begin("import time; time.sleep(600)")
    execution = f"jupyter://executions/{ran.id}"
    session = f"jupyter://sessions/{ran.execution['session_id']}"

    with subscribed(client, execution, session) as notifications:
        client.call("interrupt_kernel")

        before = notifications.until(execution)
        assert set(before) <= {session}  # of the interrupt
        assert session in before or notifications.next() == session


def test_a_restart_by_any_client_is_told_of(client: McpClient) -> None:
    ran = client.run("1")
    session = f"jupyter://sessions/{ran.execution['session_id']}"
    kernel = ran.execution["kernel_id"]

    with subscribed(client, session) as notifications:
        path = f"/api/kernels/{kernel}/restart"
        assert client.server.request("POST", b"", client.server.auth, path=path).status == 200

        assert notifications.next() == session


def test_the_notebook_of_a_session_is_told_of(client: McpClient) -> None:
    ran = client.run("1")
    session = f"jupyter://sessions/{ran.execution['session_id']}"
    client.call("shutdown_kernel", session_id=ran.execution["session_id"])  # writes it
    text = client.request("resources/read", uri=session)["contents"][0]["text"]
    notebook = json.loads(text)["notebook"]

    with subscribed(client, notebook) as notifications:
        client.run("2")

        assert notifications.next() == notebook


def test_a_new_notebook_or_session_changes_the_list(client: McpClient) -> None:
    marker = listed(client, "00-marker.ipynb")

    with subscribed(client, marker, to_list=True) as notifications:
        save(client.server, f"new-{client.version}.ipynb")
        assert notifications.next() == LIST
        save(client.server, "00-marker.ipynb")
        notifications.until(marker)  # all that the new notebook was told of by came before
        client.call("create_session", name=f"new {client.version}")
        assert notifications.next() == LIST


def test_a_save_of_a_listed_notebook_does_not_change_the_list(client: McpClient) -> None:
    known, last = save(client.server, "00-known.ipynb"), save(client.server, "00-last.ipynb")
    client.request("resources/list")

    with subscribed(client, known, last, to_list=True) as notifications:
        save(client.server, "00-known.ipynb")
        save(client.server, "00-last.ipynb")

        assert notifications.until(last) == [known]


def test_a_notebook_that_goes_and_comes_back_changes_the_list_twice(client: McpClient) -> None:
    listed(client, "00-comes.ipynb")
    marker = listed(client, "00-marker.ipynb")

    with subscribed(client, marker, to_list=True) as notifications:
        rest(client.server, "DELETE", "00-comes.ipynb")
        assert notifications.next() == LIST
        save(client.server, "00-marker.ipynb")
        notifications.until(marker)
        save(client.server, "00-comes.ipynb")
        assert notifications.next() == LIST


def test_many_changes_are_told_of_a_few_times(client: McpClient) -> None:
    often, last = save(client.server, "often.ipynb"), save(client.server, "last.ipynb")

    with subscribed(client, often, last) as notifications:
        began = time.monotonic()
        for _ in range(40):
            save(client.server, "often.ipynb")
        save(client.server, "last.ipynb")
        before = notifications.until(last)
        took = time.monotonic() - began

    assert 1 <= len(before) <= took / INTERVAL + 1


def test_notifications_end_with_the_subscription(server: JupyterServer) -> None:
    client = McpClient(server, OLD)
    ended, other = save(server, "ended.ipynb"), save(server, "other.ipynb")

    with subscribed(client, ended, other) as notifications:
        assert client.request("resources/unsubscribe", uri=ended) == {}
        assert client.request("resources/unsubscribe", uri=f"{NOTEBOOKS}never") == {}
        save(server, "ended.ipynb")
        save(server, "other.ipynb")

        assert notifications.next() == other


async def test_subscriptions_end_with_their_protocol_session(
    jp_serverapp: Any, jp_fetch: Any
) -> None:
    Path(jp_serverapp.root_dir, "a.ipynb").write_text(json.dumps(EMPTY))
    client = InProcess(jp_serverapp, jp_fetch)
    await client.open()
    await client.request("resources/subscribe", uri=f"{NOTEBOOKS}a.ipynb")
    await client.request("resources/list")
    assert len(client.services.changes) == 2

    await client.end()

    assert len(client.services.changes) == 0


def test_a_session_is_told_what_it_subscribed_to_before_it_listened(server: JupyterServer) -> None:
    client = McpClient(server, OLD)
    uri = save(server, "early.ipynb")
    client.request("resources/subscribe", uri=uri)

    with streaming(client, "GET") as notifications:
        save(server, "early.ipynb")

        assert notifications.next() == uri


def test_a_stream_carries_its_own_id_and_what_was_asked_for(server: JupyterServer) -> None:
    client = McpClient(server, NEW)
    uri, other = save(server, "asked.ipynb"), save(server, "unasked.ipynb")
    gone = f"{NOTEBOOKS}gone.ipynb"

    with (
        listening(client, [uri, gone]) as (first, acknowledged),
        listening(client, [other]) as (second, _),
    ):
        save(server, "asked.ipynb")
        one = first.message()
        save(server, "unasked.ipynb")
        two = second.message()

    assert acknowledged == {"resourceSubscriptions": [uri]}
    assert (one["params"]["uri"], two["params"]["uri"]) == (uri, other)
    assert one["params"]["_meta"][SUBSCRIPTION] != two["params"]["_meta"][SUBSCRIPTION]


def test_lists_that_never_change_are_not_acknowledged(server: JupyterServer) -> None:
    client = McpClient(server, NEW)
    wanted = {"toolsListChanged": True, "promptsListChanged": True, "taskIds": ["x"]}
    request = client.prepare("subscriptions/listen", notifications=wanted)

    with streaming(client, "POST", request) as notifications:
        assert notifications.message()["params"]["notifications"] == {}


def test_another_users_resources_cannot_be_subscribed_to(server: JupyterServer) -> None:
    ran = McpClient(server, name="owner").run("1")
    session_id = ran.execution["session_id"]
    uris = [f"jupyter://executions/{ran.id}", f"jupyter://sessions/{session_id}"]
    old = McpClient(server, OLD, headers=BOB)

    with listening(McpClient(server, NEW, headers=BOB), uris) as (_, acknowledged):
        errors = [old.error("resources/subscribe", uri=uri) for uri in uris]

    assert acknowledged == {}
    assert [error["code"] for error in errors] == [-32002, -32002]


@pytest.mark.parametrize("uri", ["file:///etc/passwd", f"{NOTEBOOKS}..%2Fa.ipynb", f"{NOTEBOOKS}x"])
def test_what_cannot_be_read_cannot_be_subscribed_to(server: JupyterServer, uri: str) -> None:
    with listening(McpClient(server, NEW), [uri]) as (_, acknowledged):
        error = McpClient(server, OLD).error("resources/subscribe", uri=uri)

    assert acknowledged == {}
    assert (error["code"], error["data"]) == (-32002, {"uri": uri})


def test_a_session_or_stream_has_so_many_subscriptions(server: JupyterServer) -> None:
    for number in range(MAX_RESOURCES + 1):
        (server.root_dir / f"many{number}.ipynb").write_text(json.dumps(EMPTY))
    uris = [f"{NOTEBOOKS}many{number}.ipynb" for number in range(MAX_RESOURCES + 1)]
    old = McpClient(server, OLD)
    old.request("resources/list")  # not counted
    for uri in uris[:-1]:
        old.request("resources/subscribe", uri=uri)

    error = old.error("resources/subscribe", uri=uris[-1])
    again = old.request("resources/subscribe", uri=uris[0])
    old.request("resources/unsubscribe", uri=uris[0])
    after = old.request("resources/subscribe", uri=uris[-1])
    with listening(McpClient(server, NEW), uris) as (_, acknowledged):
        pass

    assert "Unsubscribe from a resource first" in error["message"]
    assert again == after == {}
    assert acknowledged["resourceSubscriptions"] == uris[:-1]


def test_a_stream_looks_for_so_many_resources_that_do_not_exist(server: JupyterServer) -> None:
    uri = save(server, "after_many.ipynb")
    missing = [f"{NOTEBOOKS}missing{number}.ipynb" for number in range(MAX_RESOURCES)]
    client = McpClient(server, NEW)

    with listening(client, [*missing, uri]) as (_, acknowledged):
        assert acknowledged == {}
    with listening(client, [*missing[1:], missing[1], uri]) as (_, acknowledged):
        assert acknowledged == {"resourceSubscriptions": [uri]}


def test_a_closed_stream_makes_room(start_server: Callable[..., JupyterServer]) -> None:
    client = McpClient(start_server(), NEW)
    uri = save(client.server, "a.ipynb")

    for _ in range(MAX_STREAMS + 20):
        with listening(client, [uri], to_list=True):
            pass

    with listening(client, [uri]) as (notifications, _):
        save(client.server, "a.ipynb")
        assert notifications.next() == uri


@pytest.mark.parametrize("version", ERAS)
def test_what_the_server_announces_is_what_it_does(server: JupyterServer, version: str) -> None:
    client = McpClient(server, version)
    if client.is_new:
        capabilities = client.request("server/discover")["capabilities"]
    else:
        info = {"name": "test", "version": "1"}
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": info}
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
        result = server.post(message).json()["result"]
        capabilities = result["capabilities"]  # type: ignore[index]  # JSON

    assert capabilities["resources"] == {"subscribe": True, "listChanged": True}
    assert capabilities["tools"] == capabilities["prompts"] == {"listChanged": False}
    assert capabilities["completions"] == {}
