"""Clients without a person and without what approves calls say what the pages quote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.snippets import page_text

from .client import Place, Start
from .playing import Played, Stage, first_plot
from .programs import PROGRAMS

pytestmark = pytest.mark.timeout(600)  # installs them at the first run

PAGE = page_text("troubleshooting")
APPROVING = {
    "Codex": 'default_tools_approval_mode = "approve"',
    "Claude Code": "--allowedTools mcp__jupyter",
    "Copilot CLI": "--allow-all-tools",
    "Gemini CLI": "--approval-mode yolo",
}
"""What approves the calls of each."""
BY_NAME = {client.name: client for client in PROGRAMS}


def quoted(name: str) -> str:
    """What the page says that a client says."""
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| {name} |")]
    _, _, said, do, _ = row.split("|")
    assert f"`{APPROVING[name]}`" in do
    return said.strip(" *")


def without(start: Callable[[Place], Start], approving: str) -> Callable[[Place], Start]:
    """A client that is started without what approves calls."""

    def started(place: Place) -> Start:
        whole = start(place)
        config = place.home / ".codex" / "config.toml"
        if config.exists():
            config.write_text(config.read_text().replace(f"{approving}\n", ""))
        left = [word for word in whole.command if word not in approving.split()]
        return replace(whole, command=left)

    return started


def played(name: str, approving: str, on: Stage) -> Played:
    """What a client does that is to make a plot, without what approves that."""
    client = BY_NAME[name]
    on.installation.prepare(client.package)
    return first_plot(replace(client, start=without(client.start, approving)), on, "bridge")


@pytest.mark.parametrize("name", APPROVING)
def test_a_call_that_no_person_can_approve_is_refused_in_these_words(name: str, on: Stage) -> None:
    result = played(name, APPROVING[name], on).conversation.by_name()["image"]

    assert quoted(name) in result.text
    assert not result.pictures


def test_gemini_does_not_start_in_a_folder_that_is_not_trusted(on: Stage) -> None:
    said = played("Gemini CLI", "--skip-trust", on).said

    assert "Gemini CLI is not running in a trusted directory" in said
    assert "*Gemini CLI is not running in a trusted directory*" in PAGE
