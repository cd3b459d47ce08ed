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
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from tests.browser.kinds import Kind
from tests.servers import JupyterServer

NAMES = ("chromium", "chromium-browser", "google-chrome")
LAN_NAME = "jupyter.lan"
"""A name of this machine to which browsers give less than to localhost."""
OPTIONS = (
    f"--host-resolver-rules=MAP {LAN_NAME} 127.0.0.1",
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
FILE = """
async path => {
    const { contents } = jupyterapp.serviceManager;
    // As text: Jupyter takes a notebook that is half written for damaged, puts back what the file
    // was before, and loses what is being saved.
    const url = `${contents.serverSettings.baseUrl}api/contents/${path}?type=file&format=text`;
    const answer = await fetch(url, { cache: 'no-store' });
    try {
        return JSON.parse((await answer.json()).content).cells.map(cell => CELL);
    } catch (error) {
        return `${answer.status} ${error}`;
    }
}
"""
SAVED = FILE.replace("CELL", "[].concat(cell.source).join('')")
TEXTS = "cell.outputs.map(output => [].concat(output.text ?? []).join('')).join('')"
PRINTS_SAVED = FILE.replace("CELL", TEXTS)
LISTEN = """
() => {
    window.heard = [];
    jupyterapp.serviceManager.events.stream.connect((_, event) => void heard.push(event));
}
"""
ROOM_GONE = """
path => heard.some(({ action, msg, path: whose }) =>
    action === 'clean' && msg === 'Room deleted.' && whose.endsWith(path))
"""
OPEN = "path => void jupyterapp.commands.execute('docmanager:open', { path })"
READY = """
path => {
    const { context, content, sessionContext } = jupyterapp.shell.currentWidget ?? {};
    return context?.path.endsWith(path) && context.isReady && content.widgets.length
        && sessionContext.session?.kernel?.status === 'idle';
}
"""
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

    def __init__(self, browser: Browser, server: JupyterServer, kind: Kind) -> None:
        self._context = browser.new_context(viewport={"width": 1200, "height": 800})
        self._context.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        self.server = server
        self.kind = kind
        self.path = ""
        self.page = self._context.new_page()
        self.load()

    def load(self) -> None:
        """Load JupyterLab with nothing open."""
        self.page.goto(
            f"http://127.0.0.1:{self.server.port}{self.server.base_url}lab/workspaces/"
            f"w{os.getpid()}-{next(NUMBERS)}?token={self.server.token}"
        )
        self._until_started()
        self.page.evaluate(LISTEN)

    def _until_started(self) -> None:
        """Wait until the application is there: it comes after its extensions."""
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
        self._until_ready()

    def reload(self) -> None:
        """Load the page again, with the notebook in it."""
        self.page.reload()
        self._until_started()
        self._until_ready()

    def until_room_is_gone(self) -> None:
        """Wait until the server says that the notebook's room is deleted, if this kind does so."""
        if self.kind.closes_rooms:
            self.page.wait_for_function(ROOM_GONE, arg=self.path)

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

    def has_output(self, index: int, text: str) -> None:
        """A cell has this output, at once or soon."""
        expect(self.output(index)).to_have_text(text)

    def prompt(self, index: int) -> Locator:
        """What stands beside a cell, such as `[3]:`."""
        return self.cells.nth(index).locator(".jp-InputPrompt")

    def shows(self, *sources: str) -> None:
        """The cells show these sources, at once or soon."""
        self._until(SOURCES, CELLS, sources)

    def is_saved_with(self, *sources: str) -> None:
        """The file has these sources, at once or soon."""
        self._until(SAVED, self.path, sources)

    def is_saved_with_prints(self, *texts: str) -> None:
        """The code cells in the file have printed these texts, at once or soon."""
        self._until(PRINTS_SAVED, self.path, texts)

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

    def save(self) -> None:
        """Save, so that a test does not depend on the saves of the room itself."""
        self.press("Control+s")

    def menu(self, menu: str, item: str) -> None:
        """Choose from a menu."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=menu).click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def answer(self, title: str, button: str) -> None:
        """Answer a dialog."""
        dialog = self.page.locator(".jp-Dialog", has_text=title)
        dialog.get_by_role("button", name=button).click()
        dialog.wait_for(state="detached")

    def show_collaborators(self) -> None:
        """Open the list of collaborators."""
        self.page.evaluate("() => jupyterapp.shell.activateById('jp-collaboration-panel')")

    @property
    def collaborators(self) -> Locator:
        """The names in the list of collaborators."""
        return self.page.locator(".jp-Collaborator .jp-CollaboratorHeader > span")

    def _until_ready(self) -> None:
        self.page.wait_for_function(READY, arg=self.path)
        self.page.locator(CELLS).first.wait_for()

    def _until(self, read: str, given: str, expected: Sequence[object]) -> None:
        """Wait until what is read is as expected."""
        wanted = json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
        found = self.page.evaluate(UNTIL.replace("READ", read), [given, wanted, MILLISECONDS])
        assert found == list(expected), f"not {expected} but {found}"
