"""What a server for several people's agents has to have before it goes into production.

One server is configured as such a one is; each test is about one demand. Alice and Bob are two
users, each with an agent.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_client import McpClient, Result
from tests.servers import STARTED_KERNELS, JupyterServer
from tests.users import OPTION
from tests.wheels import Index

MB = 1 << 20
AMAZON = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
OPTIONS = (
    *(OPTION, "--McpSandbox.mode=auto", STARTED_KERNELS),
    *("--McpLimits.memory_per_user=500000000", "--McpLimits.processes_per_user=100"),
    "--McpLimits.cpu_seconds=3",
    *("--McpSessions.max_kernels_per_user=2", "--McpCalls.max_calls_per_user=200"),
    "--McpPackages.allow=production-app",
    "--McpPackages.allow=production-leaf",
)
AUDIT = """
import logging
calls = logging.FileHandler("mcp-calls.jsonl")
calls.addFilter(lambda event: "/jupyter_mcp_ext/tool_call/" in event.msg["__schema__"])
c.EventLogger.handlers = [calls]
c.McpAudit.path = "{folder}/audit.jsonl"
c.McpAudit.head_path = "{folder}/audit.head"
c.McpAudit.fail_closed = True
c.McpApp.key_file = "{folder}/key"
"""


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A user's agent, with the session in which it runs code."""

    user: str
    client: McpClient

    def run(self, code: str, **more: Any) -> Result:
        return self.client.run(code, **more)

    def last(self, code: str) -> str:
        """The last line that code puts out."""
        return self.run(code).text.splitlines()[-1]

    @property
    def session(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.call("get_kernel_status").meta[
            "jupyter-mcp-ext/session"
        ]
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the operator has beside the server."""
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer], folder: Path) -> JupyterServer:
    index = Index(folder=folder / "index")
    index.add("production-app", "1.0", ["production-leaf"])
    index.add("production-leaf", "1.0")
    index.add("production-other", "1.0")
    index.add("production-needy", "1.0", ["production-other"])
    config = folder / "jupyter_server_config.py"
    config.write_text(AUDIT.format(folder=folder))
    return start_server(
        *(f"--config={config}", *OPTIONS),
        env={
            **{name: f"the-servers-{name}" for name in AMAZON},
            "UV_DEFAULT_INDEX": index.url,
            "PYTHONPATH": str(Path(__file__).parent.parent),
        },
    )


def agent(server: JupyterServer, user: str) -> Agent:
    headers = {"Authorization": f"Bearer {user}"}
    made = Agent(user=user, client=McpClient(server, name=f"{user}s-agent", headers=headers))
    made.run("1")
    return made


@pytest.fixture(scope="module")
def alice(server: JupyterServer) -> Agent:
    return agent(server, "alice")


@pytest.fixture(scope="module")
def bob(server: JupyterServer) -> Agent:
    return agent(server, "bob")


def reached(attempts: str) -> str:
    """Code that prints the names of the attempts that worked: ``name = <expression>`` a line."""
    return f"""
import builtins, glob, os, signal, socket, subprocess
def opened(path):
    with builtins.open(path, 'rb') as file:
        return file.read(1) is not None
def connected(*address):
    with socket.create_connection(address, timeout=5):
        return True
worked = []
for line in {attempts!r}.strip().splitlines():
    name, _, attempt = line.partition(' = ')
    try:
        if eval(attempt):
            worked.append(name)
    except (OSError, subprocess.SubprocessError):
        pass
print(worked)
"""


def test_user_authentication_who_calls_is_known_or_refused(
    server: JupyterServer, alice: Agent
) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}

    unknown = server.request("POST", json.dumps(call).encode(), headers)

    assert unknown.status == 401
    assert "Bearer" in unknown.headers["www-authenticate"]
    assert alice.session["owner"] == "alice"


def test_user_isolation_each_has_kernels_sessions_outputs_and_files_of_their_own(
    alice: Agent, bob: Agent
) -> None:
    made = alice.run("secret = 'of alice'; open('mine.txt', 'w').write(secret); secret")
    own = alice.session
    file = f"{own['cwd']}/mine.txt"

    assert bob.session["kernel_id"] != own["kernel_id"]
    assert "NameError" in bob.run("secret").text
    for tool, arguments in (
        ("execute_code", {"code": "secret", "session_id": own["session_id"]}),
        ("execute_code", {"code": "secret", "session_id": own["kernel_id"]}),
        ("get_variables", {"session_id": own["session_id"]}),
        ("shutdown_kernel", {"session_id": own["session_id"]}),
        ("get_output", {"output_id": made.id}),
        ("read_file", {"path": file}),
    ):
        refused = bob.client.call(tool, **arguments)
        assert refused.is_error, tool
        assert "of alice" not in refused.text
    assert own["session_id"] not in bob.client.call("list_sessions").text
    assert bob.last(f"import os; os.path.exists({'/' + file!r})") == "False"
    assert "of alice" in alice.client.call("read_file", path=file).text


def test_resource_limits_memory_of_a_users_kernels(alice: Agent, bob: Agent) -> None:
    bob.run("kept = 41")

    ended = alice.run(
        """
import time
try:
    much = b"1" * 900_000_000
    time.sleep(60)
finally:  # whether it is interrupted or ended depends on how far it has come at a look
    much = None
"""
    )

    assert ended.status != "ok"
    assert "(McpLimits.memory_per_user)" in ended.text
    assert bob.last("kept + 1") == "42"
    assert alice.last("6 * 7") == "42"


def test_resource_limits_processes_of_a_users_kernels(alice: Agent, bob: Agent) -> None:
    bob.run("kept = 41")

    ended = alice.run(
        """
import subprocess, time
started = []
try:
    for _ in range(200):
        started.append(subprocess.Popen(["sleep", "600"]))
    time.sleep(20)
finally:
    for each in started:
        each.kill()
"""
    )
    # Code that was interrupted has its kernel ended if it goes on, which can be a moment later.
    alice.client.call("restart_kernel")

    assert ended.status != "ok"
    assert "(McpLimits.processes_per_user)" in ended.text
    assert bob.last("kept + 1") == "42"
    assert alice.last("6 * 7") == "42"


def test_resource_limits_cpu_time(alice: Agent) -> None:
    stopped = alice.run("while True: pass")

    assert stopped.status == "interrupted"
    assert "(McpLimits.cpu_seconds)" in stopped.text
    assert alice.last("6 * 7") == "42"


def test_resource_limits_execution_time(start_server: Callable[..., JupyterServer]) -> None:
    bounded = agent(start_server(OPTION, "--McpExecutions.max_timeout=1"), "alice")

    asked = bounded.run("import time; time.sleep(600)", timeout=500)
    unasked = bounded.run("time.sleep(600)")

    assert (asked.status, unasked.status) == ("timeout", "timeout")
    assert bounded.last("6 * 7") == "42"


def test_resource_limits_kernels_and_calls_of_a_user(server: JupyterServer, bob: Agent) -> None:
    carol = agent(server, "carol")
    names = ("second", "third")

    made = [carol.client.call("create_session", name=name) for name in names]
    flood = []
    while (last := carol.client.send("tools/call", name="list_files", arguments={})).status == 200:
        flood.append(last.body)

    assert [result.is_error for result in made] == [False, True]
    assert "as many as this server lets a user have" in made[1].text
    assert b"make the call again" in flood[-1]
    assert last.status == 429
    assert not bob.client.call("list_files").is_error


def test_code_sandboxing_code_reaches_no_other_process_and_no_secret_of_the_server(
    server: JupyterServer, alice: Agent
) -> None:
    pid, folder = server.process.pid, server.root_dir.parent

    said = alice.last(
        reached(f"""
its environment = opened('/proc/{pid}/environ')
its command = opened('/proc/{pid}/cmdline')
a signal = os.kill({pid}, 0) is None
its files = [n for n in os.listdir({str(folder / "runtime")!r}) if 'jpserver' in n or 'secret' in n]
a namespace = subprocess.check_output(['unshare', '-U', 'id'], stderr=-3)
root = os.setuid(0) is None and opened('/etc/shadow')
""")
    )

    assert said == "[]"
    mode = r"sandbox: (bubblewrap|landlock), no network"
    assert re.search(mode, alice.client.call("get_kernel_status").text)


def test_credentials_of_amazon_are_not_in_a_kernels_environment(alice: Agent) -> None:
    said = alice.last(
        "import glob, os\nfound = str(dict(os.environ))\n"
        "for path in glob.glob('/proc/*/environ'):\n"
        "    try: found += open(path, errors='replace').read()\n"
        "    except OSError: pass\n"
        "'the-servers-' in found"
    )

    assert said == "False"


def test_audit_logging_each_run_of_code_has_its_user(
    server: JupyterServer, alice: Agent, bob: Agent
) -> None:
    codes = {"alice": "x = 'audited of alice'", "bob": "x = 'audited of bob'"}
    for one in (alice, bob):
        one.run(codes[one.user])

    written = (server.root_dir.parent / "mcp-calls.jsonl").read_text()

    events = [json.loads(line) for line in written.splitlines()]
    assert "audited of" not in written
    for user, code in codes.items():
        digest = hashlib.sha256(code.encode()).hexdigest()
        [event] = [event for event in events if event["code_sha256"] == digest]
        assert (event["user"], event["client"]) == (user, f"{user}s-agent")
        assert event["status"] == "ok"
        assert event["sandbox"] in ("bubblewrap", "landlock")
        assert event["session_id"]


def test_audit_file_each_run_of_code_is_in_a_chain_of_signed_records(
    alice: Agent, folder: Path
) -> None:
    code = "open('made by alice', 'w').close()"
    alice.run(code)
    alice.client.call("list_sessions")  # is answered once it is recorded, and so is what was before
    command = [sys.executable, "-m", "jupyter_mcp_ext", "audit"]
    config = f"--config={folder / 'jupyter_server_config.py'}"

    ran = [
        subprocess.run(
            [*command, *part, config], capture_output=True, text=True, cwd=folder, check=False
        )
        for part in (["verify"], ["show", "--user=alice", "--tool=execute_code", "--json"])
    ]

    assert (ran[0].returncode, ran[0].stderr) == (0, "")
    assert "as they were written" in ran[0].stdout
    digest = hashlib.sha256(code.encode()).hexdigest()
    records = [json.loads(line) for line in ran[1].stdout.splitlines()]
    begun, ended = [record for record in records if record["code_sha256"] == digest]
    assert [begun["kind"], ended["kind"]] == ["begin", "call"]
    assert ended["begun"] == begun["number"]
    assert len(ended["kernel_id"]) == 36
    assert (ended["owner"], ended["rights"]) == ("alice", ["execute kernels"])
    assert ended["request_id"]
    attempts = f"""
read = opened({str(folder / "audit.jsonl")!r})
write = builtins.open({str(folder / "audit.jsonl")!r}, 'ab').write(b'x')
key = opened({str(folder / "key")!r})
"""
    assert alice.last(reached(attempts)) == "[]"


def test_audit_file_no_name_that_a_client_gives_forges_a_line(
    server: JupyterServer, folder: Path
) -> None:
    name = 'eve\r\n{"number":1,"kind":"call"}\x00\x1b[2K\u2028' + "x" * 100_000
    headers = {"Authorization": "Bearer alice"}
    client = McpClient(server, name=name, headers=headers)

    client.call("list_files", path="a\n\u2029\x1b]0;x\x07")
    client.call("get_output", output_id='"}\n{"')
    client.call("list_sessions")  # is answered once it is recorded, and so is what was before

    data = (folder / "audit.jsonl").read_bytes().rpartition(b"\n")[0]
    records = [json.loads(line) for line in data.splitlines()]
    assert data.isascii()
    assert not {byte for byte in data if byte < 0x20} - {ord("\n")}
    own = [record for record in records if str(record.get("client")).startswith("eve")]
    assert {record["kind"] for record in own} == {"call"}
    assert len(own) == 3
    assert [record["number"] for record in records] == list(range(1, len(records) + 1))


def test_network_restrictions_code_reaches_no_host_and_not_the_server(
    server: JupyterServer, alice: Agent
) -> None:
    said = alice.last(
        reached(f"""
the server = connected('127.0.0.1', {server.port})
metadata = connected('169.254.169.254', 80)
a host = connected('1.1.1.1', 443)
a name = socket.getaddrinfo('pypi.org', 443)
a datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53))
a packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
""")
    )

    assert said == "[]"


def test_package_installation_controls_what_is_not_allowed_is_not_installed(
    alice: Agent,
) -> None:
    allowed = alice.client.call("install_package", package="production-app")
    refused = [
        alice.client.call("install_package", package=name)
        for name in ("production-other", "production-needy", "./setup.py")
    ]
    beside = alice.last(
        reached(
            """
a module = open(__import__('sysconfig').get_path('purelib') + '/planted.py', 'w')
a module of the session's = open('.mcp/packages/site/planted.py', 'w')
an index = connected('pypi.org', 443)
"""
        )
    )

    assert allowed.status == "ok", allowed.text
    assert alice.last("import production_leaf; production_leaf.VERSION") == "'1.0'"
    assert all(result.is_error for result in refused)
    assert beside == "[]"
    assert "No module named" in alice.run("import production_other").text


def test_file_system_restrictions_code_reaches_its_sessions_folder_only(
    server: JupyterServer, alice: Agent, bob: Agent
) -> None:
    home, root = server.root_dir.parent, server.root_dir
    (root / "shared.txt").write_text("a person's")
    (home / "notes.txt").write_text("the account's")
    theirs = root / bob.session["cwd"]

    said = alice.last(
        reached(f"""
the root = opened({str(root / "shared.txt")!r})
the account = opened({str(home / "notes.txt")!r})
another session = os.listdir({str(theirs)!r})
accounts = opened('/etc/shadow')
a module = open(os.path.dirname(os.__file__) + '/planted.py', 'w')
what is kept of it = open('.mcp/session.json', 'a')
a device = opened('/dev/mem')
""")
    )
    for path in (root / "planted.txt", home / ".bashrc", Path("/tmp/planted")):  # noqa: S108
        alice.run(f"open({str(path)!r}, 'w').write('1')")

    assert said == "[]"
    assert alice.last("open('own.txt', 'w').write('1')") == "1"
    assert (root / alice.session["cwd"] / "own.txt").exists()
    assert not (root / "planted.txt").exists()
    assert not (home / ".bashrc").exists()
    assert not Path("/tmp/planted").exists()  # noqa: S108
