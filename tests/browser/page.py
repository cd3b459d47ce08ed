"""A person at JupyterLab in a real browser: what they see, and their mouse and keyboard."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

import pytest
from playwright.sync_api import Browser, Locator, sync_playwright

from tests.servers import JupyterServer

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MILLISECONDS = 30_000.0
"""How long something that must be seen is waited for."""

PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
CELLS = f"{PANEL} .jp-Notebook .jp-Cell"
SOURCES = r"""
selector => [...document.querySelectorAll(selector)].map(cell =>
    [...cell.querySelectorAll('.cm-line')].map(line => line.innerText.replace(/\n$/, ''))
    .join('\n'))
"""
UNTIL = """
async ([given, wanted, milliseconds]) => {
    const read = READ;
    const end = performance.now() + milliseconds;
    for (;;) {
        const found = await read(given);
        if (JSON.stringify(found) === wanted || performance.now() > end) return found;
        await new Promise(done => setTimeout(done, 20));
    }
}
"""
SAVED = """
async path => {
    const { contents } = jupyterapp.serviceManager;
    const url = `${contents.serverSettings.baseUrl}api/contents/${path}?content=1`;
    const answer = await fetch(url, { cache: 'no-store' });
    return (await answer.json()).content.cells.map(cell => [].concat(cell.source).join(''));
}
"""
OPEN = "path => void jupyterapp.commands.execute('docmanager:open', { path })"
READY = f"{PANEL} .jp-Notebook-ExecutionIndicator[data-status=idle]"
CLOSE_ALL = "() => [...jupyterapp.shell.widgets('main')].forEach(widget => widget.dispose())"
NUMBERS = itertools.count()


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser, until the block is left."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("The browser tests need Chromium; `apt-get install chromium` brings it.")
    if find_spec("jupyterlab") is None:
        pytest.fail('The browser tests need JupyterLab; `pip install -e ".[test]"` brings it.')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


class Lab:
    """JupyterLab in a person's browser, with one notebook open."""

    def __init__(self, browser: Browser, server: JupyterServer) -> None:
        self._context = browser.new_context(viewport={"width": 1200, "height": 800})
        self._context.set_default_timeout(MILLISECONDS)
        self.server = server
        self.path = ""
        self.page = self._context.new_page()
        self.load()

    def load(self) -> None:
        """Load JupyterLab with nothing open."""
        self.page.goto(
            f"http://127.0.0.1:{self.server.port}{self.server.base_url}lab/workspaces/"
            f"w{os.getpid()}-{next(NUMBERS)}?token={self.server.token}"
        )
        self.page.wait_for_function("() => window.jupyterapp")
        self.page.evaluate("async () => { await jupyterapp.restored }")

    def load_again(self) -> None:
        """Leave a page in an unknown state for a new one."""
        self.page.close()
        self.page = self._context.new_page()
        self.load()

    def open(self, path: str) -> None:
        """Open a notebook, until it is there with its kernel."""
        self.path = path
        self.page.evaluate(OPEN, path)
        self.page.locator(READY).wait_for()
        self.page.locator(CELLS).first.wait_for()

    def leave(self) -> None:
        """Close what is open, without a question."""
        self.page.evaluate(CLOSE_ALL)
        self.page.locator(PANEL).wait_for(state="detached")

    @property
    def cells(self) -> Locator:
        """The cells of the notebook."""
        return self.page.locator(CELLS)

    @property
    def sources(self) -> list[str]:
        """What the cells show at this moment."""
        return list(self.page.evaluate(SOURCES, CELLS))

    def output(self, index: int) -> Locator:
        """The outputs of a cell."""
        return self.cells.nth(index).locator(".jp-OutputArea-output")

    def prompt(self, index: int) -> Locator:
        """What stands beside a cell, such as `[3]:`."""
        return self.cells.nth(index).locator(".jp-InputPrompt")

    def shows(self, *sources: str) -> None:
        """The cells show these sources, at once or soon."""
        self._until(SOURCES, CELLS, sources)

    def is_saved_with(self, *sources: str) -> None:
        """The file has these sources, at once or soon."""
        self._until(SAVED, self.path, sources)

    def edit(self, index: int) -> None:
        """Put the cursor at the end of a cell's first line."""
        self.cells.nth(index).locator(".cm-line").first.click()
        self.page.keyboard.press("End")

    def type(self, text: str) -> None:
        """Type, key by key."""
        self.page.keyboard.type(text)

    def press(self, keys: str) -> None:
        """Press keys together, such as `Control+Enter`."""
        self.page.keyboard.press(keys)

    def _until(self, read: str, given: str, expected: Sequence[object]) -> None:
        wanted = json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
        found = self.page.evaluate(UNTIL.replace("READ", read), [given, wanted, MILLISECONDS])
        assert found == list(expected), f"not {expected} but {found}"
