"""The page for people in a real browser: with and without JavaScript, narrow, by keyboard."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.page import LAN_NAME, MILLISECONDS
from tests.mcp_client import McpClient
from tests.servers import JupyterServer, running_server
from tests.users import OPTION

Opened = Callable[..., tuple[Page, McpClient]]
HOSTILE = "</pre><script>document.title = 'gone'</script><img src=x onerror=alert(1)>"
PICTURE = os.environ.get("PICTURE", "")
"""Where the picture for the documentation is written, if it is."""
BRIGHTNESS = """
name => getComputedStyle(document.body)[name].match(/[0-9]+/g).reduce((sum, n) => sum + +n, 0)
"""
AS_VS_CODE = """
link => JSON.parse(decodeURIComponent(decodeURIComponent(link.href.split("?")[1])))
"""
"""VS Code decodes the address twice."""
AS_CURSOR = """
link => {
    const query = new URLSearchParams(link.href.split("?")[1]);
    return { name: query.get("name"), ...JSON.parse(atob(query.get("config"))) };
}
"""
LOOP = "import time\nprint('training')\nwhile True: time.sleep(0.01)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    named = f"--ServerApp.local_hostnames={LAN_NAME}"
    with running_server(tmp_path_factory.mktemp("page"), OPTION, named) as server:
        yield server


@pytest.fixture
def opened(browser: Browser, server: JupyterServer, request: pytest.FixtureRequest) -> Opened:
    """Open the page of a new user, who has an agent; ``options`` are of the browser's window."""
    user = request.node.name.replace("[", "-").strip("]")
    headers = {"Authorization": f"Bearer {user}"}

    def open_(**options: Any) -> tuple[Page, McpClient]:
        context = browser.new_context(extra_http_headers=headers, **options)
        request.addfinalizer(context.close)
        context.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"The page's script failed: {error}"))
        page.goto(f"{server.url}/ui")
        return page, McpClient(server, name="claude-code", headers=headers)

    return open_


def test_it_shows_what_happens_without_being_loaded_again(opened: Opened) -> None:
    page, agent = opened()
    expect(page.get_by_text("There is no session yet.")).to_be_visible()

    agent.run("print(6 * 7)")
    expect(page.locator(".answer").first).to_contain_text("42")
    started = agent.call("execute_code", code=LOOP, wait=0)
    expect(page.locator(".run")).to_contain_text("print('training')")
    page.get_by_role("button", name="Interrupt").click()

    expect(page.locator(".run")).to_have_count(0)
    assert agent.call("get_output", output_id=started.id, wait=20).status == "interrupted"


def test_what_runs_is_above_what_does_not(opened: Opened) -> None:
    page, agent = opened(viewport={"width": 1000, "height": 640})
    agent.call("create_session", name="churn-model")
    agent.run("import math\nmath.tau / 2", session_id="churn-model")
    started = agent.call("execute_code", code=LOOP, wait=0)

    expect(page.locator(".run")).to_contain_text("runs, begun")
    expect(page.locator(".call")).to_have_count(3)
    names = page.locator(".session strong").all_inner_texts()

    assert names == ["claude-code", "churn-model"]
    if PICTURE:
        page.screenshot(path=PICTURE)
    agent.call("interrupt_kernel", execution_id=started.id)


def test_it_works_without_javascript(opened: Opened) -> None:
    page, agent = opened(java_script_enabled=False)
    agent.run("print(6 * 7)")

    page.get_by_role("link", name="Refresh").click()
    expect(page.locator(".answer").first).to_contain_text("42")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text("Your agents were paused")
    assert agent.call("execute_code", code="1").is_error
    page.get_by_role("button", name="Resume").click()
    page.locator(".session summary").click()
    page.get_by_role("button", name="Shut down now").click()

    expect(page.locator(".session .state")).to_have_text("restorable")
    assert not agent.run("1").is_error


def test_it_works_with_the_keyboard_alone(opened: Opened) -> None:
    page, agent = opened()
    agent.run("1")
    expect(page.locator(".session summary")).to_be_visible()
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.innerText")
        seen.append(focused)
        if focused.startswith("Shut down"):
            break

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText").startswith("Shut down now")
    page.keyboard.press("Enter")

    expect(page.locator(".session .state")).to_have_text("restorable")
    assert seen[:3] == ["Refresh", "Pause", "Make read-only"]


def test_the_focus_and_what_is_open_stay_when_it_refreshes(opened: Opened) -> None:
    page, agent = opened()
    agent.run("1")
    page.locator(".session summary").click()
    page.locator("#pause-own").focus()

    agent.run("print('news')")
    expect(page.locator(".answer").first).to_contain_text("news")

    expect(page.get_by_role("button", name="Shut down now")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "pause-own"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_in_the_window(opened: Opened, scheme: str, width: int) -> None:
    page, agent = opened(viewport={"width": width, "height": 800}, color_scheme=scheme)
    agent.run(f"print({'x' * 300!r})")
    agent.call("read_file", path="y" * 300)

    expect(page.locator(".call")).to_have_count(2)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    brightness = [page.evaluate(BRIGHTNESS, name) for name in ("color", "backgroundColor")]
    assert (brightness[0] > brightness[1]) == (scheme == "dark")


def test_the_configuration_of_a_client_is_copied(opened: Opened, server: JupyterServer) -> None:
    page, _ = opened(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("Claude Code").click()

    page.locator("#snippet-1").get_by_role("button", name="Copy").click()
    expect(page.locator("#snippet-1").get_by_role("button")).to_have_text("Copied")

    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("claude mcp add ")
    assert f" {server.url} --header 'Authorization: Bearer ${{JUPYTER_TOKEN}}'" in copied


def test_vs_code_and_cursor_get_the_address_without_the_token(
    opened: Opened, server: JupyterServer
) -> None:
    page, _ = opened()

    vs_code, cursor = page.locator(".links a").all()
    entry = vs_code.evaluate(AS_VS_CODE)
    config = cursor.evaluate(AS_CURSOR)

    assert (entry["name"], entry["type"], entry["url"]) == ("jupyter", "http", server.url)
    assert entry["headers"] == {"Authorization": "Bearer ${input:jupyter-token}"}
    assert [(i["id"], i["password"]) for i in entry["inputs"]] == [("jupyter-token", True)]
    assert config["name"] == "jupyter"
    assert config["url"] == server.url
    assert config["headers"] == {"Authorization": "Bearer ${env:JUPYTER_TOKEN}"}


@pytest.mark.parametrize("width", [320, 1280])
def test_without_the_page_a_browser_shows_how_agents_connect(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    with running_server(tmp_path, "--McpPage.enabled=False") as server:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            permissions=["clipboard-read", "clipboard-write"],
        )
        page = context.new_page()
        page.set_default_timeout(MILLISECONDS)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{server.url}/connect?token={server.token}")
        page.goto(server.url)

        page.get_by_text("Codex", exact=True).click()
        codex = page.locator("details[open]")
        codex.get_by_role("button", name="Copy").click()
        expect(codex.get_by_role("button")).to_have_text("Copied")

        assert page.url == f"{server.url}/connect"
        assert f'url = "{server.url}"' in page.evaluate("navigator.clipboard.readText()")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert said == []
        context.close()


def test_over_plain_http_the_configuration_is_selected_to_be_copied(
    opened: Opened, server: JupyterServer
) -> None:
    page, _ = opened(permissions=["clipboard-read", "clipboard-write"])
    reader = page.context.new_page()
    reader.goto(f"{server.url}/ui")
    page.goto(f"{server.url.replace('127.0.0.1', LAN_NAME)}/ui")
    assert page.evaluate("navigator.clipboard === undefined")
    page.get_by_text("Claude Code").click()

    page.locator("#snippet-1").get_by_role("button").press("Enter")
    expect(page.locator("#snippet-1").get_by_role("button")).to_have_text(
        "Selected: press Ctrl+C or ⌘C"
    )
    page.keyboard.press("Control+C")

    reader.bring_to_front()
    copied = reader.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#snippet-1 code").inner_text()
    assert f" http://{LAN_NAME}:{server.port}/mcp --header" in copied


def test_what_agents_write_does_nothing(opened: Opened) -> None:
    page, agent = opened()

    agent.run(f"print({HOSTILE!r})")
    agent.call("read_file", path=HOSTILE)
    agent.run(f"raise type({HOSTILE!r}, (Exception,), {{}})({HOSTILE!r})")
    agent.call("create_session", name=HOSTILE.replace("/", "")[-60:])
    agent.send("tools/call", name=HOSTILE, arguments={HOSTILE: HOSTILE})

    expect(page.locator(".call")).to_have_count(5)
    expect(page.locator(".answer").nth(4)).to_contain_text(HOSTILE)
    expect(page.locator(".session")).to_have_count(2)
    assert page.title() == "Agents on this server"
    assert page.locator("main img, main script").count() == 0
