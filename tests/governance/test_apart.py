"""Two users of one server try to reach each other, and do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os.path import relpath
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jupyter_server.auth.authorizer import AllowAllAuthorizer
from jupyter_server.auth.identity import IdentityProvider
from traitlets.config import Config

from jupyter_mcp_ext.governance.authorizer import OwnersAuthorizer
from jupyter_mcp_ext.governance.multi_user import AUTHORIZER, Means, check
from jupyter_mcp_ext.governance.policy import McpPolicy, PolicyUnusable
from tests import users
from tests.mcp_client import OLD, McpClient
from tests.people import APART, Owned, Person
from tests.servers import JupyterServer

SECRET = "what-alice-keeps"
REFUSED = 403


@pytest.fixture(scope="module", params=["", "users/{username}"])
def user_dir(request: pytest.FixtureRequest) -> str:
    template: str = request.param
    return template


@pytest.fixture(scope="module")
def server(
    start_server: Callable[..., JupyterServer],
    tmp_path_factory: pytest.TempPathFactory,
    user_dir: str,
) -> JupyterServer:
    """A server whose users do not trust each other."""
    audit = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    return start_server(
        *APART,
        f"--McpAudit.path={audit}",
        f"--McpSessions.user_dir={user_dir}",
        token="root",
    )


@pytest.fixture(scope="module")
def admin(server: JupyterServer) -> Person:
    return Person(server=server, name="root")


@pytest.fixture(scope="module")
def alice(server: JupyterServer, admin: Person) -> Owned:
    alice = Owned(server=server, name="alice")
    alice.begin(f"open('secret.txt', 'w').write({SECRET!r})", admin)
    return alice


@pytest.fixture(scope="module")
def bob(server: JupyterServer, admin: Person) -> Owned:
    bob = Owned(server=server, name="bob")
    bob.begin("1", admin)
    return bob


def rest_of(owner: Owned, other: Owned) -> Iterator[tuple[str, str, object]]:
    """Requests with which another user would reach what is the owner's."""
    kernel, session = f"/api/kernels/{owner.kernel_id}", f"/api/sessions/{owner.jupyter_id}"
    yield from (("GET", kernel, None), ("DELETE", kernel, None))
    yield from (("POST", f"{kernel}/interrupt", {}), ("POST", f"{kernel}/restart", {}))
    yield from (("GET", session, None), ("DELETE", session, None))
    yield "PATCH", session, {"path": "x"}
    yield "PATCH", f"/api/sessions/{other.jupyter_id}", {"kernel": {"id": owner.kernel_id}}
    model = {"path": "x.ipynb", "type": "notebook", "name": "", "kernel": {"id": owner.kernel_id}}
    yield "POST", "/api/sessions", model
    yield "POST", "/api/sessions", {**model, "path": f"{owner.folder}/x", "kernel": {}}
    for path in ways_to(owner, other):
        contents = f"/api/contents/{path}"
        yield from (("GET", contents, None), ("DELETE", contents, None))
        yield "PUT", contents, {"type": "file", "format": "text", "content": ""}
        yield "PATCH", contents, {"path": "taken.txt"}
        yield "PATCH", f"/api/contents/{other.home}bobs.txt", {"path": unquote(path)}
        yield "POST", f"/api/contents/{other.folder}", {"copy_from": unquote(path)}
        yield "GET", f"{contents}/checkpoints", None
        yield from (("GET", f"/files/{path}", None), ("HEAD", f"/files/{path}", None))
        yield "GET", f"/view/{path}", None
        yield "GET", f"/nbconvert/html/{path}", None
    yield "POST", f"/api/contents/{owner.folder}", {"type": "file"}
    sessions = str(Path(owner.folder).parent)
    for folder in (sessions, owner.folder, sessions.title(), sessions.partition("/")[0]):
        yield "GET", f"/api/contents/{folder}", None
        yield "PATCH", f"/api/contents/{folder}", {"path": "taken"}
        yield "POST", f"/api/contents/{other.home}", {"copy_from": folder}
        yield "DELETE", f"/api/contents/{folder}", None
    yield "POST", f"/api/contents/{other.home}", {"copy_from": ""}
    yield "DELETE", "/api/contents/", None


def ways_to(owner: Owned, other: Owned) -> Iterator[str]:
    """API paths of the owner's file."""
    file = f"{owner.folder}/secret.txt"
    yield file
    up = relpath(owner.folder, other.folder)
    yield f"{quote_first(owner.folder)}/secret.txt"
    yield f"{other.folder}/{up}/secret.txt"
    yield f"{other.folder}/..%2f{up.removeprefix('../')}/secret.txt"
    yield f"./{file}"
    yield f"{other.folder}/to-file"
    yield f"{other.folder}/to-folder/secret.txt"


def traps(owner: Owned, other: Owned) -> str:
    """Code that puts links where Jupyter makes files of its own."""
    up = relpath(owner.folder, other.folder)
    return (
        "import os\n"
        "for name in ('copied', 'kept', 'new/empty', 'broken'): os.makedirs(name)\n"
        "os.makedirs('kept/.ipynb_checkpoints')\n"
        "for name in ('copied/a.txt', 'kept/a.txt'): open(name, 'w').write('taken')\n"
        "open('broken/a.ipynb', 'w').write('no JSON')\n"
        f"os.symlink('../{up}/secret.txt', 'copied/.~a.txt')\n"
        f"os.symlink('../{up}/work.ipynb', 'broken/.~a.ipynb')\n"
        f"os.symlink('../../{up}/secret.txt', 'kept/.ipynb_checkpoints/a-checkpoint.txt')\n"
        f"os.symlink('../{up}/planted.txt', 'new/untitled.txt')\n"
    )


def test_links_lead_jupyter_to_no_files_of_another_user(alice: Owned, bob: Owned) -> None:
    assert bob.client.run(traps(alice, bob), session_id="work").status == "ok"
    contents = f"/api/contents/{bob.folder}"
    text = {"type": "file", "format": "text", "content": "taken"}

    answers = [
        bob.asks("PUT", f"{contents}/copied/a.txt", text),
        bob.asks("POST", f"{contents}/kept/a.txt/checkpoints"),
        bob.asks("POST", f"{contents}/kept/a.txt/checkpoints/checkpoint"),
        bob.asks("POST", f"{contents}/new", {"type": "file", "ext": ".txt"}),
        bob.asks("POST", f"{contents}/new", {"copy_from": f"{bob.folder}/copied/a.txt"}),
        bob.asks("GET", f"{contents}/broken/a.ipynb?type=notebook"),
        bob.asks("POST", f"{contents}/new/empty", {"copy_from": f"{bob.folder}/broken/a.ipynb"}),
    ]

    assert {answer.status for answer in answers} == {REFUSED}
    theirs = alice.server.root_dir / alice.folder
    assert (theirs / "secret.txt").read_text() == SECRET
    assert not (theirs / "planted.txt").exists()
    assert bob.status("GET", f"{contents}/new") == 200
    assert bob.status("PUT", f"{contents}/new/empty/b.txt", text) == 201


def quote_first(path: str) -> str:
    """A path whose first letter is written as its number."""
    return f"%{ord(path[0]):02x}{path[1:]}"


def test_another_user_reaches_nothing_over_rest(alice: Owned, bob: Owned) -> None:
    up = relpath(alice.folder, bob.folder)
    links = f"import os; os.symlink('{up}/secret.txt', 'to-file');os.symlink('{up}', 'to-folder')"
    assert bob.client.run(links, session_id="work").status == "ok"
    (bob.server.root_dir / bob.home / "bobs.txt").write_text("bob's")

    reached = [
        (method, path, answer.status)
        for method, path, body in rest_of(alice, bob)
        if (answer := bob.asks(method, path, body)).status != REFUSED or SECRET in str(answer.body)
    ]

    assert reached == []
    assert (alice.server.root_dir / alice.folder / "secret.txt").read_text() == SECRET


def test_another_user_does_not_connect_to_a_kernel(alice: Owned, bob: Owned) -> None:
    channels = f"/api/kernels/{alice.kernel_id}/channels"

    assert bob.connects(channels) == REFUSED
    assert alice.connects(channels) == 101


def test_what_belongs_to_no_user_is_for_administrators(
    admin: Person, alice: Owned, bob: Owned
) -> None:
    listing = [("GET", "/api/kernels"), ("GET", "/api/sessions"), ("GET", "/api/terminals")]
    starting = [("POST", "/api/kernels"), ("POST", "/api/terminals")]
    others = [
        ("POST", "/api/shutdown"),
        ("POST", "/api/events"),
        ("PUT", "/api/config/notebook"),
        ("POST", "/nbconvert/html"),
    ]

    assert {bob.status(method, path, {}) for method, path in [*listing, *starting, *others]} == {
        REFUSED
    }
    assert bob.connects("/api/events/subscribe") == REFUSED
    assert {admin.status(method, path) for method, path in listing} == {200}
    terminal: Any = admin.asks("POST", "/api/terminals").json()
    assert bob.connects(f"/terminals/websocket/{terminal['name']}") == REFUSED
    assert bob.status("DELETE", f"/api/terminals/{terminal['name']}") == REFUSED
    assert admin.status("DELETE", f"/api/terminals/{terminal['name']}") == 204


def test_an_administrator_does_not_reach_what_is_a_users(admin: Person, alice: Owned) -> None:
    assert admin.status("GET", f"/api/kernels/{alice.kernel_id}") == REFUSED
    assert admin.status("GET", f"/api/sessions/{alice.jupyter_id}") == REFUSED
    assert admin.status("GET", f"/files/{alice.folder}/secret.txt") == REFUSED
    assert admin.connects(f"/api/kernels/{alice.kernel_id}/channels") == REFUSED


def test_the_owner_reaches_what_is_its_own(alice: Owned) -> None:
    file = f"{alice.folder}/secret.txt"

    assert alice.status("GET", f"/api/kernels/{alice.kernel_id}") == 200
    assert alice.status("GET", f"/api/sessions/{alice.jupyter_id}") == 200
    assert SECRET in str(alice.asks("GET", f"/api/contents/{file}").body)
    assert SECRET in str(alice.asks("GET", f"/files/{file}").body)
    assert alice.status("GET", f"/api/contents/{alice.folder}") == 200
    assert alice.status("GET", f"/api/contents/{alice.home}".rstrip("/")) == 200
    assert alice.status("GET", "/api/contents/") == (REFUSED if alice.home else 200)
    copied = alice.asks("POST", f"/api/contents/{alice.folder}", {"copy_from": file})
    assert copied.status == 201
    copy: Any = copied.json()
    assert alice.status("DELETE", f"/api/contents/{copy['path']}") == 204
    assert alice.status("GET", "/api/kernelspecs") == 200
    assert alice.status("GET", "/api/status") == 200


def test_another_user_reaches_nothing_by_the_tools(alice: Owned, bob: Owned) -> None:
    session, file = alice.session_id, f"{alice.folder}/secret.txt"
    notebook = f"{alice.folder}/work.ipynb"
    for tool, arguments in (
        ("execute_code", {"code": "1", "session_id": session}),
        ("execute_code", {"code": "1", "session_id": alice.kernel_id}),
        ("execute_code", {"code": "1", "session_id": notebook}),
        ("get_kernel_status", {"session_id": session}),
        ("restart_kernel", {"session_id": session, "force": True}),
        ("shutdown_kernel", {"session_id": session, "force": True}),
        ("get_variables", {"session_id": session}),
        ("inspect_variable", {"name": "x", "session_id": session}),
        ("get_output", {"output_id": alice.execution_id}),
        ("interrupt_kernel", {"execution_id": alice.execution_id}),
        ("create_session", {"name": "copy", "copy_of": session}),
        ("create_session", {"path": notebook}),
        ("create_session", {"name": "beside", "cwd": alice.folder}),
        ("read_notebook", {"path": notebook}),
        ("run_cells", {"path": notebook}),
        ("read_file", {"path": file}),
        ("read_file", {"path": f"{bob.folder}/to-file"}),
        ("write_file", {"path": file, "content": "taken"}),
        ("edit_file", {"path": file, "old_string": SECRET, "new_string": ""}),
        ("download_file", {"path": file}),
        ("list_files", {"path": alice.folder}),
        ("search_files", {"query": "alice", "path": alice.folder}),
    ):
        said = bob.client.refused(tool, **arguments)
        assert SECRET not in said, tool

    assert session not in bob.client.call("list_sessions").text
    assert session not in bob.client.call("list_files", path=f"{bob.home}mcp-sessions").text
    assert "alice" not in bob.client.call("list_files", path=".", glob="**/*").text
    assert "secret.txt" not in bob.client.call("search_files", query=SECRET).text


def test_another_user_reads_and_watches_no_resource(alice: Owned, bob: Owned) -> None:
    watching = McpClient(bob.server, OLD, headers=bob.auth)
    for uri in (
        f"jupyter://executions/{alice.execution_id}",
        f"jupyter://sessions/{alice.session_id}",
        f"jupyter://notebooks/{alice.folder}/work.ipynb",
    ):
        assert alice.client.request("resources/read", uri=uri)["contents"]
        assert SECRET not in str(bob.client.error("resources/read", uri=uri))
        assert "code" in watching.error("resources/subscribe", uri=uri)
    assert alice.session_id not in str(bob.client.request("resources/list"))
    ref = {"type": "ref/resource", "uri": "jupyter://sessions/{id}"}
    argument = {"name": "id", "value": alice.session_id[:4]}
    completed = bob.client.request("completion/complete", ref=ref, argument=argument)
    assert completed["completion"]["values"] == []


def test_another_user_sees_nothing_on_the_pages(alice: Owned, admin: Person) -> None:
    carl = Person(server=alice.server, name="carl")  # bob's own calls name what he looked for
    for path in ("/mcp/ui", "/mcp/health", "/metrics"):
        shown = str(carl.asks("GET", path).body)
        assert alice.session_id not in shown, path
        assert "alice" not in shown, path
        assert SECRET not in shown, path
        assert SECRET not in str(admin.asks("GET", path).body), path
    assert SECRET in str(alice.asks("GET", "/mcp/ui").body)
    assert alice.session_id in str(admin.asks("GET", "/mcp/ui").body)


def means(**given: Any) -> Means:
    authorizer = OwnersAuthorizer(identity_provider=IdentityProvider())
    every = {"sandbox": "landlock", "network": "none", "audit_path": "a"}
    return Means(**{**every, "authorizer": authorizer, "has_one_login": False, **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sandbox": "none"}, "McpSandbox.mode"),
        ({"network": "host"}, "McpSandbox.network"),
        ({"audit_path": ""}, "McpAudit.path"),
        ({"authorizer": AllowAllAuthorizer()}, "authorizer_class = '.*OwnersAuthorizer'"),
        ({"has_one_login": True}, "identity_provider_class"),
    ],
)
def test_what_keeps_users_apart_must_be_there(given: dict[str, Any], words: str) -> None:
    policy = McpPolicy(AllowAllAuthorizer(), config=Config(McpPolicy={"attach": "none"}))
    check(policy, means(**given))  # it is not asked for

    policy.multi_user = True

    check(policy, means())
    with pytest.raises(PolicyUnusable, match=words):
        check(policy, means(**given))
    policy.attach = "all"
    with pytest.raises(PolicyUnusable, match=r"needs McpPolicy\.attach"):
        check(policy, means())


def test_another_authorizer_is_asked_besides(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server(
        users.OPTION,
        f"--ServerApp.authorizer_class={AUTHORIZER}",
        "--OwnersAuthorizer.authorizer_class=tests.users.Reading",
        "--OwnersAuthorizer.resources=events",
        token="alice",
    )
    alice, bob = (Person(server=server, name=name) for name in ("alice", "bob"))
    text = {"type": "file", "format": "text", "content": "x"}

    assert alice.status("PUT", "/api/contents/a.txt", text) == REFUSED
    assert alice.status("GET", "/api/contents") == 200
    assert "does not let you execute kernels" in alice.client.refused("execute_code", code="1")
    assert alice.client.call("list_sessions").text.startswith("0 sessions")
    listed = {tool["name"] for tool in bob.client.request("tools/list")["tools"]}
    assert {"read_file", "list_files", "list_sessions", "get_output"} <= listed
    assert not listed & {"execute_code", "write_file", "get_variables", "create_session"}
    assert bob.status("GET", "/api/terminals") == REFUSED
    assert bob.status("POST", "/api/events", {}) == REFUSED


def test_a_server_that_cannot_keep_users_apart_says_all_that_is_missing(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpPolicy.multi_user=True", ready="is running at:")
    server.until_answered()

    [said] = [line for line in server.log if "MCP is not served" in line]

    for missing in ("identity_provider", "McpSandbox", "McpAudit", AUTHORIZER, "McpPolicy.attach"):
        assert missing in said


def test_where_mcp_is_not_served_owners_cannot_be_told_and_all_is_refused(
    start_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    options = ("--McpPolicy.multi_user=True", f"--ServerApp.authorizer_class={AUTHORIZER}")
    server = start_server(*options, ready="is running at:")
    server.until_answered()

    assert server.request("GET", headers=server.auth, path="/api/contents").status == REFUSED
