"""Resources over HTTP, in both eras of the protocol, on a real server with many users."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import nbformat
import pytest

from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.protocol.resource import MAX_CHARACTERS
from jupyter_mcp_ext.protocol.resource_list import MAX_SESSIONS, PAGE
from jupyter_mcp_ext.transport.identity import SHARED_SUBJECT
from tests import users
from tests.mcp_client import ERAS, OLD, McpClient
from tests.protocol.in_process import InProcess
from tests.protocol.notifications import listening, subscribed
from tests.servers import JupyterServer

NOTEBOOKS = "jupyter://notebooks/"
BOB = {"Authorization": "Bearer bob"}
GUEST = {"Authorization": "Bearer guest"}


@pytest.fixture(scope="module")
def server(
    start_server: Callable[..., JupyterServer], tmp_path_factory: pytest.TempPathFactory
) -> JupyterServer:
    """A server with named users, of whom the guest may not do anything."""
    config = tmp_path_factory.mktemp("config") / "jupyter_server_config.py"
    config.write_text(
        "from jupyter_server.auth.authorizer import Authorizer\n"
        "class NoGuests(Authorizer):\n"
        "    def is_authorized(self, handler, user, action, resource):\n"
        "        return user.username != 'guest'\n"
        "c.ServerApp.authorizer_class = NoGuests\n"
    )
    return start_server(users.OPTION, f"--config={config}", token="alice")


@pytest.fixture(params=ERAS)
def client(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client of each era."""
    return McpClient(server, request.param, name=request.node.name)


def write(server: JupyterServer, path: str, *sources: str) -> dict[str, Any]:
    """Put a notebook there."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    node = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    file = server.root_dir / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(nbformat.writes(node))  # type: ignore[no-untyped-call]
    return json.loads(file.read_text())  # type: ignore[no-any-return]


def read(client: McpClient, uri: str) -> tuple[dict[str, Any], Any]:
    """The result of reading a resource, and its JSON."""
    result = client.request("resources/read", uri=uri)
    [contents] = result["contents"]
    assert contents["uri"] == uri
    return result, json.loads(contents["text"])


def refused(client: McpClient, uri: str) -> str:
    """The words with which a resource that must seem not to exist is refused."""
    error = client.error("resources/read", uri=uri)
    assert error["code"] == (-32602 if client.is_new else -32002), error
    assert error["data"] == {"uri": uri}
    return str(error["message"])


def test_a_notebook_is_read_as_its_file_has_it(client: McpClient) -> None:
    node = write(client.server, "folder/ä 1.ipynb", "1 + 1")

    result, found = read(client, f"{NOTEBOOKS}folder/%C3%A4%201.ipynb")

    assert found == node
    assert result["contents"][0]["mimeType"] == "application/x-ipynb+json"
    if client.is_new:
        assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


def test_slashes_of_a_path_may_be_escaped(client: McpClient) -> None:
    node = write(client.server, "folder/b.ipynb", "2")

    assert read(client, f"{NOTEBOOKS}folder%2Fb.ipynb")[1] == node


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing.ipynb", "There is no notebook"),
        ("../outside.ipynb", "has a .. in it"),
        ("%2e%2e/outside.ipynb", "has a .. in it"),
        ("..%2Foutside.ipynb", "has a .. in it"),
        ("a%00b.ipynb", "control character"),
        ("%5C..%5Ca.ipynb", "backslash"),
        ("a%ed%a0%80.ipynb", "not UTF-8"),
        ("%2Fetc%2Fpasswd", "not beneath Jupyter's root"),
        ("", "path is empty"),
        (".hidden.ipynb", "is hidden"),
        ("secrets.json", "has the name of a file with secrets"),
        ("data.csv", "is not a notebook"),
        ("a" * 2_000, "over 1000 characters"),
    ],
)
def test_the_paths_of_resources_are_those_of_the_tools(
    client: McpClient, path: str, why: str
) -> None:
    for name in (".hidden.ipynb", "secrets.json", "data.csv"):
        (client.server.root_dir / name).write_text("{}")

    assert why in refused(client, NOTEBOOKS + path)


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "test://static-text", "jupyter://evil@notebooks/a.ipynb", "x"]
)
def test_other_uris_name_no_resource(client: McpClient, uri: str) -> None:
    assert "The URIs here are jupyter://notebooks/{path}" in refused(client, uri)


def test_a_very_long_uri_is_not_repeated(client: McpClient) -> None:
    error = client.error("resources/read", uri=NOTEBOOKS + "a" * 20_000)

    assert len(json.dumps(error)) < 200


def test_a_link_out_of_the_root_is_not_followed(client: McpClient) -> None:
    link = client.server.root_dir / f"out-{client.version}.ipynb"
    link.symlink_to("/etc/passwd")

    assert "leads out of Jupyter's root" in refused(client, f"{NOTEBOOKS}{link.name}")


def test_a_file_that_is_no_notebook_is_an_error_of_reading(client: McpClient) -> None:
    (client.server.root_dir / "broken.ipynb").write_text("{")

    error = client.error("resources/read", uri=f"{NOTEBOOKS}broken.ipynb")

    assert error["code"] == -32603
    assert "is not JSON" in error["message"]


def test_a_notebook_that_is_too_large_is_refused_with_the_call_that_reads_it(
    client: McpClient,
) -> None:
    with (client.server.root_dir / "large.ipynb").open("wb") as file:
        file.truncate(MAX_CHARACTERS + 1)  # never parsed: it is not even JSON

    error = client.error("resources/read", uri=f"{NOTEBOOKS}large.ipynb")

    assert error["message"] == (
        '"large.ipynb" is larger than the 5 MB that a resource may have. '
        'read_notebook("large.ipynb") reads it in pages.'
    )


def test_a_notebook_that_no_tool_reads_exists_and_can_be_subscribed_to(client: McpClient) -> None:
    with (client.server.root_dir / "huge.ipynb").open("wb") as file:
        file.truncate(64_000_001)

    error = client.error("resources/read", uri=f"{NOTEBOOKS}huge.ipynb")

    assert error["code"] == -32603
    assert "Look at it with code of your own (execute_code)" in error["message"]
    with subscribed(client, f"{NOTEBOOKS}huge.ipynb"):
        pass


def test_an_execution_is_a_notebook_with_its_whole_output(client: McpClient) -> None:
    ran = client.run("for n in range(30_000): print('line', n)\n1/0")

    result, found = read(client, f"jupyter://executions/{ran.id}")

    nbformat.validate(found)
    [cell] = found["cells"]
    assert cell["source"].startswith("for n in range")
    stream, error = cell["outputs"]
    assert stream["text"] == "".join(f"line {n}\n" for n in range(30_000))
    assert error["ename"] == "ZeroDivisionError"
    assert cell["metadata"]["jupyter_mcp"]["status"] == "error"
    if client.is_new:
        assert result["ttlMs"] == 60_000


def test_an_execution_that_runs_is_not_fresh(client: McpClient) -> None:
    ran = client.begin("import time; time.sleep(600)")

    result, found = read(client, f"jupyter://executions/{ran.id}")
    client.call("interrupt_kernel")

    assert found["cells"][0]["metadata"]["jupyter_mcp"]["ended"] is None
    if client.is_new:
        assert result["ttlMs"] == 0


def test_an_execution_with_too_much_output_is_refused_with_the_call_that_reads_it(
    client: McpClient,
) -> None:
    ran = client.run(f"print('x' * {MAX_CHARACTERS + 1})")

    error = client.error("resources/read", uri=f"jupyter://executions/{ran.id}")

    assert error["code"] == -32603
    assert f'get_output("{ran.id}", offset=1) reads it in pages' in error["message"]


def test_a_session_tells_of_its_kernel_notebook_and_executions(client: McpClient) -> None:
    ran = client.run("1")
    session_id = ran.execution["session_id"]

    _, found = read(client, f"jupyter://sessions/{session_id}")

    assert found["session_id"] == session_id
    assert found["state"] in ("idle", "busy")
    assert found["executions"] == [f"jupyter://executions/{ran.id}"]
    assert found["notebook"].startswith(f"{NOTEBOOKS}mcp-sessions/{session_id}/")


def test_another_users_executions_and_sessions_do_not_exist(server: JupyterServer) -> None:
    ran = McpClient(server, name="owner").run("'secret'")
    bob = McpClient(server, headers=BOB)
    session_id = ran.execution["session_id"]

    assert "There is no execution" in refused(bob, f"jupyter://executions/{ran.id}")
    assert "There is no session" in refused(bob, f"jupyter://sessions/{session_id}")
    listed = bob.request("resources/list")["resources"]
    assert session_id not in json.dumps(listed)


def test_another_users_session_folder_does_not_exist(server: JupyterServer) -> None:
    ran = McpClient(server, name="owner").run("'secret'")
    _, found = read(McpClient(server), f"jupyter://sessions/{ran.execution['session_id']}")

    assert "only its own user" in refused(McpClient(server, headers=BOB), found["notebook"])


@pytest.mark.parametrize("name", ["..", "a/b", "x", "", "%00", "s" * 1_000, "name of it"])
@pytest.mark.parametrize("kind", ["executions", "sessions"])
def test_ids_that_do_not_exist_are_refused(client: McpClient, kind: str, name: str) -> None:
    assert f"There is no {kind[:-1]}" in refused(
        client, f"jupyter://{kind}/{name}".replace(" ", "%20")
    )


@pytest.mark.parametrize("version", ERAS)
def test_a_user_without_rights_reads_nothing(server: JupyterServer, version: str) -> None:
    write(server, "open.ipynb", "1")
    ran = McpClient(server, name="owner").run("1")
    guest = McpClient(server, version, headers=GUEST)
    uris = (
        f"{NOTEBOOKS}open.ipynb",
        f"{NOTEBOOKS}missing.ipynb",
        f"jupyter://executions/{ran.id}",
        f"jupyter://sessions/{ran.execution['session_id']}",
    )

    errors = [guest.error("resources/read", uri=uri) for uri in uris]

    assert {error["code"] for error in errors} == {-32003}
    assert all("does not let you read" in error["message"] for error in errors)
    assert guest.request("resources/list")["resources"] == []
    if guest.is_new:
        with listening(guest, uris, to_list=True) as (_, acknowledged):
            assert acknowledged == {}


def test_the_list_has_the_notebooks_of_the_root_and_the_sessions(client: McpClient) -> None:
    write(client.server, "listed.ipynb", "1")
    write(client.server, "folder/deeper.ipynb", "1")
    write(client.server, ".not.ipynb", "1")
    session_id = client.run("1").execution["session_id"]

    found = pages(client)

    by_uri = {resource["uri"]: resource for resource in found}
    notebook = by_uri[f"{NOTEBOOKS}listed.ipynb"]
    assert notebook["size"] == (client.server.root_dir / "listed.ipynb").stat().st_size
    assert notebook["annotations"]["lastModified"].endswith("+00:00")
    assert f"jupyter://sessions/{session_id}" in by_uri
    assert not any("deeper" in uri or ".not" in uri for uri in by_uri)
    assert len(by_uri) == len(found)


def pages(client: McpClient) -> list[dict[str, Any]]:
    """All resources that are listed."""
    found: list[dict[str, Any]] = []
    arguments: dict[str, str] = {}
    while True:
        page = client.request("resources/list", **arguments)
        assert len(page["resources"]) <= PAGE
        found += page["resources"]
        if "nextCursor" not in page:
            return found
        arguments = {"cursor": page["nextCursor"]}


def test_a_long_list_comes_in_pages(start_server: Callable[..., JupyterServer]) -> None:
    client = McpClient(start_server(), OLD)
    root = client.server.root_dir
    names = [f"n{number:03}.ipynb" for number in range(2 * PAGE - 2)]
    for name in names:
        (root / name).write_text("{}")
    (root / "folder.ipynb").mkdir()
    (root / "below").mkdir()
    opened = [f"below/o{number}.ipynb" for number in range(3)]
    for path in opened:
        (root / path).write_text("{}")
        as_person(client.server, path)
    hidden = root / ".hidden" / "h.ipynb"
    hidden.parent.mkdir()
    hidden.write_text("{}")
    as_person(client.server, ".hidden/h.ipynb")

    found = [resource["name"] for resource in pages(client)]

    assert sorted(found[:3]) == opened
    assert found[3 : 3 + len(names)] == names
    assert sorted(found[3 + len(names) :]) == sorted([*opened, ".hidden/h.ipynb"])  # sessions


def as_person(server: JupyterServer, path: str) -> None:
    """Open a notebook as JupyterLab does."""
    person = {"path": path, "type": "notebook", "name": path, "kernel": {"name": "python3"}}
    answer = server.request("POST", json.dumps(person).encode(), server.auth, path="/api/sessions")
    assert answer.status == 201, answer.body


def test_a_notebook_that_a_person_has_open_is_listed(client: McpClient) -> None:
    path = f"deep/{client.version}.ipynb"
    write(client.server, path, "1")
    as_person(client.server, path)

    [listed] = [r for r in pages(client) if r["uri"] == f"{NOTEBOOKS}{path}"]

    assert listed["description"] == "Notebook that a person has open"


async def test_a_notebook_that_a_person_has_open_is_listed_behind_many_newer_sessions(
    jp_serverapp: Any, jp_fetch: Any
) -> None:
    client = InProcess(jp_serverapp, jp_fetch)
    await client.open()
    body = {"path": "deep/a.ipynb", "type": "notebook", "name": "", "kernel": {}}
    await jp_fetch("api", "sessions", method="POST", body=json.dumps(body))
    before = await client.request("resources/list")
    for number in range(MAX_SESSIONS):
        caller = Caller(subject=SHARED_SUBJECT, username="", client=f"client {number}")
        await client.services.sessions.resolve(caller, None)

    after = await client.request("resources/list")

    [opened, session] = before["resources"]
    assert opened["uri"] == f"{NOTEBOOKS}deep/a.ipynb"
    assert opened in after["resources"]
    assert session not in after["resources"]
    assert after["nextCursor"]


@pytest.mark.parametrize("cursor", ["", "-1", "x", "9" * 30, "1e3", "٣"])
def test_a_cursor_of_another_server_is_refused(client: McpClient, cursor: str) -> None:
    error = client.error("resources/list", cursor=cursor)

    assert error["code"] == -32602
    assert "from the beginning" in error["message"]


def test_the_templates_are_those_that_can_be_read(client: McpClient) -> None:
    found = client.request("resources/templates/list")

    assert [t["uriTemplate"] for t in found["resourceTemplates"]] == [
        "jupyter://notebooks/{path}",
        "jupyter://executions/{id}",
        "jupyter://sessions/{id}",
    ]
    if client.is_new:
        assert found["ttlMs"] == 300_000
