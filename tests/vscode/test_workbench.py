"""The real VS Code reads what ``jupyter mcp connect vscode`` and the link of the page give it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from jupyter_mcp_ext.connect import snippets
from jupyter_mcp_ext.page.links import links
from jupyter_mcp_ext.tools.registry import TOOLS
from tests.browser.page import running_browser
from tests.servers import JupyterServer, environment

from .workbench import FOLDER, running_workbench

pytestmark = pytest.mark.timeout(300)  # installs it at the first run

HERE = Path(__file__).parent
DISCOVERED = f"Discovered {len(TOOLS)} tools"
TOKEN_ASKED = "Token of the Jupyter server"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Leave alone the event loop of this thread, which is the browser's."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """No server runs in this process."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder in which VS Code was started before."""
    (tmp_path / FOLDER).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def configuration(home: Path) -> Path:
    """The user's configuration of MCP servers."""
    return home / FOLDER / "User" / "mcp.json"


def connect(home: Path, server: JupyterServer, *options: str) -> str:
    """What ``jupyter mcp connect vscode`` prints."""
    described = {"JUPYTER_RUNTIME_DIR": str(server.root_dir.parent / "runtime")}
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mcp_ext", "connect", "vscode", *options],
        env=environment(home, described),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_vs_code_starts_the_bridge_and_finds_all_tools(
    browser: Browser, home: Path, server: JupyterServer
) -> None:
    connect(home, server)

    with running_workbench(browser, home) as code:
        expect(code.server("jupyter")).to_contain_text("Stopped")
        code.choose("jupyter")
        code.choose("Start Server")
        code.logs("jupyter", f"connected to http://127.0.0.1:{server.port}/")
        code.logs("jupyter", DISCOVERED)
        expect(code.server("jupyter")).to_contain_text("Running")


def test_vs_code_asks_for_the_token_and_sends_it(
    browser: Browser, home: Path, server: JupyterServer, configuration: Path
) -> None:
    connect(home, server, "--via", "http")

    with running_workbench(browser, home) as code:
        code.server("jupyter").click()
        code.choose("Start Server")
        code.asks(TOKEN_ASKED)
        code.answer(server.token)
        code.logs("jupyter", DISCOVERED)

    assert server.token not in configuration.read_text()


def test_the_link_of_the_page_installs_what_the_command_writes(
    browser: Browser, home: Path, server: JupyterServer, configuration: Path
) -> None:
    [href] = [link.href for link in links(snippets(server.url)) if link.client == "VS Code"]
    shown: dict[str, Any] = json.loads(connect(home, server, "--via", "http", "--print"))

    with running_workbench(browser, home) as code:
        code.command("Developer: Open URL")
        code.asks("URL to open")
        code.answer(href)
        code.page.get_by_role("button", name="Install", exact=True).click()
        expect(code.page.get_by_role("button", name="Uninstall", exact=True)).to_be_visible()

    assert json.loads(configuration.read_text()) == shown


def test_the_page_of_the_client_has_the_version_that_is_run() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    page = (HERE.parents[1] / "docs" / "clients" / "vscode.md").read_text()

    version = lock["packages"]["node_modules/code-server"]["version"]

    assert f"VS Code {version.replace('4.', '1.', 1)} as code-server {version} has it" in page
    assert f'"{DISCOVERED}"' in page
