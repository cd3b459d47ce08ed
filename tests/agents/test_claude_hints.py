"""What Claude Code does with hints in a tool's `_meta`, as docs/tools.md says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import JupyterServer

from .client import Client, Place, Start
from .installing import PINNED
from .libraries import PROJECT
from .model import Conversation, running_model
from .playing import played
from .programs import PROGRAMS, claude
from .scenario import Step
from .scripts.hinting import LOADED, NONE, SEARCHED, WORD

pytestmark = pytest.mark.timeout(600)  # installs packages

[CLAUDE] = [client for client in PROGRAMS if client.name == "Claude Code"]


def _start(place: Place) -> Start:
    server = {
        "command": sys.executable,
        "args": ["-m", "tests.agents.scripts.hinting"],
        "env": {"PYTHONPATH": str(PROJECT)},
    }
    (place.home / ".claude.json").write_text(json.dumps({"mcpServers": {"hinting": server}}))
    return claude(place)


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory, server: JupyterServer
) -> Iterator[Conversation]:
    """What the model is given by Claude Code, which searches for a word once."""
    home = tmp_path_factory.mktemp("home")
    (home / "project").mkdir()
    with running_model() as model:
        search = Step(name="search", tool="ToolSearch", arguments={"query": WORD})
        address, conversation = model.begin([search])
        place = Place(
            home=home,
            project=home / "project",
            server=server,
            model=address,
            installation=PINNED,
            runtime=Path("none"),
        )
        client = Client(name="Claude Code", package=CLAUDE.package, start=_start)
        done = played(client, place, conversation)
        assert conversation.is_over.is_set(), done.said
        yield conversation


def test_only_a_tool_that_asks_for_it_is_there_from_the_start(shown: Conversation) -> None:
    there = {
        name
        for name in (NONE, LOADED, SEARCHED)
        if any(tool.is_called(name) for tool in shown.tools)
    }

    assert there == {LOADED}


def test_the_words_of_a_search_hint_find_the_tool_and_the_model_does_not_see_them(
    shown: Conversation,
) -> None:
    found = shown.by_name()["search"].text

    assert SEARCHED in found
    assert NONE not in found
    assert WORD not in shown.first
