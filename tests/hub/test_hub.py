"""MCP on the servers of a JupyterHub's users: through its proxy, with its tokens and its rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import MILLISECONDS, running_browser
from tests.hub.hubs import Hub, running_hub
from tests.mcp_client import ERAS, INITIALIZE, McpClient
from tests.servers import JupyterServer

PAGE = "/user/alice/mcp/ui"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture(scope="module")
def alice(hub: Hub) -> JupyterServer:
    return hub.start("alice")


@pytest.mark.parametrize("era", ERAS)
def test_an_agent_runs_code_with_a_token_for_one_server(alice: JupyterServer, era: str) -> None:
    assert McpClient(alice, era).run("6 * 7").text.endswith("42")


def test_tokens_of_others_are_refused(hub: Hub, alice: JupyterServer) -> None:
    hub.start("bob")
    tokens = ["", "wrong", hub.token_for("bob", "access:servers!user=bob")]

    answers = [alice.post(INITIALIZE, {"Authorization": f"Bearer {token}"}) for token in tokens]
    shown = [
        alice.request("GET", None, {"Authorization": f"Bearer {token}"}, path=f"{PAGE}")
        for token in tokens
    ]

    assert [answer.status for answer in answers] == [401, 401, 401]
    assert all(b"Last calls" not in answer.body for answer in shown)


def test_a_token_without_rights_to_servers_is_refused(hub: Hub, alice: JupyterServer) -> None:
    token = hub.token_for("alice", "read:users!user=alice")

    assert alice.post(INITIALIZE, {"Authorization": f"Bearer {token}"}).status == 401


def test_an_administrator_sees_that_there_are_sessions_and_not_what_is_in_them(
    hub: Hub, alice: JupyterServer
) -> None:
    agent = McpClient(alice, name="alices-agent")
    agent.run("print('only-for-alice')")
    hub.api("POST", "/users/root")
    token = hub.token_for("root", "access:servers!user=alice")

    seen = alice.request("GET", None, {"Authorization": f"Bearer {token}"}, path=PAGE)
    own = alice.request("GET", None, alice.auth, path=PAGE)

    assert b"root, administrator" in seen.body
    assert b'id="session-' in seen.body
    assert b"only-for-alice" not in seen.body
    assert b"only-for-alice" in own.body
    assert b"administrator" not in own.body


def test_probes_and_prometheus_reach_it_through_the_proxy(hub: Hub, alice: JupyterServer) -> None:
    health = alice.request("GET", path="/user/alice/mcp/health")
    metrics = alice.request("GET", None, alice.auth, path="/user/alice/metrics")

    assert health.status == 200
    assert health.json() == {"status": "ok"}
    assert b"mcp_calls" in metrics.body


def log_in(page: Page, url: str) -> None:
    """Open an address of Alice's server, which leads to the Hub's login and back."""
    expect.set_options(timeout=MILLISECONDS)
    page.goto(url)
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("any")
    page.get_by_role("button", name="Sign in").click()


def test_a_person_who_logs_in_at_the_hub_sees_the_page(hub: Hub, alice: JupyterServer) -> None:
    with running_browser() as browser:
        page = browser.new_page()
        log_in(page, alice.url)

        expect(page.get_by_role("heading", name="Agents on this server")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status")).to_contain_text("paused by alice")
        assert McpClient(alice).call("execute_code", code="1").is_error
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_have_count(0)
    assert not McpClient(alice).run("1").is_error


def test_jupyterlab_at_the_hub_leads_to_the_page(hub: Hub, alice: JupyterServer) -> None:
    with running_browser() as browser:
        page = browser.new_page()
        log_in(page, f"http://127.0.0.1:{alice.port}/user/alice/lab")

        with page.context.expect_page() as opened:
            page.locator(".jp-LauncherCard", has_text="Agents on This Server").click()

        expect(opened.value.get_by_role("heading", name="Agents on this server")).to_be_visible()
        assert opened.value.url == f"http://127.0.0.1:{hub.port}{PAGE}"
