"""install_package for kernels in a sandbox: for their session alone, and under the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer
from tests.wheels import Index

THING = """
class Thing:
    def __init__(self, value):
        self.value = value
"""


Start = Callable[..., JupyterServer]

WRITES = """
import os, sys, overlay_leaf
found = overlay_leaf.__file__
packages = os.path.dirname(sys.path[-1])
kept = os.path.dirname(packages)
tried = [
    lambda: open(found, 'a'),
    lambda: open(os.path.realpath(found), 'a'),
    lambda: open(os.path.dirname(found) + '/new.py', 'w'),
    lambda: os.unlink(found),
    lambda: os.rename(packages, 'gone'),
    lambda: os.rename(kept, 'gone'),
    lambda: os.symlink('/tmp', packages + '/new-1'),
    lambda: os.symlink('/tmp', packages + '/startup/new-1'),
    lambda: (os.chmod(found, 0o666), open(found, 'a')),
    lambda: (os.link(found, 'mine'), open('mine', 'a')),
]
for each in tried:
    try:
        each()
        print('done', tried.index(each))
    except OSError:
        pass
overlay_leaf.VERSION
"""
"""Code that tries to write into what was installed, and puts out its version at the end."""


@dataclass(frozen=True, kw_only=True)
class Its:
    """A server, and an index from which it does not install."""

    server: JupyterServer
    index: Index


def start(start_server: Start, folder: Path, mode: str) -> Its:
    """A server with the sandbox of this mode, and what it installs from."""
    index = Index(folder=folder / "index")
    index.add("overlay-thing", "1.0", code=f"VERSION = '1.0'\n{THING}")
    index.add("overlay-leaf", "1.0")
    index.add("overlay-leaf", "2.0")
    index.add("overlay-app", "1.0", ["overlay-denied"])
    index.add("overlay-denied", "1.0")
    hostile = Index(folder=folder / "hostile")
    hostile.add("overlay-leaf", "9.0")
    server = start_server(
        *(f"--McpSandbox.mode={mode}", STARTED_KERNELS),
        "--McpPackages.deny=overlay-denied",
        env={"UV_DEFAULT_INDEX": index.url, "PYTHONPATH": ""},
    )
    return Its(server=server, index=hostile)


@pytest.fixture(scope="module")
def its(start_server: Start, tmp_path_factory: pytest.TempPathFactory) -> Its:
    return start(start_server, tmp_path_factory.mktemp("packages"), "bubblewrap")


@pytest.fixture
def client(its: Its, request: pytest.FixtureRequest) -> Iterator[McpClient]:
    client = McpClient(its.server, name=request.node.name)
    yield client
    client.call("shutdown_kernel", session_id="default", force=True)


def last(client: McpClient, code: str, session_id: str = "default") -> str:
    """The last line that code puts out."""
    return client.run(code, session_id=session_id).text.splitlines()[-1]


def test_a_package_is_there_at_once_and_for_its_session_alone(client: McpClient) -> None:
    missing = client.run("import overlay_leaf").text
    installed = client.call("install_package", package="overlay-leaf<2")
    client.call("create_session", name="other")

    assert "No module named 'overlay_leaf'" in missing
    assert installed.status == "ok"
    assert installed.text.splitlines()[-1] == "installed for this session alone: overlay-leaf 1.0"
    assert last(client, "import overlay_leaf; overlay_leaf.VERSION") == "'1.0'"
    assert "No module named" in client.run("import overlay_leaf", session_id="other").text
    client.call("shutdown_kernel", session_id="other")


def test_a_package_that_is_loaded_already_needs_a_restart(client: McpClient) -> None:
    client.call("install_package", package="overlay-leaf<2")
    client.run("import overlay_leaf")

    upgraded = client.call("install_package", package="overlay-leaf", upgrade=True)
    stale = last(client, "overlay_leaf.VERSION")
    client.call("restart_kernel")

    assert "the kernel has loaded the old overlay-leaf: restart_kernel" in upgraded.text
    assert stale == "'1.0'"
    assert last(client, "import overlay_leaf; overlay_leaf.VERSION") == "'2.0'"


def test_a_session_comes_back_and_is_copied_with_its_packages(client: McpClient) -> None:
    client.run("1")
    client.call("install_package", package="overlay-thing")
    client.run(
        "import os, overlay_thing; x = overlay_thing.Thing(41); os.environ['PATH'] += ':/else'"
    )
    client.call("shutdown_kernel", session_id="default")

    assert last(client, "x.value + 1") == "42"
    copied = client.call("create_session", name="twin", copy_of="default")
    assert "were not brought back" not in copied.text
    assert "sys.path" not in copied.text
    assert last(client, "x.value + 1", session_id="twin") == "42"
    own = f"{copied.meta['jupyter-mcp-ext/session']['session_id']!r} in sys.path[-1]"
    its = "f'{sys.path[-1]}/bin' in os.environ['PATH'].split(':')"
    assert last(client, f"import os, sys; ({own}, {its})", session_id="twin") == "(True, True)"
    client.call("shutdown_kernel", session_id="twin")


def test_packages_are_installed_before_the_kernel_is_started(client: McpClient) -> None:
    client.run("1")
    client.call("shutdown_kernel", session_id="default")

    assert client.call("install_package", package="overlay-leaf==1.0").status == "ok"
    assert last(client, "import overlay_leaf; overlay_leaf.VERSION") == "'1.0'"


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("overlay-denied", "is denied here by the rule 'overlay-denied'"),
        ("overlay-app", "overlay-denied 1.0, which overlay-app needs, is denied here"),
        ("leaf @ https://127.0.0.1/leaf-1.0.tar.gz", "installs from its index only"),
        ("ipykernel<1", "The kernel's environment has ipykernel"),
    ],
)
def test_the_policy_holds(client: McpClient, package: str, words: str) -> None:
    refused = client.call("install_package", package=package)
    tried = client.run("import overlay_denied").text

    assert refused.is_error
    assert words in refused.text
    assert "No module named" in tried


def test_code_in_the_kernel_changes_nothing_of_how_packages_are_installed(
    its: Its, client: McpClient, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    client.run(
        f"""
import os
code = {f"open({str(ran)!r}, 'w')"!r}
settings = '[[index]]\\nurl = "{its.index.url}"\\ndefault = true\\n'
for folder in ('.', os.path.expanduser('~'), os.path.expanduser('~/.config/uv'),
               os.path.expanduser('~/.config/pip'), '.venv/bin'):
    os.makedirs(folder, exist_ok=True)
    for name in ('sitecustomize.py', 'usercustomize.py', 'uv', 'python', 'site.py'):
        open(folder + '/' + name, 'w').write(code)
        os.chmod(folder + '/' + name, 0o755)
    open(folder + '/uv.toml', 'w').write(settings)
    open(folder + '/pyproject.toml', 'w').write('[tool.uv]\\n')
    open(folder + '/pip.conf', 'w').write('[global]\\nindex-url = {its.index.url}\\n')
os.environ.update(UV_DEFAULT_INDEX={its.index.url!r}, PYTHONPATH=os.getcwd())
"""
    )

    installed = client.call("install_package", package="overlay-leaf")

    assert installed.text.splitlines()[-1] == "installed for this session alone: overlay-leaf 2.0"
    assert not ran.exists()
    assert last(client, "import overlay_leaf; overlay_leaf.VERSION") == "'2.0'"


def test_code_in_the_kernel_cannot_write_into_what_was_installed(client: McpClient) -> None:
    client.call("install_package", package="overlay-leaf==1.0")

    said = client.run(WRITES)

    assert said.text.splitlines()[1:] == ["'1.0'"]


def test_a_persons_kernel_gets_no_packages(its: Its, client: McpClient) -> None:
    client.run("1")
    client.call("create_notebook", path="theirs.ipynb")
    body = (
        b'{"path": "theirs.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}'
    )
    its.server.request("POST", body, its.server.auth, path="/api/sessions")
    session = client.call("create_session", path="theirs.ipynb").meta["jupyter-mcp-ext/session"]

    refused = client.call(
        "install_package", package="overlay-leaf", session_id=session["session_id"]
    )

    assert refused.is_error
    assert "for kernels in its sandbox alone" in refused.text


def test_under_landlock_it_is_the_same(start_server: Start, tmp_path: Path) -> None:
    client = McpClient(start(start_server, tmp_path, "landlock").server)
    client.run("1")

    installed = client.call("install_package", package="overlay-leaf<2")
    said = client.run(WRITES)

    assert installed.text.splitlines()[-1] == "installed for this session alone: overlay-leaf 1.0"
    assert said.text.splitlines()[1:] == ["'1.0'"]
