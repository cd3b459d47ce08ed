"""What is published, and what installing it does."""

from __future__ import annotations

import json
import re
import shutil
import site
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jupyter_mcp_ext.version import __version__
from tests.first_run import started, tools
from tests.links import targets
from tests.servers import READY, environment

PROJECT = Path(__file__).parent.parent
MOST_PACKAGES = 22
"""How many packages the extension may bring beyond jupyter_server and ipykernel, itself counted."""

OWN_TOKEN = {"JUPYTER_TOKEN": "a-token-of-ones-own"}


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An environment of its own into which the project was installed, and nothing else."""

    prefix: Path
    folder: Path
    """Where to work, and a home without configuration."""

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.prefix / "bin" / "python")

    def run(self, *arguments: str) -> str:
        """Run its Python to the end, and give what it wrote."""
        env = {k: v for k, v in environment(self.folder).items() if k != "PYTHONPATH"}
        done = subprocess.run(
            [self.python, *arguments],
            env=env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    return _built("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Installed]:
    """Install the project into a fresh environment that sees this one's packages."""

    def make(*what: str) -> Installed:
        folder = tmp_path_factory.mktemp("installed")
        installed = Installed(prefix=folder / "env", folder=folder)
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", installed.prefix], check=True
        )
        packages = installed.run("-c", "import site; print(site.getsitepackages()[0])").strip()
        here = "\n".join(site.getsitepackages())
        Path(packages, "packages_of_the_tests.pth").write_text(here)
        offline = ["--no-deps", "--no-index", "--no-build-isolation"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", installed.python, "install", *offline, *what],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return installed

    return make


@pytest.fixture(scope="module")
def from_wheel(install: Callable[..., Installed], wheel: Path) -> Installed:
    """The wheel, installed; for tests that change nothing in it."""
    return install(str(wheel))


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, install: Callable[..., Installed]) -> Installed:
    """The project installed in both ways."""
    if request.param == "editable":
        return install("-e", str(PROJECT))
    wheels: Installed = request.getfixturevalue("from_wheel")
    return wheels


@pytest.mark.parametrize(
    "name",
    [
        "jupyter_mcp_ext/py.typed",
        "jupyter_mcp_ext/governance/event_schemas/tool_call/v2.yaml",
        "jupyter_mcp_ext/governance/event_schemas/tool_call/v3.yaml",
        "jupyter_mcp_ext/governance/event_schemas/life/v1.yaml",
        "jupyter_mcp_ext/governance/event_schemas/connections/v1.yaml",
        "*.data/data/etc/jupyter/jupyter_server_config.d/jupyter_mcp_ext.json",
        "*.data/data/share/jupyter/labextensions/jupyter-mcp-ext/package.json",
        "*.data/data/share/jupyter/labextensions/jupyter-mcp-ext/remoteEntry.js",
        "*.data/data/share/jupyter/labextensions/jupyter-mcp-ext/install.json",
        "*.dist-info/licenses/LICENSE",
    ],
)
def test_the_wheel_has_the_files_that_are_not_code(wheel: Path, name: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [Path(held) for held in archive.namelist()]

    assert [held for held in names if held.match(name)]


def test_the_wheel_holds_nothing_beside_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}

    info = wheel.name.removesuffix("-py3-none-any.whl")
    assert tops == {"jupyter_mcp_ext", f"{info}.dist-info", f"{info}.data"}


def test_the_description_has_no_link_that_only_works_in_the_repository(wheel: Path) -> None:
    metadata = _metadata(wheel)
    description = str(metadata.get_payload())

    assert description.startswith("# jupyter-mcp-ext\n")
    assert "/blob/main/docs/security.md)" in description
    assert "/raw/main/docs/overview.svg)" in description
    assert [
        target for target in targets(description) if not target.startswith(("https://", "#"))
    ] == []


def test_the_metadata_says_where_the_project_is(wheel: Path) -> None:
    urls = dict(line.split(", ", 1) for line in _metadata(wheel).get_all("Project-URL") or ())

    assert urls.keys() == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert all(url.startswith(urls["Source"]) for url in urls.values())


def test_the_source_distribution_has_what_a_build_and_the_tests_need(tmp_path: Path) -> None:
    with tarfile.open(_built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"README.md", "SECURITY.md", "docs/overview.svg", "hatch_build.py"} <= names
    assert {"jupyter_mcp_ext/cli.py", "tests/test_package.py", "LICENSE"} <= names
    assert not [name for name in names if name.startswith((".ci", ".github", ".venv", ".pre-"))]
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]


def test_the_install_enables_the_extension(installed: Installed) -> None:
    config = installed.prefix / "etc/jupyter/jupyter_server_config.d/jupyter_mcp_ext.json"

    assert json.loads(config.read_text())["ServerApp"]["jpserver_extensions"] == {
        "jupyter_mcp_ext": True
    }


def test_jupyter_lists_the_extension_as_valid(installed: Installed) -> None:
    listed = _uncoloured(installed.run("-m", "jupyter_server", "extension", "list"))

    assert re.search(r"jupyter_mcp_ext enabled\n.*\n\s*jupyter_mcp_ext \S+ OK", listed), listed


def test_jupyterlab_lists_its_extension_as_valid(installed: Installed) -> None:
    listed = _uncoloured(installed.run("-m", "jupyterlab.labextensions", "list"))

    own = rf"jupyter-mcp-ext v{re.escape(__version__)} enabled +OK \(python, jupyter-mcp-ext\)"
    assert re.search(rf"{installed.prefix}/share/jupyter/labextensions\n +{own}", listed), listed


def test_a_plain_jupyter_server_serves_mcp(installed: Installed, tmp_path: Path) -> None:
    command = (installed.python, "-m", "jupyter_server", "--allow-root", "--no-browser")

    with started(command, tmp_path, ready=re.compile(READY), env=OWN_TOKEN) as server:
        server.token = OWN_TOKEN["JUPYTER_TOKEN"]

        assert "execute_code" in tools(server)


@pytest.mark.parametrize("command", ["jupyter-mcp", "jupyter-mcp-ext"])
def test_the_commands_serve_mcp(installed: Installed, tmp_path: Path, command: str) -> None:
    with started((str(installed.prefix / "bin" / command),), tmp_path) as server:
        assert "execute_code" in tools(server)


def test_it_is_disabled_as_any_extension(from_wheel: Installed, tmp_path: Path) -> None:
    installed = Installed(prefix=tmp_path / "env", folder=tmp_path)
    shutil.copytree(from_wheel.prefix, installed.prefix, symlinks=True)

    installed.run("-m", "jupyter_server", "extension", "disable", "jupyter_mcp_ext")

    listed = _uncoloured(installed.run("-m", "jupyter_server", "extension", "list"))
    assert "jupyter_mcp_ext disabled" in listed
    command = (installed.python, "-m", "jupyter_server", "--allow-root", "--no-browser")
    with started(command, tmp_path, ready=re.compile("is running at"), env=OWN_TOKEN) as server:
        server.until_answered()  # a signal before that can be lost
        server.process.terminate()
        server.process.wait(60)
        assert not [line for line in server.log if "jupyter_mcp_ext" in line]


def test_it_brings_few_packages() -> None:
    more = closure("jupyter-mcp-ext") - closure("jupyter_server", "ipykernel")

    assert "mcp" in more
    assert len(more) <= MOST_PACKAGES, sorted(more)


def test_every_dependency_is_given_a_reason() -> None:
    lines = (PROJECT / "pyproject.toml").read_text().splitlines()
    begin = lines.index("dependencies = [") + 1
    dependencies = lines[begin : lines.index("]", begin)]

    assert dependencies
    assert not [line for line in dependencies if not re.search(r'",\s+# \w', line)]


def test_the_commands_are_those_of_the_project() -> None:
    ours = distribution("jupyter-mcp-ext").entry_points
    scripts = {entry.name for entry in ours if entry.group == "console_scripts"}

    assert scripts == {"jupyter-mcp", "jupyter-mcp-ext"}


def _built(target: str, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder],
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
    [built] = folder.iterdir()
    return built


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [held for held in archive.namelist() if held.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def closure(*names: str) -> set[str]:
    """What an installer brings for these packages, by what they say that they need."""
    todo = [Requirement(name) for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        wanted = todo.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key not in seen:
            seen.add(key)
            needed = map(Requirement, requires(wanted.name) or ())
            todo += [r for r in needed if _applies(r, wanted.extras)]
    return {name for name, _ in seen}


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": e}) for e in (*extras, ""))


def _uncoloured(text: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", text)
