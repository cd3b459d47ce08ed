"""Each client that does not lead to the server is named, and what the line says mends it."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.configuring.client import Client, Machine, Target
from jupyter_mcp_ext.clients.configuring.clients import BY_ID, CLIENTS
from jupyter_mcp_ext.clients.doctor.entry import written
from jupyter_mcp_ext.commands.connect import Connect
from tests.clients.doctor.examined import Examined, looked
from tests.servers import JupyterServer, running_server

IDS = [client.id for client in CLIENTS]
OLD = "old-token-of-last-week"
REFERRING = [c for c in CLIENTS if c.http and "JUPYTER_TOKEN" in c.reference]


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person with clients, beside a server of their own."""

    folder: Path
    server: JupyterServer
    run: Callable[[str], None]

    @property
    def machine(self) -> Machine:
        return Machine(system="linux", home=self.folder, env={}, which=lambda _: None)

    def write(self, client: Client, target: Target, *, over_http: bool = False) -> Path:
        """Have a client lead somewhere."""
        return self.put(client, client.connected("", target, "http" if over_http else "bridge"))

    def put(self, client: Client, text: str) -> Path:
        file = client.file(self.machine)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def found(self, client: Client, **more: str) -> Mapping[str, str]:
        """The only line about clients, which is about this one."""
        found = self.looked(**more)
        line = found.one("clients")
        assert client.title in line["what"]
        assert OLD not in str(found.whole)
        assert self.server.token not in str(found.whole)
        return line

    def looked(self, **more: str) -> Examined:
        return looked(self.folder, until="clients", **more)

    def mend(self, line: Mapping[str, str]) -> None:
        """Do what a line says."""
        self.run(line["do"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_server(tmp_path_factory.mktemp("clients")) as server:
        yield server


@pytest.fixture
def person(server: JupyterServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    folder = server.root_dir.parent
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    before = set(folder.iterdir())

    def run(line: str) -> None:
        words = shlex.split(line)
        assert words[:3] == ["jupyter", "mcp", "connect"]
        command = Connect()
        command.initialize(words[3:])
        command.start()

    yield Person(folder=folder, server=server, run=run)
    for path in set(folder.iterdir()) - before:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def bridge(**more: object) -> Target:
    """A bridge that can be started, to another server."""
    whole = {"command": shutil.which("true", path="/bin:/usr/bin"), "args": ("bridge",), **more}
    return Target(**whole)  # type: ignore[arg-type]


def mended(person: Person, client: Client, line: Mapping[str, str]) -> None:
    """What the line says makes the client lead to the server."""
    person.mend(line)
    after = person.found(client)
    assert (after["level"], after["what"]) == ("ok", f"{client.title} is connected.")


@pytest.mark.parametrize("name", IDS)
def test_a_client_without_an_entry_is_told_and_connected(person: Person, name: str) -> None:
    client = BY_ID[name]
    person.put(client, "{}" if client.format == "json" else "")

    line = person.found(client)

    assert line["level"] == "ok"
    assert "is not connected" in line["what"]
    assert line["do"] == f"jupyter mcp connect {name} --server {person.server.port}"
    mended(person, client, line)


@pytest.mark.parametrize("name", IDS)
def test_a_bridge_to_another_server_is_named_and_mended(person: Person, name: str) -> None:
    client = BY_ID[name]
    program = person.folder / "venv/bin/jupyter-mcp"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    person.write(client, bridge(command=str(program), args=("bridge", "--server", "1")))

    line = person.found(client)

    assert line["level"] == "warning"
    assert line["what"].endswith("starts the bridge to 1, which is another server.")
    mended(person, client, line)


@pytest.mark.parametrize("name", IDS)
def test_a_bridge_that_no_longer_exists_is_named_and_mended(person: Person, name: str) -> None:
    client, port = BY_ID[name], str(person.server.port)
    gone = "/gone/venv/bin/jupyter-mcp"
    person.write(client, bridge(command=gone, args=("bridge", "--server", port)))

    line = person.found(client)

    assert line["level"] == "fault"
    assert f"cannot start the bridge: there is no program {gone} any more" in line["what"]
    mended(person, client, line)


@pytest.mark.parametrize("name", IDS)
def test_a_file_that_is_not_valid_is_named_and_can_be_mended(person: Person, name: str) -> None:
    client = BY_ID[name]
    text = {"json": f'{{"x": "{OLD}" [', "toml": f"x = {OLD}", "yaml": f"x: '{OLD}\n\ty: ["}
    file = person.put(client, text[client.format])

    line = person.found(client)

    assert line["level"] == "fault"
    assert f"cannot use its configuration {file}: it is not valid" in line["what"]
    first, _, command = line["do"].partition("; then: ")
    assert first == "Correct that file, or move it away"
    file.rename(file.with_suffix(".away"))
    file.parent.mkdir(exist_ok=True)
    person.put(client, "")
    mended(person, client, {"do": command})


@pytest.mark.parametrize("name", [client.id for client in CLIENTS if client.http])
def test_an_old_token_in_clear_is_named_and_mended(person: Person, name: str) -> None:
    client = BY_ID[name]
    target = Target(url=person.server.url, token=OLD)
    person.write(client, target, over_http=True)

    line = person.found(client)

    assert line["level"] == "warning"
    assert line["what"].endswith("is not that of this server.")
    mended(person, client, line)


@pytest.mark.parametrize("name", [client.id for client in CLIENTS if client.http])
def test_the_address_of_another_server_is_named_without_its_secrets(
    person: Person, name: str
) -> None:
    client = BY_ID[name]
    url = f"http://me:{OLD}@localhost:1/mcp?token={OLD}"
    person.write(client, Target(url=url, token=OLD), over_http=True)

    line = person.found(client)

    assert line["level"] == "warning"
    assert f"is connected to http://localhost:1/mcp, not to {person.server.url}" in line["what"]
    mended(person, client, line)


@pytest.mark.parametrize("client", REFERRING, ids=lambda client: client.id)
def test_a_variable_that_is_not_set_or_is_old_is_named_and_mended(
    person: Person, client: Client
) -> None:
    target = Target(url=person.server.url, token=client.reference)
    person.write(client, target, over_http=True)

    unset = person.found(client)
    old = looked(person.folder, until="clients", token=OLD).one("clients")
    good = person.found(client, token=person.server.token)

    assert "reads the token from JUPYTER_TOKEN, which is not set here" in unset["what"]
    assert "JUPYTER_TOKEN, which has another than this server's" in old["what"]
    assert good["what"] == f"{client.title} is connected."
    for line in (unset, old):
        assert line["level"] == "warning"
        person.write(client, target, over_http=True)
        mended(person, client, {"do": line["do"].partition(", or: ")[2]})


def test_a_client_that_asks_for_the_token_and_one_with_a_file_of_secrets_are_left(
    person: Person,
) -> None:
    for name in ("vscode", "continue"):
        client = BY_ID[name]
        target = Target(url=person.server.url, token=client.reference)
        file = person.write(client, target, over_http=True)
        file.with_name(".env").write_text(f"JUPYTER_TOKEN='{person.server.token}'\n")

    found = person.looked().of("clients")

    assert [line["what"] for line in found] == ["VS Code is connected.", "Continue is connected."]


@pytest.mark.parametrize(
    ("entry", "words", "level"),
    [
        (5, "neither a program nor an address", "fault"),
        ({"command": "/bin/true", "args": ["bridge", "--x"]}, "a program that is not known", "ok"),
        ({"command": "\x1b[2J", "args": []}, "a program that is not known here: ?[2J", "ok"),
        ({"url": "SERVER"}, "is connected without a token", "warning"),
        ({"url": "SERVER", "disabled": True}, "is switched off", "warning"),
        ({"url": "SERVER", "headers": {"Authorization": "Basic bWU6eA=="}}, "is connected.", "ok"),
        ({"url": "SERVER", "headers": {"authorization": "Bearer ${X}"}}, "is connected.", "ok"),
        ({"url": "http://[", "headers": {}}, "is connected to (hidden)", "warning"),
    ],
)
def test_entries_of_any_kind_are_read(
    person: Person, entry: object, words: str, level: str
) -> None:
    text = json.dumps({"mcpServers": {"jupyter": entry}}).replace("SERVER", person.server.url)
    person.put(BY_ID["cursor"], text)

    line = person.found(BY_ID["cursor"])

    assert words in line["what"]
    assert line["level"] == level
    assert "x1b" not in repr(line)


def test_a_bridge_whose_python_is_gone_is_named(person: Person) -> None:
    program = person.folder / "venv/bin/jupyter-mcp"
    program.parent.mkdir(parents=True)
    program.write_text("#!/gone/bin/python\n")
    program.chmod(0o755)
    args = ("bridge", "--server", str(person.server.port))
    person.write(BY_ID["gemini"], bridge(command=str(program), args=args))

    line = person.found(BY_ID["gemini"])

    assert f"/gone/bin/python, which runs {program}, is gone" in line["what"]
    mended(person, BY_ID["gemini"], line)


@pytest.mark.parametrize("name", IDS)
def test_what_connect_writes_is_read_as_what_it_is(name: str) -> None:
    client = BY_ID[name]
    started = written(client.bridge(Target(command="/p", args=("bridge", "--server", "8888"))))
    remote = written(client.bridge(Target(command="/p", args=("bridge",), token=client.reference)))
    clear = written(client.bridge(Target(command="/p", args=("bridge",), token=OLD)))

    assert started.command == ("/p", "bridge", "--server", "8888")
    assert started.option("--server") == "8888"
    assert (started.url, started.token) == ("", "")
    assert not any((started.is_referred, started.is_elsewhere, started.is_off))
    assert clear.token == OLD
    assert remote.is_referred or remote.is_elsewhere or not client.reference
