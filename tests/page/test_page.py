"""The page of a server with several users: what each sees, and what its buttons do to whom.

Alice and Bob have an agent each, Root is an administrator.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.mcp_client import McpClient
from tests.servers import Answer, JupyterServer
from tests.users import OPTION

HOSTILE = "</pre></script><script>alert(1)</script><img src=x onerror=alert(1)>'\"&amp;"


@pytest.fixture(scope="module")
def audit_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "audit.jsonl"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer], audit_file: Path) -> JupyterServer:
    return start_server(
        *(OPTION, "--McpPolicy.admin_users=root", "--McpAudit.fail_closed=True"),
        f"--McpAudit.path={audit_file}",
    )


def look(server: JupyterServer, user: str, path: str = "") -> Answer:
    """What a user's browser gets."""
    headers = {"Authorization": f"Bearer {user}", "Accept": "text/html"}
    return server.request("GET", None, headers, path=f"{server.base_url}mcp/ui{path}")


def page(server: JupyterServer, user: str) -> str:
    """The page as a user gets it."""
    answer = look(server, user)
    assert answer.status == 200
    return answer.body.decode()


def press(server: JupyterServer, user: str, action: str, of: str = "") -> Answer:
    """Press a button of the page."""
    headers = {
        "Authorization": f"Bearer {user}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    path = f"{server.base_url}mcp/ui/{action}"
    return server.request("POST", urlencode({"of": of}).encode(), headers, path=path)


def said(answer: Answer) -> str:
    """The sentence of a page that says what went wrong."""
    found = re.search(r'<p role="alert"[^>]*>(.*?)</p>', answer.body.decode())
    assert found is not None, answer.body
    return html.unescape(found[1])


def agent(server: JupyterServer, user: str, name: str = "") -> McpClient:
    """The agent of a user."""
    headers = {"Authorization": f"Bearer {user}"}
    return McpClient(server, name=name or f"{user}s-agent", headers=headers)


def session_of(client: McpClient) -> str:
    """The id of its default session."""
    meta = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]
    return str(meta["session_id"])


def test_a_login_is_needed(server: JupyterServer) -> None:
    answers = [
        server.request("GET", path="/mcp/ui"),
        server.request("GET", path="/mcp/ui/news"),
        server.request("POST", b"", path="/mcp/ui/pause"),
    ]

    assert [answer.status for answer in answers] == [302, 302, 403]
    assert all(b"Agents" not in answer.body for answer in answers[:2])


def test_a_browser_at_the_address_of_mcp_is_led_to_the_page(server: JupyterServer) -> None:
    browser = server.request("GET", None, {"Accept": "text/html,*/*;q=0.8"})
    other = server.request("GET", None, {"Accept": "Text/HTML"})
    clients = [
        server.request("GET", None, {"Accept": accepted})
        for accepted in ("application/json, text/event-stream", "text/html, text/event-stream")
    ]

    for led in (browser, other):
        assert (led.status, led.headers["location"]) == (302, "/mcp/ui")
    assert [client.status for client in clients] == [401, 401]


def test_it_shows_the_sessions_clients_and_calls_of_the_user(server: JupyterServer) -> None:
    alice = agent(server, "alice", "shown")
    alice.run("print('seen ' * 2)")

    seen = page(server, "alice")

    session = session_of(alice)
    assert f'id="session-{session}"' in seen
    assert "<strong>shown</strong> 1" in seen
    assert "print(&#39;seen &#39; * 2)" in seen
    assert "seen seen" in seen
    assert f"mcp-sessions/{session}/shown.ipynb" in seen


def test_users_see_nothing_of_each_other(server: JupyterServer) -> None:
    alice = agent(server, "alice", "hers-alone")
    alice.run("print('secret-of-alice')")

    seen = page(server, "bob")

    assert session_of(alice) not in seen
    assert "secret-of-alice" not in seen
    assert "hers-alone" not in seen


def test_an_administrator_sees_sessions_without_contents(server: JupyterServer) -> None:
    alice = agent(server, "alice", "private-name")
    alice.run("print('private-code')")
    session = session_of(alice)
    code = "import time\nwhile True: time.sleep(0.01)  # private-run"
    started = alice.call("execute_code", code=code, wait=0)
    seen = page(server, "root")
    alice.call("interrupt_kernel", execution_id=started.id)

    part = seen[seen.index(f'id="session-{session}"') :]
    part = part[: part.index("</article>")]
    assert "alice" in part
    assert ">busy<" in part
    assert f"{started.id} (private-name) " in part  # it runs, or is just about to
    assert "private-" not in part.replace("(private-name)", "")
    assert "private-code" not in seen
    assert "private-run" not in seen


def test_what_agents_write_is_text_on_the_page(server: JupyterServer) -> None:
    mallory = agent(server, "mallory", HOSTILE[:60])
    mallory.call("create_session", name="<script>alert(2)<b>")
    mallory.run(f"print({HOSTILE!r})", session_id="<script>alert(2)<b>")
    mallory.call("read_file", path=HOSTILE)

    answer = look(server, "mallory")

    seen = answer.body.decode()
    assert "&lt;script&gt;alert(2)&lt;b&gt;" in seen
    assert html.escape(HOSTILE[:20], quote=False) in seen
    assert re.findall(r"<(script|img)\b(?! src=\"/static/)", seen) == []
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"


def test_the_names_of_users_are_text_too(server: JupyterServer) -> None:
    user = "<script>alert(3)</script>"
    agent(server, user).run("1")
    press(server, user, "pause")

    own, seen = page(server, user), page(server, "root")
    press(server, user, "resume")

    name = "&lt;script&gt;alert(3)&lt;/script&gt;"
    assert f"Your agents were paused by {name}" in own
    assert f"{name} · used" in seen
    for shown in (own, seen):
        assert re.findall(r"<(script|img)\b(?! src=\"/static/)", shown) == []


def test_a_person_interrupts_what_runs(server: JupyterServer) -> None:
    alice = agent(server, "alice", "interrupted")
    alice.run("1")
    session = session_of(alice)
    code = "import time\nwhile True: time.sleep(0.01)"  # begun or not, it says by whom
    started = alice.call("execute_code", code=code, wait=0)

    answer = press(server, "alice", "interrupt", session)

    assert (answer.status, answer.headers["location"]) == (303, "/mcp/ui")
    ended = alice.call("get_output", output_id=started.id)
    assert ended.status == "interrupted"
    assert "by alice, on the server's page" in ended.text


def test_a_person_shuts_a_kernel_down(server: JupyterServer) -> None:
    alice = agent(server, "alice", "ended")
    alice.run("1")

    assert press(server, "alice", "shutdown", session_of(alice)).status == 303

    assert "by alice, on the server's page" in alice.run("2").text


@pytest.mark.parametrize("action", ["interrupt", "shutdown"])
def test_others_cannot_touch_a_session_and_an_administrator_can(
    server: JupyterServer, action: str
) -> None:
    alice = agent(server, "alice", f"touched-{action}")
    alice.run("kept = 1")
    session = session_of(alice)

    refused = press(server, "bob", action, session)
    assert (refused.status, said(refused)[:25]) == (409, "There is no such session.")
    assert alice.run("kept").text.endswith("1")

    assert press(server, "root", action, session).status == 303


def test_paused_agents_are_told_so_until_they_are_resumed(server: JupyterServer) -> None:
    carol, dave = agent(server, "carol"), agent(server, "dave")

    assert press(server, "carol", "pause").status == 303
    refused = carol.call("execute_code", code="1")
    read = carol.call("list_sessions")
    assert refused.is_error
    assert refused.text.startswith("Error: carol paused the agents on this server")
    assert read.is_error
    assert "Your agents were paused by carol" in page(server, "carol")
    assert not dave.run("1").is_error

    assert press(server, "carol", "resume").status == 303
    assert not carol.run("1").is_error


def test_read_only_agents_read(server: JupyterServer) -> None:
    erin = agent(server, "erin")
    erin.run("x = 1")

    press(server, "erin", "read-only")
    refused = erin.call("execute_code", code="2")
    read = erin.call("get_output")
    press(server, "erin", "read-write")

    assert "erin switched this server to read-only" in refused.text
    assert not read.is_error
    assert not erin.run("2").is_error


def test_only_an_administrator_pauses_the_agents_of_all(server: JupyterServer) -> None:
    frank = agent(server, "frank")

    refused = press(server, "frank", "pause", "all")
    assert (refused.status, "Only administrators" in said(refused)) == (403, True)
    assert not frank.run("1").is_error

    assert press(server, "root", "pause", "all").status == 303
    try:
        assert "root paused the agents" in frank.call("execute_code", code="1").text
        assert press(server, "frank", "resume").status == 303
        assert "root paused the agents" in frank.call("execute_code", code="1").text
        assert "All agents were paused by root" in page(server, "frank")
    finally:
        press(server, "root", "resume", "all")
    assert not frank.run("1").is_error


def test_what_is_pressed_is_in_the_audit_file(server: JupyterServer, audit_file: Path) -> None:
    peggy = agent(server, "peggy")
    peggy.run("1")
    session = session_of(peggy)

    press(server, "peggy", "pause")
    press(server, "peggy", "resume")
    press(server, "root", "shutdown", session)
    peggy.call("list_sessions")  # is answered once it is recorded, and so is what was before

    records = [json.loads(line) for line in audit_file.read_text().splitlines()]
    used = [record for record in records if record["kind"] == "page_used"]
    assert [(record["owner"], record["session_id"], record["detail"]) for record in used[-3:]] == [
        ("peggy", None, "pause by peggy, their agents"),
        ("peggy", None, "resume by peggy, their agents"),
        ("peggy", session, "shutdown by root"),
    ]


@pytest.mark.parametrize("path", ["/", "/nothing", "/pause", "/../ui/x", "/interrupt"])
def test_other_addresses_below_it_do_nothing(server: JupyterServer, path: str) -> None:
    assert look(server, "alice", path).status in (200, 404, 405)
    assert press(server, "alice", "nothing").status == 404
    assert press(server, "alice", "interrupt", "../..").status == 409


def test_an_open_page_is_told_of_changes_of_its_users_agents_only(server: JupyterServer) -> None:
    grace, heidi = agent(server, "grace"), agent(server, "heidi")
    headers = {"Authorization": "Bearer grace"}
    with server.stream("GET", headers, path="/mcp/ui/news") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.readline() == b"data: changed\n"  # so that nothing in between is missed
        assert stream.readline() == b"\n"
        heidi.run("1")
        grace.run("1")
        assert stream.readline() == b"data: changed\n"


def test_many_open_pages_of_a_user_are_too_many(server: JupyterServer) -> None:
    headers = {"Authorization": "Bearer ivan"}
    with ExitStack() as stack:
        for _ in range(20):
            stream = stack.enter_context(server.stream("GET", headers, path="/mcp/ui/news"))
            assert stream.readline() == b"data: changed\n"
        refused = server.request("GET", None, headers, path="/mcp/ui/news")
        other = stack.enter_context(
            server.stream("GET", {"Authorization": "Bearer judy"}, path="/mcp/ui/news")
        )
        assert refused.status == 204
        assert other.readline() == b"data: changed\n"
