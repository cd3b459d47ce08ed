"""One browser, and one server with an open JupyterLab for each kind, shared by these tests."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.agents import Agent
from tests.browser.gates import Gate
from tests.browser.kinds import ROOMS, Kind, running_lab
from tests.browser.page import Lab, running_browser

Opened = Callable[..., tuple[Lab, Agent]]
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show of a failed test what was on the screen, and what the server has logged."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and call.when == "call" and isinstance(lab, Lab):
        item.stash[FAILED] = True
        picture = lab.server.root_dir.parent / f"{item.name}.png"
        lab.page.screenshot(path=picture)
        report.sections.append(("the page", str(picture)))
        report.sections.append(("the server's log", "".join(lab.server.log[-40:])))
    return report


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def labs(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Kind], Lab]]:
    """JupyterLab of a kind, started when it is first asked for."""
    with ExitStack() as stack:
        started: dict[str, Lab] = {}

        def lab(kind: Kind) -> Lab:
            if kind.name not in started:
                folder = tmp_path_factory.mktemp(kind.name)
                server = stack.enter_context(running_lab(kind, folder))
                started[kind.name] = Lab(browser, server, kind)
            return started[kind.name]

        yield lab


@pytest.fixture(params=ROOMS, ids=str)
def lab(request: pytest.FixtureRequest, labs: Callable[[Kind], Lab]) -> Iterator[Lab]:
    """JupyterLab with shared documents, of each kind."""
    lab = labs(request.param)
    yield lab
    if request.node.stash.get(FAILED, False):
        lab.load_again()
    else:
        lab.leave()


@pytest.fixture
def opened(lab: Lab, request: pytest.FixtureRequest) -> Opened:
    """Make a notebook with these sources, and have a person open it."""

    def open_(*sources: str) -> tuple[Lab, Agent]:
        agent = Agent(lab.server, f"{request.node.originalname}.ipynb")
        agent.call("create_notebook", cells=list(sources))
        lab.open(agent.path)
        return lab, agent

    return open_


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate for code in a kernel."""
    return Gate(tmp_path)


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Leave alone the event loop of this thread, which is the browser's."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """No server runs in this process."""
