"""The links to the page for people in JupyterLab, with the extension as it is in the tree."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.kinds import PLAIN
from tests.browser.kinds import running_lab as running
from tests.browser.page import MILLISECONDS
from tests.servers import JupyterServer

LABEL = "Agents on This Server"
LSP = "jupyter_lsp"
"""JupyterLab's page asks it, and its console has an error if the server has it not."""
OWN = "jupyter-mcp-ext"
Opened = Callable[..., Page]
Start = Callable[..., JupyterServer]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a JupyterLab, once for each set of options."""
    with ExitStack() as stack:
        started: dict[object, JupyterServer] = {}

        def start_(*options: str, base_url: str = "/") -> JupyterServer:
            key = (options, base_url)
            if key not in started:
                kind = replace(PLAIN, server_extensions=(LSP,), options=options)
                folder = tmp_path_factory.mktemp("linked")
                started[key] = stack.enter_context(running(kind, folder, base_url=base_url))
            return started[key]

        yield start_


@pytest.fixture
def opened(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Open JupyterLab; what its console says as an error, or of us, fails the test."""
    said: list[str] = []

    def open_(server: JupyterServer, path: str = "lab") -> Page:
        context = browser.new_context(viewport={"width": 1200, "height": 1000})
        request.addfinalizer(context.close)
        context.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda m: said.append(m.text) if is_bad(m.type, m.text) else None)
        url = f"http://127.0.0.1:{server.port}{server.base_url}{path}?token={server.token}"
        page.goto(url)
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate("async () => { await jupyterapp.restored }")
        return page

    yield open_
    assert said == []


def is_bad(kind: str, text: str) -> bool:
    return kind == "error" or OWN in text


def from_help_menu(page: Page) -> None:
    page.locator(".lm-MenuBar-itemLabel", has_text="Help").click()
    page.get_by_role("menuitem", name=LABEL).click()


def from_launcher(page: Page) -> None:
    page.locator(".jp-LauncherCard", has_text=LABEL).click()


def from_palette(page: Page) -> None:
    page.keyboard.press("Control+Shift+C")
    page.locator(".jp-ModalCommandPalette input").fill(LABEL)
    expect(page.locator(".lm-CommandPalette-item.lm-mod-active", has_text=LABEL)).to_be_visible()
    page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("options", "base_url", "path", "leads_to"),
    [
        ((), "/", "lab", "/mcp/ui"),
        (("--McpApp.path=/agents/of-all",), "/a%40b/", "lab/tree/sub", "/a%40b/agents/of-all/ui"),
    ],
)
def test_jupyterlab_leads_to_the_page(
    start: Start,
    opened: Opened,
    options: tuple[str, ...],
    base_url: str,
    path: str,
    leads_to: str,
) -> None:
    server = start(*options, base_url=base_url)
    (server.root_dir / "sub").mkdir(exist_ok=True)
    page = opened(server, path)

    for choose in (from_launcher, from_help_menu, from_palette):
        with page.context.expect_page() as other:
            choose(page)

        expect(other.value.get_by_role("heading", name="Agents on this server")).to_be_visible()
        assert other.value.url == f"http://127.0.0.1:{server.port}{leads_to}"
        assert other.value.evaluate("window.opener") is None
        other.value.close()


def test_there_is_no_link_where_there_is_no_page(start: Start, opened: Opened) -> None:
    server = start("--McpPage.enabled=False")
    page = opened(server)

    expect(page.locator(".jp-LauncherCard", has_text="Terminal")).to_be_visible()
    page.locator(".lm-MenuBar-itemLabel", has_text="Help").click()
    expect(page.get_by_role("menuitem", name="About JupyterLab")).to_be_visible()

    assert page.get_by_text(LABEL).count() == 0
    assert not page.evaluate(f"() => jupyterapp.commands.hasCommand('{OWN}:open-page')")


def test_a_person_can_switch_it_off(start: Start, opened: Opened) -> None:
    server = start("--McpApp.path=/off")
    config = server.root_dir.parent / ".jupyter/labconfig/page_config.json"
    known = json.loads(config.read_text())
    known["disabledExtensions"][OWN] = True
    config.write_text(json.dumps(known))

    page = opened(server)

    expect(page.locator(".jp-LauncherCard", has_text="Terminal")).to_be_visible()
    assert page.get_by_text(LABEL).count() == 0
