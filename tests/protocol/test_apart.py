"""Two users speak the protocol with one server: nothing that one sends reaches the other."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from jupyter_mcp_ext.protocol.completion import PROMPTS, URIS
from tests import users
from tests.mcp_client import ERAS, NEW, OLD, McpClient
from tests.protocol.notifications import listening, streaming, subscribed
from tests.servers import Answer, JupyterServer

NOTEBOOKS = "jupyter://notebooks/"
NOBODYS = "zzzzzzzz"
"""The id of a session that there never was."""
FORMS: dict[str, Any] = {"elicitation": {"form": {}}}
TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A server whose users have folders of their own, and see no kernels of people."""
    return start_server(
        users.OPTION, "--McpSessions.user_dir=users/{username}", "--McpPolicy.attach=none", token=""
    )


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@dataclass(kw_only=True)
class User:
    """A user with a session, and a client of one era."""

    server: JupyterServer
    name: str
    era: str
    capabilities: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = self.another()
        made = self.client.call("create_session", name="work")
        if made.is_error:
            made = self.client.call("get_kernel_status", session_id="work")
        self.client.run("1", session_id="work")
        self.session_id = str(made.meta["jupyter-mcp-ext/session"]["session_id"])
        self.folder = f"users/{self.name}/mcp-sessions/{self.session_id}"
        self.gate = self.server.root_dir / f"users/{self.name}/gate"
        self.notebook = f"{self.folder}/work.ipynb"

    def another(self) -> McpClient:
        return McpClient(
            self.server, self.era, headers=self.auth, capabilities=self.capabilities, name="same"
        )

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.name}"}

    def prepare(self, request_id: object) -> tuple[dict[str, Any], dict[str, str]]:
        """A request of this id for code that runs until a person has opened and left the gate."""
        if not self.gate.exists():
            os.mkfifo(self.gate)
        code = f"print('{self.name} waits'); open({str(self.gate)!r}).read(); print('went ' + 'on')"
        message, headers = self.client.prepare(
            "tools/call",
            name="execute_code",
            arguments={"code": code, "session_id": "work", "wait": 60},
            _meta={"progressToken": "the-same"},
        )
        return {**message, "id": request_id}, headers

    @contextmanager
    def waiting(self, request_id: object) -> Iterator[Future[Answer]]:
        """Have such code run until the block is left."""
        with ThreadPoolExecutor() as threads:
            answered = threads.submit(self.server.post, *self.prepare(request_id))
            with self.gate.open("w"):  # once the code has opened it too
                yield answered


@pytest.fixture
def alice(server: JupyterServer, era: str) -> User:
    return User(server=server, name="alice", era=era)


@pytest.fixture
def bob(server: JupyterServer, era: str) -> User:
    return User(server=server, name="bob", era=era)


def notify(server: JupyterServer, method: str, headers: dict[str, str], **params: Any) -> Answer:
    message = {"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params}
    return server.post(message, headers)


def borrowed(hers: McpClient, his: User) -> dict[str, str]:
    """The headers of one user's client with the login of another."""
    _, headers = hers.prepare("ping")
    return {**headers, **his.auth}


def test_another_users_notifications_end_and_change_no_call(alice: User, bob: User) -> None:
    _, own = bob.client.prepare("ping")
    others = [own, bob.auth, borrowed(alice.client, bob)]
    with alice.waiting("same") as hers:
        for headers in others:
            notify(bob.server, "cancelled", headers, requestId="same", reason="no")
            notify(bob.server, "progress", headers, progressToken="the-same", progress=9, total=9)
            notify(bob.server, "roots/list_changed", headers)
            notify(bob.server, "initialized", headers)
        answer = {"jsonrpc": "2.0", "id": "same", "result": {"action": "cancel"}}
        for headers in others:
            bob.server.post(answer, headers)
        assert not hers.done()

    assert "[ok]" in str(hers.result().json()["result"])
    assert "went on" in str(hers.result().json()["result"])


def test_one_who_cancels_a_request_cancels_none_of_that_id_of_another_user(
    server: JupyterServer,
) -> None:
    alice = User(server=server, name="alice", era=OLD)
    bob = User(server=server, name="bob", era=OLD)
    with alice.waiting("same") as hers, bob.waiting("same") as his:
        _, headers = bob.client.prepare("ping")
        notify(server, "cancelled", headers, requestId="same")
        assert "went on" not in str(his.result().json())

        assert not hers.done()

    assert "went on" in str(hers.result().json()["result"])


def test_a_stream_of_another_user_is_ended_by_nothing(server: JupyterServer) -> None:
    alice = User(server=server, name="alice", era=NEW)
    bob = User(server=server, name="bob", era=NEW)
    message, headers = alice.client.prepare(
        "subscriptions/listen", notifications={"resourcesListChanged": True}
    )
    his = bob.client.prepare("subscriptions/listen", notifications={"resourcesListChanged": True})
    his[0]["id"] = message["id"] = "same"
    with streaming(alice.client, "POST", (message, headers)) as notifications:
        notifications.message()
        with streaming(bob.client, "POST", his) as ended:
            ended.message()
        notify(server, "cancelled", borrowed(bob.client, bob), requestId="same")
        alice.client.call("create_session", name=f"new {os.urandom(4).hex()}")

        assert notifications.message()["method"] == "notifications/resources/list_changed"


def test_progress_is_told_to_the_caller_alone(alice: User, bob: User) -> None:
    with (
        streaming(alice.client, "POST", alice.prepare(7)) as hers,
        streaming(bob.client, "POST", bob.prepare(7)) as his,
    ):
        told = {user: [stream.message()] for user, stream in (("alice", hers), ("bob", his))}
        for user, stream in ((alice, hers), (bob, his)):
            user.gate.open("w").close()
            while "result" not in told[user.name][-1]:
                told[user.name].append(stream.message())

    for name, other in (("alice", "bob"), ("bob", "alice")):
        assert told[name][0]["method"] == "notifications/progress"
        assert f"{name} waits" in str(told[name])
        assert f"{other} waits" not in str(told[name])


def test_another_users_changes_are_told_to_no_other(alice: User, bob: User) -> None:
    path = "users/bob/marker.ipynb"
    marker = f"{NOTEBOOKS}{path}"
    cell = {"path": path, "cells": ["1"]}
    if not (bob.server.root_dir / path).exists():
        bob.client.call("create_notebook", path=path)
    assert marker in str(bob.client.request("resources/list"))

    with subscribed(bob.client, marker, to_list=True) as notifications:
        alice.client.call("create_session", name=f"new {os.urandom(4).hex()}")
        alice.client.call("create_notebook", path=f"users/alice/{os.urandom(4).hex()}.ipynb")
        alice.client.run("2", session_id="work")
        alice.client.call("restart_kernel", session_id="work")
        bob.client.call("insert_cells", **cell)

        assert notifications.until(marker) == []


def resources_of(session_id: str, folder: str) -> list[str]:
    kinds = (
        f"executions/{session_id}-1",
        f"sessions/{session_id}",
        f"notebooks/{folder}/work.ipynb",
    )
    return [f"jupyter://{kind}" for kind in (*kinds, f"notebooks/{folder}/none.ipynb")]


def test_another_users_resources_are_as_what_does_not_exist(alice: User, bob: User) -> None:
    folder = alice.folder.replace(alice.session_id, NOBODYS)
    hers = resources_of(alice.session_id, alice.folder)
    nobodys = resources_of(NOBODYS, folder)
    subscribe = "resources/read" if bob.era == NEW else "resources/subscribe"
    for uri, other in zip(hers, nobodys, strict=True):
        for method in ("resources/read", subscribe):
            said, unknown = (json.dumps(bob.client.error(method, uri=u)) for u in (uri, other))
            assert said.replace(alice.session_id, NOBODYS) == unknown, (method, uri)
    assert alice.client.request("resources/read", uri=hers[1])["contents"]
    if bob.era == NEW:
        with listening(bob.client, hers) as (_, acknowledged):
            assert acknowledged == {}


def test_a_protocol_session_of_another_user_is_not_heard_and_not_changed(
    server: JupyterServer,
) -> None:
    alice = User(server=server, name="alice", era=OLD)
    bob = User(server=server, name="bob", era=OLD)
    uri = f"jupyter://sessions/{alice.session_id}"
    stolen = borrowed(alice.client, bob)
    with subscribed(alice.client, uri) as notifications:
        heard = server.request("GET", None, {**stolen, "Accept": "text/event-stream"})
        again = {**stolen, "Accept": "text/event-stream", "Last-Event-ID": "1"}
        statuses = [heard.status, server.request("GET", None, again).status]
        for method in ("resources/unsubscribe", "resources/subscribe", "ping", "tools/list"):
            params = {"uri": uri} if "resources" in method else {}
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            statuses.append(server.post(message, stolen).status)
        statuses.append(notify(server, "initialized", stolen).status)
        statuses.append(server.request("DELETE", None, stolen).status)
        alice.client.call("restart_kernel", session_id="work")

        assert notifications.next() == uri
    assert set(statuses) == {404}


def test_another_users_executions_are_no_tasks_in_any_era(alice: User, bob: User) -> None:
    his = McpClient(bob.server, bob.era, headers=bob.auth, capabilities=TASKS)
    methods = ("tasks/get", "tasks/result", "tasks/cancel", "tasks/update", "tasks/list")
    with alice.waiting(3) as hers:
        # The code may have opened the gate before the server hears that it runs.
        asking = alice.another()
        latest = asking.call("get_output", session_id="work", wait=1)
        while latest.status == "queued":
            latest = asking.call("get_output", session_id="work", wait=1)
        task = latest.id
        assert latest.status == "running"
        for method in methods:
            more: dict[str, Any] = {"inputResponses": {}} if method == "tasks/update" else {}
            for known in (task, f"{alice.session_id}-1"):
                said = json.dumps(his.error(method, taskId=known, **more))
                other = known.replace(alice.session_id, NOBODYS)
                unknown = json.dumps(his.error(method, taskId=other, **more))
                assert said.replace(alice.session_id, NOBODYS) == unknown, method
        assert not hers.done()
    assert "went on" in str(hers.result().json()["result"])


def test_another_users_question_is_not_answered(server: JupyterServer) -> None:
    alice = User(server=server, name="alice", era=NEW, capabilities=FORMS)
    bob = User(server=server, name="bob", era=NEW, capabilities=FORMS)
    made = {
        "name": "execute_code",
        "arguments": {"code": "print('got', input('who? '))", "session_id": "work"},
    }
    asked = alice.client.request("tools/call", **made)
    [key] = asked["inputRequests"]
    for value, client in (("his", bob.client), ("hers", alice.client)):
        response = {"action": "accept", "content": {"answer": value}}
        again = {**made, "inputResponses": {key: response}, "requestState": asked["requestState"]}
        said = client.send("tools/call", **again).json()
        assert ("error" in said) == (value == "his"), said

    assert "got hers" in str(said)


def test_completions_tell_nothing_of_another_user(alice: User, bob: User) -> None:
    alice.client.call("write_file", path="users/alice/plan.txt", content="x")
    folder = alice.folder.replace(alice.session_id, NOBODYS)
    nothing = {"values": [], "total": 0, "hasMore": False}
    refs = [({"type": "ref/prompt", "name": name}, known) for name, known in PROMPTS.items()]
    refs += [({"type": "ref/resource", "uri": uri}, known) for uri, known in URIS.items()]
    for ref, name in ((ref, name) for ref, known in refs for name in known):
        for start in (
            *(f"{alice.folder}/", f"{alice.folder}/w", f"{folder}/", "users/alice/", "users/a"),
            *("users/bob/../alice/", "../alice/", "users/alice/mcp-sessions/", "users/ALICE/"),
            # Of four characters: what is Bob's may begin with the same two.
            *(alice.session_id, alice.session_id[:4], f"{alice.session_id}-"),
        ):
            argument = {"name": name, "value": start}
            found = bob.client.request("completion/complete", ref=ref, argument=argument)
            assert found["completion"] == nothing, (ref, start)
    argument = {"name": "path", "value": "users/alice/p"}
    ref = {"type": "ref/prompt", "name": "analyse_file"}
    found = alice.client.request("completion/complete", ref=ref, argument=argument)
    assert found["completion"]["values"] == ["users/alice/plan.txt"]


def test_prompts_say_the_same_of_what_is_anothers_and_of_what_is_not(
    alice: User, bob: User
) -> None:
    for name, arguments in PROMPTS.items():
        first = next(iter(arguments))
        for path in (alice.notebook, alice.session_id, f"{NOTEBOOKS}{alice.notebook}"):
            said = json.dumps(bob.client.request("prompts/get", name=name, arguments={first: path}))
            away = {first: path.replace(alice.session_id, NOBODYS)}
            unknown = json.dumps(bob.client.request("prompts/get", name=name, arguments=away))
            assert said.replace(alice.session_id, NOBODYS) == unknown


def test_lists_have_nothing_of_another_user(alice: User, bob: User) -> None:
    for method in ("resources/list", "resources/templates/list", "prompts/list", "tools/list"):
        shown = json.dumps(bob.client.request(method))
        assert alice.session_id not in shown, method
        assert "alice" not in shown, method
