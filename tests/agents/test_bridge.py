"""Real programs that start the bridge: the same reaches the model as over HTTP."""

from __future__ import annotations

import json
import sys

import pytest

from .client import Client, Place, Start
from .judging import words
from .playing import Played, Stage
from .programs import PROGRAMS
from .table import FILE, read

TOLD = read(FILE.read_text(encoding="utf-8"))
pytestmark = pytest.mark.timeout(600)  # installs them at the first run


def _bridge(place: Place) -> list[str]:
    return ["-m", "jupyter_mcp_ext", "bridge", "--server", place.server.url]


def _claude(place: Place) -> Start:
    start = PROGRAMS[0].start(place)
    server = {"command": sys.executable, "args": _bridge(place)}
    settings = {"mcpServers": {"jupyter": server}}
    (place.home / ".claude.json").write_text(json.dumps(settings))
    return start


def _codex(place: Place) -> Start:
    start = PROGRAMS[1].start(place)
    file = place.home / ".codex" / "config.toml"
    over_http = f'url = "{place.server.url}"\nbearer_token_env_var = "JUPYTER_TOKEN"\n'
    by_program = f'command = "{sys.executable}"\nargs = {json.dumps(_bridge(place))}\n'
    settings = file.read_text()
    assert over_http in settings
    file.write_text(settings.replace(over_http, f'{by_program}env_vars = ["JUPYTER_TOKEN"]\n'))
    return start


CLIENTS = (
    Client(name=PROGRAMS[0].name, package=PROGRAMS[0].package, start=_claude),
    Client(name=PROGRAMS[1].name, package=PROGRAMS[1].package, start=_codex),
)


def test_over_the_bridge_the_client_makes_all_calls_and_ends(run: Played, on: Stage) -> None:
    assert run.conversation.is_over.is_set(), run.said
    assert on.model.faults == []


def test_the_same_reaches_the_model_as_over_http(client: Client, run: Played) -> None:
    shown = words(run.conversation)

    assert shown == {name: TOLD[client.name][name] for name in shown}
