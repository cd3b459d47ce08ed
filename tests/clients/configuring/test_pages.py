"""docs/clients: a page for each client, which says what the program does and the tests see."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.configuring.client import Client, Way, texts_of
from jupyter_mcp_ext.clients.configuring.clients import CLIENTS
from jupyter_mcp_ext.connect import Snippet, snippets
from tests.agents.client import Client as Program
from tests.agents.libraries import LIBRARIES
from tests.agents.programs import PROGRAMS
from tests.agents.table import FILE, read
from tests.first_run import LIST_TOOLS, LIST_TOOLS_HEADERS
from tests.servers import JupyterServer, running_server
from tests.snippets import Block, blocks

FOLDER = Path(__file__).parents[3] / "docs" / "clients"
AGENTS = Path(__file__).parents[2] / "agents"
ADDRESS = "http://localhost:8888/mcp"
PROGRAM = "/path/to/environment/bin/jupyter-mcp"
NOTEBOOKS = "/path/to/notebooks"
SECTIONS = ["What is written", "By hand", "What it does", "What goes wrong"]
ROWS = ["Images", "Long runs", "Ctrl-C", "Approvals", "Questions", "Prompts", "Tools"]
WAYS: tuple[Way, ...] = ("bridge", "http")
SEEN = read(FILE.read_text(encoding="utf-8"))
IMAGES = {
    "image": "Plots reach the model as images",
    "as text": "Plots reach the model as base64, in text",
    "lost": "Plots are lost",
}
QUESTIONS = {
    "asks the person": "`input()` asks the person.",
    "cannot ask, told": "It cannot ask: `input()` ends with an error that says what to do.",
    "ends the client": "`input()` asks the person; without one, it ends Goose.",
}
CTRL_C = {"interrupts": "Interrupts the code.", "runs on": "The code runs on."}


def text(client: Client) -> str:
    """The page of a client."""
    return (FOLDER / f"{client.id}.md").read_text(encoding="utf-8")


def written(client: Client) -> dict[Way, Block]:
    """The entries of a page, by the way to the server."""
    found = [block for block in blocks(f"clients/{client.id}") if block.heading == SECTIONS[0]]
    return dict(zip(WAYS, found, strict=False))


def sends(client: Client) -> bool:
    """Whether a client can send the token by a reference to it."""
    return client.http is not None and bool(client.reference)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a server that Jupyter describes in its usual place."""
    home = tmp_path_factory.mktemp("pages")
    (home / ".local/share/jupyter").mkdir(parents=True)
    (home / ".local/share/jupyter/runtime").symlink_to(home / "runtime")
    return home


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[JupyterServer]:
    with running_server(folder) as server:
        yield server


def printed(home: Path, server: JupyterServer, clients: Sequence[Client], way: Way) -> list[str]:
    """What ``connect --print`` says of each client, with the file that it names before."""
    names = [client.id for client in clients]
    options = [f"--via={way}", f"--server={server.port}"]
    done = subprocess.run(
        # Unbuffered, so that what it prints and what it says are in their order.
        [sys.executable, "-u", "-m", "jupyter_mcp_ext", "connect", "--print", *options, *names],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    here = str(Path(sysconfig.get_path("scripts"), "jupyter-mcp"))
    said = re.sub(rf"http://[\w.]+:{server.port}/\S*?mcp\b", ADDRESS, done.stdout)
    said = said.replace(here, PROGRAM).replace(str(server.root_dir), NOTEBOOKS)
    said = re.sub(rf"\b{server.port}\b", "8888", said)
    each = re.split(r"^In (?=\S+:$)", said.partition("In the shell")[0], flags=re.MULTILINE)
    return each[1:]


@pytest.mark.parametrize("way", WAYS)
def test_the_entries_of_the_pages_are_those_that_the_program_prints(
    folder: Path, server: JupyterServer, way: Way
) -> None:
    clients = [client for client in CLIENTS if way == "bridge" or sends(client)]

    said = printed(folder, server, clients, way)

    for client, one in zip(clients, said, strict=True):
        file, _, entry = one.partition(":\n")
        assert written(client)[way].text == entry, client.id
        assert f"`{file}`" in written(client)["bridge"].said
    assert [client for client in CLIENTS if "http" in written(client)] == [*filter(sends, CLIENTS)]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_a_page_says_the_same_things_in_the_same_order(client: Client) -> None:
    page = text(client)
    rows = re.findall(r"^\| ([A-Z][\w -]+?) \| (?!-)", page, re.MULTILINE)

    assert page.startswith(f"# {client.title}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    assert next(blocks(f"clients/{client.id}")).text == f"jupyter mcp connect {client.id}\n"
    assert rows == ["What", *(row for row in ROWS if row in rows)]


@pytest.mark.parametrize("client", PROGRAMS, ids=lambda client: client.name)
def test_a_page_says_what_the_tests_see_of_a_program(client: Program) -> None:
    [known] = [one for one in CLIENTS if one.title == client.name]
    page, seen = text(known), SEEN[client.name]

    assert f"The tests run {client.name} {seen['version']}," in page
    assert f"| Images | {IMAGES[seen['image']]}" in page
    assert f"| Questions | {QUESTIONS[seen['input']]} |" in page
    assert f"| Ctrl-C | {CTRL_C[seen['cancel']]}" in page
    assert "| Long runs | The model gets `[running]` and goes on with `get_output`." in page
    assert (seen["running"], seen["rest"]) == ("whole", "whole")
    assert ("All are there" in page) == (seen["tools"] == "all")


def test_a_client_that_is_not_run_says_so() -> None:
    run = {program.name for program in PROGRAMS}

    for client in CLIENTS:
        assert ("\nNot run by the tests: " in text(client)) == (client.title not in run)
        assert client.title not in run or "\nThis is from its documentation" not in text(client)


@pytest.mark.parametrize("client", [*filter(sends, CLIENTS)], ids=lambda client: client.id)
def test_what_a_client_sends_by_its_page_lets_it_in(client: Client, server: JupyterServer) -> None:
    entry = client.present(written(client)["http"].text)
    texts = list(texts_of(entry))
    [login] = [one for one in texts if one.startswith("Bearer ")] or ["Bearer JUPYTER_TOKEN"]
    common = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **LIST_TOOLS_HEADERS,
    }
    reference = "JUPYTER_TOKEN" if "bearer_token_env_var" in entry else client.reference
    sent = {"Authorization": login.replace(reference, server.token)}

    answer = server.request("POST", json.dumps(LIST_TOOLS).encode(), {**common, **sent})

    assert ADDRESS in texts
    assert answer.status == 200


@pytest.mark.parametrize("snippet", snippets(ADDRESS), ids=lambda snippet: snippet.client)
def test_the_page_for_people_says_the_same_of_a_client(snippet: Snippet) -> None:
    [client] = [client for client in CLIENTS if client.title == snippet.client]
    told = [block.text.strip() for block in blocks(f"clients/{client.id}")]

    assert snippet.text in told
    assert snippet.where == "Run" or f"`{snippet.where}`" in text(client)


def test_the_lines_of_libraries_are_those_that_the_tests_run() -> None:
    sources = [*AGENTS.glob("scripts/with_*.py"), *AGENTS.glob("npm/*.mjs")]
    run = {line for source in sources for line in lines(source)} | {""}
    told = [block for block in blocks("clients/libraries") if block.heading != "Python"]

    assert len(told) == len(LIBRARIES)
    for block in told:
        assert {line.strip() for line in block.text.splitlines()} <= run, block.heading


def lines(source: Path) -> Iterator[str]:
    """The lines of a program of the tests, with an address as people have it."""
    text = source.read_text(encoding="utf-8")
    for place in ('os.environ["SERVER"]', "process.env.SERVER"):
        text = text.replace(place, f'"{ADDRESS}"')
    for line in text.splitlines():
        yield line.strip().removeprefix("export ")
