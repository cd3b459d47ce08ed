"""VS Code's workbench in a browser, with a home of its own, and a person's mouse and keyboard."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, Locator, Page, expect

from tests.servers import environment

from .installing import installed

LISTENS = re.compile(r"HTTP server listening on (http://\S+)")
FOLDER = ".config/Code"
"""Where VS Code has its settings, in a home folder on Linux."""
OPTIONS = ("--auth=none", "--disable-telemetry", "--disable-update-check")
QUIET = ("--disable-workspace-trust", "--disable-getting-started-override")
SETTINGS = {
    # The field of commands would close where another part of the workbench takes the focus.
    "workbench.quickOpen.closeOnFocusLost": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    # What is said of the thing below the pointer would cover the list.
    "workbench.hover.delay": 1_000_000,
}
MILLISECONDS = 60_000.0
RESTORED = "code/didCreateWorkbenchContributions/3"
"""The performance mark that VS Code sets when its parts that start after the layout have started.

They start while the browser is idle. A link that comes before the handler of links is dropped.
"""
MARKED = """
name => new Promise(done => {
    const isIn = list => list.getEntriesByName(name).length > 0;
    new PerformanceObserver(list => isIn(list) && done()).observe({ type: 'mark', buffered: true });
})
"""


class Workbench:
    """The workbench."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked = page.locator(".quick-input-widget")
        """Where it asks for something, with a list to choose from."""
        self.field = self.asked.locator(".quick-input-box input")

    def command(self, title: str) -> None:
        """Run a command by its title."""
        self.page.keyboard.press("F1")
        self.field.fill(f">{title}")
        expect(self.asked.locator(".monaco-list-row.focused")).to_contain_text(title)
        self.field.press("Enter")

    def row(self, text: str) -> Locator:
        """What is offered to be chosen."""
        return self.asked.locator(".monaco-list-row", has_text=text).first

    def choose(self, text: str) -> None:
        """Choose from the list."""
        self.row(text).click()

    def asks(self, words: str) -> None:
        """It asks for a text with these words, at once or soon."""
        expect(self.asked.locator(".quick-input-message")).to_contain_text(words)

    def answer(self, text: str) -> None:
        """Type an answer."""
        self.field.fill(text)
        self.field.press("Enter")

    def server(self, name: str) -> Locator:
        """A server in the list of MCP servers, with its state."""
        self.command("MCP: List Servers")
        return self.row(name)

    def logs(self, name: str, text: str) -> None:
        """The log of an MCP server has a text, at once or soon."""
        self.server(name).click()
        self.choose("Show Output")
        expect(self.page.locator(".part.panel .view-lines")).to_contain_text(text)


@contextmanager
def running_workbench(browser: Browser, home: Path) -> Iterator[Workbench]:
    """VS Code with the settings of a home folder, until the block is left."""
    program, path = installed()
    settings = home / FOLDER / "User" / "settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps(SETTINGS))
    work = home / "work"
    work.mkdir()
    command = [str(program), *OPTIONS, *QUIET, "--bind-addr=127.0.0.1:0"]
    # It has a group of its own: some of its processes outlive it.
    process = subprocess.Popen(
        [*command, f"--user-data-dir={home / FOLDER}", str(work)],
        env={k: v for k, v in environment(home, {"PATH": path}).items() if k != "PYTHONPATH"},
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        address = _until_it_listens(process)
        with browser.new_context(viewport={"width": 1600, "height": 900}) as context:
            context.set_default_timeout(MILLISECONDS)
            expect.set_options(timeout=MILLISECONDS)
            page = context.new_page()
            page.goto(f"{address}?folder={work}")
            try:
                page.evaluate(MARKED, RESTORED)
                yield Workbench(page)
            except BaseException:
                page.screenshot(path=home / "failed.png")
                raise
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _until_it_listens(process: subprocess.Popen[str]) -> str:
    """The address at which it listens; what it says later is read and dropped."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := LISTENS.search(line):
            Thread(target=process.stdout.read, daemon=True).start()
            return found[1]
    message = f"It has ended:\n{''.join(said)}"
    raise RuntimeError(message)
