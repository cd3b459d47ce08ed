"""``jupyter mcp connect`` with real servers and the files of clients."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_server.auth.security import passwd

from jupyter_mcp_ext.clients import asking
from jupyter_mcp_ext.clients.configuring.client import NAME, Client
from jupyter_mcp_ext.clients.configuring.clients import BY_ID, CLIENTS
from jupyter_mcp_ext.clients.configuring.connecting import Connecting, this_machine, token_line
from jupyter_mcp_ext.clients.servers import KEPT_IN, Server
from jupyter_mcp_ext.commands.connect import Connect
from tests.certificates import write_certificate
from tests.clients.doctor.hostile import http, like_jupyter, serving
from tests.servers import JupyterServer, environment, running_server

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("connect")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[JupyterServer]:
    with running_server(folder) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home folder, with no clients."""
    for name in list(os.environ):
        if name.startswith(("JUPYTER", "XDG", "CLAUDE", "CODEX", "GEMINI", "COPILOT")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", "/nowhere")
    return home


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*options: str, runtime: Path = home / "runtime") -> tuple[int, str, str]:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
        code = 0
        try:
            command = Connect()
            command.initialize(list(options))
            command.start()
        except SystemExit as err:
            code = int(err.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def there(server: JupyterServer, folder: Path, run: Run) -> Run:
    """Runs the command where the server runs."""
    return lambda *options: run(*options, runtime=folder / "runtime")


def install(home: Path, *names: str) -> None:
    """What is found of clients that are installed."""
    for name in names:
        folder = {"claude-code": ".claude", "opencode": ".config/opencode"}.get(name, f".{name}")
        (home / folder).mkdir(parents=True)


def test_a_client_is_connected_through_the_bridge_without_a_token(
    there: Run, home: Path, server: JupyterServer, folder: Path
) -> None:
    install(home, "claude-code")

    code, out, err = there("claude-code")

    file = home / ".claude.json"
    entry = json.loads(file.read_text())["mcpServers"]["jupyter"]
    assert (code, err) == (0, "")
    assert out == (
        "Claude Code is connected, through the bridge: ~/.claude.json\n"
        "Clients read this when they start: start those again that run.\n"
    )
    assert Path(entry["command"]).name == "jupyter-mcp"
    assert os.access(entry["command"], os.X_OK)
    names = ("--server", str(server.root_dir), "--server", str(server.port))
    assert entry["args"] == ["bridge", *names]
    assert entry["env"] == {"JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    assert server.token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = there("claude-code")[1]
    assert again == "Claude Code is connected already, through the bridge: ~/.claude.json\n"
    assert {path.name for path in home.iterdir()} == {".claude", ".claude.json"}


@pytest.mark.parametrize("via", ["bridge", "http"])
@pytest.mark.parametrize("name", ["claude-code", "codex", "continue", "goose", "opencode"])
def test_another_entry_that_leads_to_the_same_server_is_named(
    there: Run, home: Path, name: str, via: str
) -> None:
    install(home, name)
    file = BY_ID[name].file(this_machine())
    there(name, f"--via={via}", "--force")
    once = file.read_text()
    file.write_text(re.sub(rf"\b{NAME}\b(?=[\]\"\n:])", "lab", once, count=1))

    _, out, err = there(name, f"--via={via}", "--force")

    assert err == ""
    assert "Its 'lab' leads to this server too, so its model has each tool twice." in out
    written = BY_ID[name].present(file.read_text())
    assert written == BY_ID[name].present(once)


@pytest.mark.parametrize(
    ("entry", "is_named"),
    [
        ({"command": "jupyter-mcp", "args": ["bridge"]}, True),
        ({"command": "jupyter-mcp", "args": ["bridge", "--server", "PORT"]}, True),
        ({"command": "uvx", "args": ["jupyter-mcp", "bridge", "--server", "FOLDER"]}, True),
        ({"command": "jupyter-mcp", "args": ["bridge", "--server", "9"]}, False),
        ({"command": "jupyter-mcp", "args": ["bridge"], "disabled": True}, False),
        ({"command": "another", "args": ["bridge"]}, False),
        ({"url": "http://localhost:9/mcp"}, False),
        ({"command": ["jupyter-mcp"], "args": None}, False),
        ("no entry", False),
    ],
)
def test_only_entries_that_lead_to_this_server_are_named(
    there: Run, home: Path, server: JupyterServer, entry: object, is_named: bool
) -> None:
    install(home, "claude-code")
    text = json.dumps({"mcpServers": {"lab\x1b[2J": entry}})
    text = text.replace("PORT", str(server.port)).replace("FOLDER", str(server.root_dir))
    (home / ".claude.json").write_text(text)

    _, out, _ = there("claude-code")

    assert ("leads to this server too" in out) is is_named
    assert "\x1b" not in out


def test_over_http_the_line_that_sets_the_token_is_printed(
    there: Run, home: Path, server: JupyterServer
) -> None:
    install(home, "codex", "copilot")

    _, out, _ = there("codex", "copilot", "--via", "http")

    assert (
        "In the shell that starts Codex or Copilot CLI, first:\n"
        f"  export JUPYTER_TOKEN={server.token}\n"
    ) in out
    for file in (home / ".codex/config.toml", home / ".copilot/mcp-config.json"):
        assert server.url in file.read_text()
        assert server.token not in file.read_text()


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "given"])
def test_a_shell_reads_the_token_that_the_line_sets_and_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    token, data = "a'b $(touch made) `touch made`;touch made", home / "my $(touch made) data"
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(data))
    if is_kept:
        data.mkdir()
        (data / KEPT_IN).write_text(f"{token}\n")

    line = token_line(Server(url="http://localhost:8888/", token=token))

    shell = ["/bin/sh", "-c", f'{line}\nprintf %s "$JUPYTER_TOKEN"']
    env = {"PATH": "/usr/bin:/bin"}
    assert subprocess.check_output(shell, cwd=home, text=True, env=env) == token
    assert ("cat" in line) == is_kept
    assert not (home / "made").exists()


def test_the_token_is_in_a_file_only_when_asked_for(
    there: Run, home: Path, server: JupyterServer
) -> None:
    install(home, "cursor")

    there("cursor", "--token-in-clear")

    assert f"Bearer {server.token}" in (home / ".cursor/mcp.json").read_text()


@pytest.mark.parametrize(
    "client", ["cursor", "codex", "claude-code", "zed", "continue", "copilot", "gemini", "goose"]
)
def test_an_entry_with_the_token_in_clear_is_taken_back_without_a_server(
    run: Run, there: Run, home: Path, client: str
) -> None:
    there(client, "--force", "--token-in-clear")
    listed = next(line for line in run("--list")[1].splitlines() if line.startswith(client))

    code, out, err = run(client, "--remove")

    assert "  connected" in listed
    assert (code, err) == (0, "")
    assert "is not connected any more" in out


def test_an_entry_with_a_token_that_a_person_wrote_stays(there: Run, home: Path) -> None:
    install(home, "cursor")
    file = home / ".cursor/mcp.json"
    login = {"Authorization": "Bearer secret"}
    file.write_text(
        json.dumps({"mcpServers": {"jupyter": {"url": "http://h/mcp", "headers": login}}})
    )

    code, _, err = there("cursor", "--remove")

    assert code == 1
    assert "that this command has not made" in err


def test_the_token_that_the_server_keeps_is_read_from_its_file(
    there: Run, home: Path, server: JupyterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(home, "codex")
    kept = home / "data/jupyter_mcp_ext.token"
    kept.parent.mkdir()
    kept.write_text(server.token)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(kept.parent))

    _, out, _ = there("codex", "--via", "http")

    [line] = [line.strip() for line in out.splitlines() if "export" in line]
    shell = ["bash", "-c", f"{line}; echo -n $JUPYTER_TOKEN"]
    done = subprocess.run(shell, capture_output=True, text=True, check=True, env={"PATH": "/bin"})
    assert done.stdout == server.token


def test_what_would_be_written_is_shown_and_nothing_is_written(there: Run, home: Path) -> None:
    for client in CLIENTS:
        code, out, err = there(client.id, "--print")

        assert code == 0
        assert client.present(out)
        assert err.startswith("In ~")
    assert list(home.iterdir()) == []


def test_a_client_that_is_not_installed_is_said_to_be(there: Run, home: Path) -> None:
    code, out, err = there("codex")

    assert (code, out) == (1, "")
    assert "Codex is not installed here: there is no program `codex`" in err
    assert list(home.iterdir()) == []
    assert there("codex", "--force")[0] == 0


def test_all_are_those_that_are_installed(there: Run, home: Path) -> None:
    assert there("--all")[2].startswith("jupyter mcp connect: None of the clients is installed")
    install(home, "gemini", "continue")

    _, out, _ = there("--all")
    _, listed, _ = there("--list")
    _, removed, _ = there("--all", "--remove")

    assert [line.split(" is ")[0] for line in out.splitlines()[:-1]] == ["Gemini CLI", "Continue"]
    connected = [line for line in listed.splitlines() if "  connected" in line]
    assert [line.split()[0] for line in connected] == ["gemini", "continue"]
    assert len(listed.splitlines()) == len(BY_ID)
    assert removed.count("is not connected any more") == 2


def test_one_file_that_cannot_be_used_does_not_stop_the_others(there: Run, home: Path) -> None:
    install(home, "gemini", "codex")
    (home / ".codex/config.toml").write_text("a = \n")

    code, out, err = there("--all")

    assert code == 1
    assert out.startswith("Gemini CLI is connected")
    assert "~/.codex/config.toml is left as it is: it is not valid TOML" in err
    assert "line 1" in err
    assert "jupyter mcp connect codex --print" in err
    assert (home / ".codex/config.toml").read_text() == "a = \n"


@pytest.mark.parametrize("option", ["--all", "--remove"])
def test_an_entry_of_a_person_stays_unless_it_is_forced(
    there: Run, home: Path, option: str
) -> None:
    install(home, "cursor")
    file = home / ".cursor/mcp.json"
    own = '{"mcpServers": {"jupyter": {"command": "uvx", "args": ["jupyter-mcp-server"]}}}'
    file.write_text(own)

    code, _, err = there("cursor", option)

    assert code == 1
    assert "~/.cursor/mcp.json has an entry 'jupyter' that this command has not made" in err
    assert file.read_text() == own
    assert there("cursor", option, "--force")[0] == 0
    assert "uvx" not in file.read_text()
    assert (home / ".cursor/mcp.json.jupyter-mcp.bak").read_text() == own


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_a_client_that_is_connected_and_taken_back_has_the_files_that_it_had(
    there: Run, home: Path, server: JupyterServer, client: Client
) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    for before in (None, "", "{}" if client.format == "json" else "# mine"):
        file = client.file(Connecting().machine)
        if before is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(before)
        had = files()
        options = ["--via=http"] if client.reference and client.http else []

        there(client.id, "--force", "--token-in-clear")
        if client.reference:
            there(client.id, *options)
        there(client.id)
        assert server.token.encode() not in b"".join(files().values())
        code, _, err = there(client.id, "--remove")

        assert (code, err) == (0, "")
        assert files() == had


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_an_entry_of_a_person_that_was_replaced_comes_back(
    there: Run, home: Path, client: Client
) -> None:
    own = {"name": "jupyter", "command": "uvx", "args": ["other"], "disabled": True}
    file = client.file(Connecting().machine)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(before := client.editor.put(client.new, client.path, own))

    there(client.id, "--force")
    there(client.id, "--force", "--token-in-clear")
    kept = file.with_name(f"{file.name}.jupyter-mcp.bak").read_text()
    code, _, err = there(client.id, "--remove")

    assert (code, err, kept) == (0, "", before)
    assert file.read_text() == before
    assert "has an entry 'jupyter' that this command has not made" in there(client.id)[2]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
@pytest.mark.parametrize("option", ["--via=bridge", "--remove"])
def test_a_token_in_clear_goes_from_the_kept_file_too(
    there: Run, home: Path, server: JupyterServer, client: Client, option: str
) -> None:
    there(client.id, "--force", "--token-in-clear")
    file = client.file(Connecting().machine)
    changed = client.editor.put(file.read_text(), ("by", "the client"), 1)
    file.write_text(changed)

    code, _, err = there(client.id, option)

    assert (code, err) == (0, "")
    kept = file.with_name(f"{file.name}.jupyter-mcp.bak")
    assert kept.exists() == (option == "--remove" or server.token in changed)
    for path in (file, kept) if kept.exists() else (file,):
        assert "the client" in path.read_text()
        assert server.token not in path.read_text()


def test_an_entry_is_taken_back_without_a_server(run: Run, there: Run, home: Path) -> None:
    install(home, "opencode")
    file = home / ".config/opencode/opencode.jsonc"
    mine = '{\n  // mine\n  "mcp": {"a": {}},\n}\n'
    file.write_text(mine)
    there("opencode")

    code, out, _ = run("opencode", "--remove")

    assert (code, file.read_text()) == (0, mine)
    assert out.startswith("OpenCode is not connected any more: ~/.config/opencode/opencode.jsonc")
    assert run("opencode", "--remove")[1].startswith("OpenCode was not connected")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("emacs",), "There is no client 'emacs'. There are: claude-code, "),
        ((), "Name a client (claude-code, "),
        (("codex",), "No Jupyter server of this account runs here. Start one with: jupyter mcp"),
        (("codex", "--server=x"), "No Jupyter server of this account runs here."),
        (("codex", "--server=http://127.0.0.1:9/"), "Nothing answers at http://127.0.0.1:9/"),
        (("codex", "--server=http://me:pw@h/"), "The URL must have no login"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_line(
    run: Run, options: tuple[str, ...], words: str
) -> None:
    code, out, err = run(*options)

    assert (code, out) == (2, "")
    assert err.startswith(f"jupyter mcp connect: {words}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", ["--dry-run", "--McpApp.path=/x", "--debug"])
def test_an_option_that_there_is_not_is_named_and_nothing_is_written(
    there: Run, home: Path, option: str
) -> None:
    code, out, err = there("codex", "--force", option)

    assert (code, out) == (2, "")
    assert err.startswith("usage: jupyter mcp connect [-h]")
    assert err.endswith(f"jupyter mcp connect: error: unrecognized arguments: {option}\n")
    assert list(home.iterdir()) == []


def test_a_server_elsewhere_gets_the_token_of_the_environment(
    run: Run, home: Path, server: JupyterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(home, "codex", "zed")
    options = ("--server", server.url)

    assert "has no token that is known here" in run("codex", *options)[2]
    monkeypatch.setenv("JUPYTER_TOKEN", "wrong")
    assert "does not let in the token in JUPYTER_TOKEN" in run("codex", *options)[2]
    monkeypatch.setenv("JUPYTER_TOKEN", server.token)
    _, out, _ = run("codex", *options)
    assert out.startswith("Codex is connected, over HTTP")
    assert "bearer_token_env_var" in (home / ".codex/config.toml").read_text()
    assert "--token-in-clear" in run("zed", "--force", *options)[2]


def test_a_command_that_is_interrupted_ends_without_a_traceback(home: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        command = [sys.executable, "-m", "jupyter_mcp_ext", "connect", "codex", "--server", url]
        env = environment(tmp_path)
        with (
            subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as running,
            silent.accept()[0] as asking,  # at its close the command would end by itself
        ):
            asking.recv(1)
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=60)[1]

    assert (running.returncode, said) == (130, "\n")


def test_two_servers_are_named_and_one_can_be_chosen(
    there: Run, home: Path, server: JupyterServer, folder: Path, tmp_path: Path
) -> None:
    install(home, "codex")
    (tmp_path / "runtime").symlink_to(folder / "runtime")
    with running_server(tmp_path) as other:
        refused = there("codex")[2]
        chosen = there("codex", "--server", str(other.port))

    assert "2 servers fit: " in refused
    assert str(server.port) in refused
    assert chosen[0] == 0
    assert f'"{other.port}"' in (home / ".codex/config.toml").read_text()


def test_a_password_without_a_token_is_said_with_what_to_do(
    run: Run, home: Path, tmp_path: Path
) -> None:
    option = f"--PasswordIdentityProvider.hashed_password={passwd('secret')}"  # type: ignore[no-untyped-call]  # jupyter_server's
    with running_server(tmp_path, option, token=""):
        code, _, err = run("codex", "--print", runtime=tmp_path / "runtime")

    assert code == 2
    assert "has only a password, and clients log in with a token" in err
    assert "JUPYTER_TOKEN=... jupyter mcp" in err


@pytest.mark.parametrize("path", ["/other", "/api", "", "/x y", "//example.org/mcp", "/\x01"])
def test_a_server_without_mcp_is_said_to_have_none(there: Run, path: str) -> None:
    code, _, err = there("codex", "--print", f"--path={path}")

    assert code == 2
    assert f"does not serve MCP at {path!r}" in err


@pytest.mark.parametrize("late", [" /api ", " /api/status ", " /mcp "])
def test_a_server_that_answers_late_is_not_said_to_be_without_mcp(
    late: str, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TIMEOUT", 0.5)
    monkeypatch.setenv("JUPYTER_TOKEN", "any")
    jupyter = like_jupyter({}, http("200 OK"))

    def answer(line: str, connection: socket.socket, ended: threading.Event) -> None:
        if late in line:
            ended.wait()
        jupyter(line, connection, ended)

    with serving(answer) as url:
        code, _, err = run("codex", "--print", "--server", url)

    assert code == 2
    assert f"The server {url} has not answered within" in err
    assert "Try again when it is less busy" in err


def test_a_certificate_that_is_not_trusted_is_named_for_each_way(
    run: Run, home: Path, tmp_path: Path
) -> None:
    install(home, "claude-code")
    ca = tmp_path / "ca.pem"
    with running_server(tmp_path, *write_certificate(tmp_path, "localhost", "127.0.0.1")):
        runtime = tmp_path / "runtime"
        refused = run("claude-code", runtime=runtime)
        missing = run("claude-code", "--cafile=/none", runtime=runtime)
        bridged = run("claude-code", f"--cafile={ca}", runtime=runtime)
        entry = json.loads((home / ".claude.json").read_text())["mcpServers"]["jupyter"]
        http = run("claude-code", f"--cafile={ca}", "--via=http", runtime=runtime)

    assert "is not trusted here. Name a file with the certificate of its issuer" in refused[2]
    assert "The certificates in '/none' cannot be used" in missing[2]
    assert bridged[0] == 0
    assert entry["args"][-2:] == ["--cafile", str(ca)]
    assert f"  export NODE_EXTRA_CA_CERTS={ca}\n" in http[1]


def test_two_commands_at_once_both_write(
    server: JupyterServer, folder: Path, home: Path, tmp_path: Path
) -> None:
    install(home, "claude-code", "gemini")
    env = environment(folder, {"HOME": str(home)})
    command = [sys.executable, "-m", "jupyter_mcp_ext", "connect"]
    running = [
        subprocess.Popen([*command, name], env=env)
        for name in ("claude-code", "claude-code", "gemini")
    ]

    assert [process.wait(60) for process in running] == [0, 0, 0]
    for file in (home / ".claude.json", home / ".gemini/settings.json"):
        assert list(json.loads(file.read_text())["mcpServers"]) == ["jupyter"]
