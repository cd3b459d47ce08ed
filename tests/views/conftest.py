"""One browser and one host for all tests of views."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.page import running_browser
from tests.servers import JupyterServer
from tests.views.hosts import Host, running_host


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def host(browser: Browser, server: JupyterServer) -> Iterator[Host]:
    """A host that is connected, as a client that can show views."""
    with running_host(browser, server) as host:
        host.connect()
        yield host
        assert host.elsewhere == []  # whatever the tests have shown, nothing came from the network


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Leave alone the event loop of this thread, which is the browser's."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """No server runs in this process."""
