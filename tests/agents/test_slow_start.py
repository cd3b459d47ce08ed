"""Clients ask the model before a server that starts slowly is there, unless told to wait."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from tests.snippets import page_text

from .client import Place, Start
from .playing import Stage, played
from .programs import PROGRAMS
from .scenario import Step

pytestmark = pytest.mark.timeout(600)  # installs them at the first run

BY_NAME = {client.name: client for client in PROGRAMS}
WAITING = {
    "Claude Code": "MCP_CONNECTION_NONBLOCKING=0",
    "Codex": "mcp_optional_startup_grace_ms = 0",
}
"""What has a client wait; it is started with that everywhere else."""


def without(waiting: str, start: Start, place: Place) -> Start:
    """Start a client without what has it wait."""
    config = place.home / ".codex" / "config.toml"
    if config.exists():
        whole = config.read_text()
        assert f"{waiting}\n" in whole
        config.write_text(whole.replace(f"{waiting}\n", ""))
        return start
    name, _, value = waiting.partition("=")
    assert start.env[name] == value
    return replace(start, env={key: start.env[key] for key in start.env if key != name})


@pytest.mark.parametrize("name", WAITING)
def test_a_client_asks_without_the_tools_of_a_slow_server_unless_it_is_told_to_wait(
    name: str, on: Stage
) -> None:
    client = BY_NAME[name]
    on.installation.prepare(client.package)
    server = on.served.server.process

    def started(place: Place) -> Start:
        start = without(WAITING[name], client.start(place), place)
        server.send_signal(signal.SIGSTOP)
        return start

    def resume() -> None:
        server.send_signal(signal.SIGCONT)

    # The server stands still until the model is asked.
    step = Step(name="asked", tool="execute_code", arguments={"code": "1"}, before=resume)
    place, conversation = on.place(client, [step])
    try:
        done = played(replace(client, start=started), place, conversation)
    finally:
        resume()

    assert conversation.is_over.is_set(), done.said
    assert not any(tool.is_called("execute_code") for tool in conversation.tools)


@pytest.mark.parametrize(("name", "waiting"), WAITING.items())
@pytest.mark.parametrize("page", ["its own", "troubleshooting"])
def test_the_pages_say_what_has_a_client_wait(name: str, waiting: str, page: str) -> None:
    own = f"clients/{BY_NAME[name].key}"

    assert f"`{waiting}`" in page_text(own if page == "its own" else page)
