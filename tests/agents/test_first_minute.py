"""From nothing to a plot in Claude Code: what a person types, in an environment that is new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.first_run import started
from tests.servers import JupyterServer
from tests.snippets import block_of

from .client import Client, Place, Start
from .installing import PINNED
from .judging import image
from .libraries import PROJECT
from .model import Model, running_model
from .playing import played
from .programs import PROGRAMS, claude
from .scenario import PLOT, run

pytestmark = pytest.mark.timeout(600)  # installs packages

[CLAUDE] = [client for client in PROGRAMS if client.name == "Claude Code"]
CONNECT = block_of("README", "jupyter mcp connect").text.strip()


class Seconds:
    """How long each command took."""

    def __init__(self) -> None:
        self.each: dict[str, float] = {}

    @contextmanager
    def of(self, command: str) -> Iterator[None]:
        """Measure what the block does."""
        begun = time.monotonic()
        yield
        self.each[command] = time.monotonic() - begun

    def tell(self) -> None:
        """Print them, with their sum."""
        for command, seconds in self.each.items():
            print(f"{seconds:6.1f} s  {command}")
        print(f"{sum(self.each.values()):6.1f} s  in all")


@pytest.fixture(scope="module")
def seconds() -> Seconds:
    """Those of the commands that the tests share, which are in the first that uses them."""
    return Seconds()


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory, seconds: Seconds) -> Path:
    """The commands of a new environment, with what the README installs."""
    folder = tmp_path_factory.mktemp("fresh")
    uv = str(Path(sysconfig.get_path("scripts"), "uv"))
    python = folder / "bin" / "python"
    _done([uv, "venv", "--python", sys.executable, str(folder)])
    with seconds.of('uv pip install -e ".[data]"'):
        _done([uv, "pip", "install", "--python", str(python), "-e", f"{PROJECT}[data]"])
    return python.parent


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a person."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(scripts: Path, home: Path, seconds: Seconds) -> Iterator[JupyterServer]:
    """What ``jupyter mcp`` starts."""
    begun = time.monotonic()
    with started([str(scripts / "jupyter-mcp")], home) as one:
        seconds.each["jupyter mcp"] = time.monotonic() - begun
        yield one


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    """The model."""
    PINNED.path()
    with running_model() as one:
        yield one


def test_claude_code_gets_a_plot_after_three_commands(
    scripts: Path, server: JupyterServer, home: Path, model: Model, seconds: Seconds
) -> None:
    def start(place: Place) -> Start:
        with seconds.of(CONNECT):
            *command, client = CONNECT.split(" ")
            assert command == ["jupyter", "mcp", "connect"]
            place.connect(client)
        return claude(place)

    assert _plot(start, home, server, model, scripts, seconds) == "image"
    seconds.tell()


def test_claude_code_gets_a_plot_by_the_bridge_alone(
    scripts: Path, server: JupyterServer, home: Path, model: Model, seconds: Seconds
) -> None:
    seconds.each.pop(CONNECT, None)

    def start(place: Place) -> Start:
        written = json.loads(block_of("bridge", '"mcpServers"').text)
        bridge = written["mcpServers"]["jupyter"]
        assert bridge["command"] == "/path/to/environment/bin/jupyter-mcp"
        bridge["command"] = str(scripts / "jupyter-mcp")
        bridge["env"] = {"JUPYTER_RUNTIME_DIR": str(place.runtime)}
        (place.home / ".claude.json").write_text(json.dumps(written))
        return claude(place)

    assert _plot(start, home, server, model, scripts, seconds) == "image"
    seconds.tell()


def _plot(
    start: Callable[[Place], Start],
    home: Path,
    server: JupyterServer,
    model: Model,
    scripts: Path,
    seconds: Seconds,
) -> str:
    """What reaches the model when it asks for a plot."""
    address, conversation = model.begin([run("image", PLOT)])
    project = home / address.rpartition("/")[2]
    project.mkdir()
    place = Place(
        home=home,
        project=project,
        server=server,
        model=address,
        installation=PINNED,
        runtime=home / "runtime",
        scripts=scripts,
    )
    client = Client(name="Claude Code", package=CLAUDE.package, start=start)
    done = played(client, place, conversation)
    seconds.each["claude -p …"] = done.seconds
    assert conversation.is_over.is_set(), done.said
    return image(conversation.by_name()["image"])


def _done(command: Sequence[str]) -> None:
    # uv knows its own certificates only, and those of a proxy are among the system's.
    env = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
