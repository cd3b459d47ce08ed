"""Packages are installed into real environments, completely or not at all."""

from __future__ import annotations

import asyncio
import http.server
import os
import shutil
import ssl
import sys
import sysconfig
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from packaging.requirements import Requirement
from traitlets import TraitError

from jupyter_mcp_ext.errors import Forbidden, InstallationFailed, KernelUnavailable
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.packages.configuration import environment
from jupyter_mcp_ext.packages.environment import KernelOf, of_command
from jupyter_mcp_ext.packages.installer import Installer, Pip, ProgramFailed, Uv
from jupyter_mcp_ext.packages.outcome import Outcome
from jupyter_mcp_ext.packages.packages import McpPackages
from jupyter_mcp_ext.sandbox.credentials import Credentials
from tests.engine import ALICE, Engine, running, value
from tests.test_packages import SlowIndex
from tests.wheels import Index, Venv, make_venv, write_kernelspec

UV = shutil.which("uv") or ""

NEVER_BUILT = "raise SystemExit('needs-a-compiler: no cc here')"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Packages with dependencies, versions and conflicts."""
    index = Index(folder=tmp_path_factory.mktemp("index"))
    for version in ("1.0", "1.5", "2.0"):
        index.add("leaf", version)
    index.add("app", "1.0", ["middle>=1"])
    index.add("middle", "1.0", ["leaf"])
    index.add("old-app", "1.0", ["leaf<2"])
    index.add("new-app", "1.0", ["leaf>=2"])
    index.add("nowhere", "1.0")
    index.add_source("needs-a-compiler", "1.0", NEVER_BUILT)
    return index


@pytest.fixture(scope="module")
def with_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip, to be copied: it takes long to make."""
    return make_venv(tmp_path_factory.mktemp("venv") / "v", with_pip=True).folder


@pytest.fixture(autouse=True)
def own_packages_only(monkeypatch: pytest.MonkeyPatch, jp_environ: None) -> None:
    """Hide the packages of this environment from others, which pytest-jupyter shows them."""
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture(params=["pip", "uv"])
def tool(request: pytest.FixtureRequest) -> str:
    """The installer."""
    return str(request.param)


@pytest.fixture
def venv(tmp_path: Path, jp_data_dir: Path, request: pytest.FixtureRequest) -> Venv:
    """An environment for this test alone, with an installer, and a kernelspec for it."""
    is_pips = "tool" in request.fixturenames and request.getfixturevalue("tool") == "pip"
    if is_pips:
        shutil.copytree(request.getfixturevalue("with_pip"), tmp_path / "v", symlinks=True)
        venv = Venv(folder=tmp_path / "v")
    else:
        venv = make_venv(tmp_path / "v", with_pip=False)
    venv.kernelspec(jp_data_dir, "venv")
    return venv


@dataclass(frozen=True, kw_only=True)
class Packages:
    """The service on a server, and the lines that it reported."""

    engine: Engine
    service: McpPackages
    said: list[str]

    async def install(self, *package: str, kernel: str = "venv", upgrade: bool = False) -> Outcome:
        """Install for a kernel, whether it has been started or not."""
        return await self.service.install(
            self.service.requested(list(package)),
            KernelOf(name=kernel, running=self.running(kernel), ready=lambda: self.start(kernel)),
            upgrade=upgrade,
            say=self.said.append,
        )

    async def start(self, kernel: str) -> Kernel:
        """Start a kernel in a session of that name."""
        session, *_ = await self.engine.services.sessions.create(
            ALICE, name=kernel, kernel_name=kernel
        )
        return session.kernel

    def running(self, kernel: str) -> Kernel | None:
        """A kernel that has been started."""
        manager = self.engine.serverapp.kernel_manager
        ids = [i for i in manager.list_kernel_ids() if manager.get_kernel(i).kernel_name == kernel]
        return self.engine.services.kernels[ids[0]] if ids else None


@asynccontextmanager
async def packages(
    serverapp: Any, index: Index, tool: str = "uv", **traits: Any
) -> AsyncIterator[Packages]:
    """The service, installing from this index with this tool."""
    async with running(serverapp) as engine:
        service = McpPackages(
            engine.services.kernels,
            credentials=Credentials(["JUPYTER_TOKEN"]),
            **{"index_url": index.url, "use_uv": tool == "uv", **traits},
        )
        yield Packages(engine=engine, service=service, said=[])


async def test_what_is_missing_is_installed_with_what_it_needs(
    jp_serverapp: Any, index: Index, venv: Venv, tool: str
) -> None:
    async with packages(jp_serverapp, index, tool) as its:
        first = await its.install("app", "leaf<2")
        again = await its.install("app", "leaf>=1.5", upgrade=True)

        assert first.lines() == ["installed: app 1.0, leaf 1.5, middle 1.0"]
        assert again.lines() == ["upgraded: leaf 1.5 -> 2.0", "already there: app 1.0"]
        assert its.running("venv") is None
    versions = [venv.version(name) for name in ("app", "middle", "leaf", "nowhere")]
    assert versions == ["1.0", "1.0", "2.0", None]


async def test_what_is_there_is_upgraded_only_when_that_is_asked_for(
    jp_serverapp: Any, index: Index, venv: Venv
) -> None:
    async with packages(jp_serverapp, index) as its:
        await its.install("leaf==1.5")

        assert (await its.install("leaf")).lines() == ["already there: leaf 1.5"]
        assert (await its.install("leaf", upgrade=True)).lines() == ["upgraded: leaf 1.5 -> 2.0"]
        assert (await its.install("leaf<1.5")).lines() == ["downgraded: leaf 2.0 -> 1.0"]
        other = await its.install('leaf; python_version < "3"', 'nowhere; python_version < "3"')

        assert other.lines() == [
            "already there: leaf 1.0",
            'not for this Python: nowhere; python_version < "3"',
        ]


FAILURES: list[tuple[list[str], dict[str, Any], type[Exception], str]] = [
    (["no-such-thing"], {}, InstallationFailed, "no-such-thing"),
    (["leaf==9"], {}, InstallationFailed, "leaf==9"),
    (["needs-a-compiler"], {"only_binary": True}, InstallationFailed, "needs-a-compiler"),
    (["needs-a-compiler"], {}, InstallationFailed, "needs-a-compiler|setuptools"),
    (["old-app", "new-app"], {}, InstallationFailed, "old-app"),
    (["app"], {"deny": ["middle<2"]}, Forbidden, r"middle 1\.0.* denied .*'middle<2'"),
    (["app"], {"allow": ["app", "middle>1"]}, Forbidden, r"middle 1\.0.* McpPackages\.allow"),
    (
        ["leaf>1"],
        {},
        InstallationFailed,
        r"settled 1\.0 needs leaf<2 and would get 2\.0",
    ),
]


@pytest.mark.parametrize(
    ("tool", "failure"),
    [("uv", failure) for failure in FAILURES] + [("pip", FAILURES[n]) for n in (0, 2, 4, 5)],
    ids=lambda value: value if isinstance(value, str) else str(value[0]),
)
async def test_what_fails_or_is_refused_changes_nothing(
    jp_serverapp: Any,
    index: Index,
    venv: Venv,
    tool: str,
    failure: tuple[list[str], dict[str, Any], type[Exception], str],
) -> None:
    package, traits, error, words = failure
    for name, version, requires in (("settled", "1.0", ["leaf<2"]), ("leaf", "1.0", [])):
        with zipfile.ZipFile(index.add(name, version, requires)) as wheel:
            wheel.extractall(venv.site)
    before = venv.files()
    async with packages(jp_serverapp, index, tool, **traits) as its:
        with pytest.raises(error, match=words) as caught:
            await its.install(*package, upgrade=True)

    assert venv.files() == before
    assert str(venv.folder) not in str(caught.value)
    assert str(index.folder) not in str(caught.value)
    assert len(str(caught.value)) < 2_000


class Broken(http.server.BaseHTTPRequestHandler):
    """An index that fails or asks for credentials."""

    status = 503

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Locked(Broken):
    status = 401


@contextmanager
def serving(handler: type[Broken], *, secure: bool = False) -> Iterator[str]:
    """The URL of an index over HTTP, or over TLS with an untrusted certificate."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'https' if secure else 'http'}://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("handler", "secure", "advice"),
    [
        (Broken, True, "certificate of the index is not trusted"),
        (Broken, False, "cannot be reached"),
        (Locked, False, "asks for a login"),
    ],
)
async def test_an_index_that_cannot_be_reached_is_not_blamed_on_the_package(
    jp_serverapp: Any,
    index: Index,
    venv: Venv,
    tool: str,
    monkeypatch: pytest.MonkeyPatch,
    handler: type[Broken],
    *,
    secure: bool,
    advice: str,
) -> None:
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serving(handler, secure=secure) as url:
        async with packages(jp_serverapp, index, tool, index_url=url) as its:
            with pytest.raises(InstallationFailed, match=advice) as caught:
                await its.install("leaf")

    assert "The environment is as it was." in str(caught.value)
    assert "Ask for other packages" not in str(caught.value)


async def test_a_requested_package_that_needs_a_denied_one_is_named(
    jp_serverapp: Any, index: Index, venv: Venv, tool: str
) -> None:
    async with packages(jp_serverapp, index, tool, deny=["leaf"]) as its:
        with pytest.raises(Forbidden, match=r"leaf 2\.0, which app needs, is denied"):
            await its.install("nowhere", "app")

    assert venv.version("nowhere") is None


async def test_what_was_checked_is_what_is_installed(tmp_path: Path, venv: Venv, tool: str) -> None:
    index = Index(folder=tmp_path / "index")
    index.add("leaf", "1.0")
    env = environment(os.environ, credentials=Credentials(), index_url=index.url)
    installer: Installer = (
        Uv(UV, str(venv.python), env, only_binary=False)
        if tool == "uv"
        else Pip(str(venv.python), env, only_binary=False)
    )
    said: list[str] = []
    planned = await installer.resolve([Requirement("leaf")], upgrade=False, say=said.append)
    index.add("leaf", "1.0", code="raise SystemExit('another one')")

    with pytest.raises(ProgramFailed, match=r"(?i)hash"):
        await installer.install(planned, say=said.append)

    assert venv.version("leaf") is None


async def test_an_installation_that_fails_half_way_is_undone(
    jp_serverapp: Any, tmp_path: Path, venv: Venv, tool: str
) -> None:
    index = Index(folder=tmp_path / "index")
    index.add("first", "1.0")
    index.add("first", "2.0")
    index.add("fresh", "1.0")
    index.add("in-the-way", "1.0", ["first>1", "fresh"])
    async with packages(jp_serverapp, index, tool) as its:
        await its.install("first==1.0")
        (venv.site / "in_the_way.py").mkdir()  # where a file should be
        (venv.site / "in_the_way.py" / "of a user").touch()
        before = venv.files()

        with pytest.raises(InstallationFailed) as caught:
            await its.install("in-the-way")

    after = venv.files()
    assert set(after) == set(before)
    assert (venv.version("first"), venv.version("fresh")) == ("1.0", None)
    assert "not as they were" not in str(caught.value)


async def test_a_loaded_module_that_changed_asks_for_a_restart(
    jp_serverapp: Any, index: Index, venv: Venv
) -> None:
    venv.see_ipykernel()
    async with packages(jp_serverapp, index) as its:
        await its.install("leaf==1.0", "nowhere")
        await its.start("venv")
        loaded = await its.engine.run("import leaf; leaf.VERSION", session_id="venv")
        fresh = await its.install("app")
        upgraded = await its.install("leaf", upgrade=True)
        await its.engine.run("import nowhere", session_id="venv")
        same = await its.install("nowhere", upgrade=True)

        assert value(loaded) == "'1.0'"
        assert fresh.notices("k") == []
        [notice] = upgraded.notices("k")
        assert 'leaf: restart_kernel(session_id="k")' in notice
        assert same.notices("k") == []


async def test_a_busy_kernel_is_not_waited_for(jp_serverapp: Any, index: Index, venv: Venv) -> None:
    venv.see_ipykernel()
    async with packages(jp_serverapp, index) as its:
        await its.install("leaf==1.0")
        await its.start("venv")
        busy = await its.engine.start(
            "import time\nprint('on', flush=True)\nwhile True: time.sleep(0.1)", session_id="venv"
        )
        await its.engine.until_printed(busy, "on")
        outcome = await its.install("leaf", upgrade=True)
        await its.engine.services.executions.interrupt(busy)

        assert outcome.may_be_loaded == ("leaf",)
        assert "if it has used leaf" in outcome.notices("k")[0]


async def test_what_runs_in_the_environment_gets_no_token_of_the_servers(
    jp_serverapp: Any, index: Index, venv: Venv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    monkeypatch.setenv("PIP_TARGET", "/nowhere")
    seen = venv.folder / "seen"
    (venv.site / "sitecustomize.py").write_text(
        f"import os\nopen({str(seen)!r}, 'a').write(repr(dict(os.environ)))\n"
    )
    async with packages(jp_serverapp, index) as its:
        await its.install("leaf")

    assert "PATH" in seen.read_text()
    assert "JUPYTER_TOKEN" not in seen.read_text()
    assert "PIP_TARGET" not in seen.read_text()


@pytest.mark.parametrize("tool", ["pip"])
async def test_a_package_installed_where_the_kernel_does_not_look_is_a_failure(
    jp_serverapp: Any, index: Index, venv: Venv, tool: str
) -> None:
    (venv.folder / "pip.conf").write_text(
        f"[global]\ntarget = {venv.folder / 'aside'}\nindex-url = {index.url}\n"
    )
    async with packages(jp_serverapp, index, tool, index_url="") as its:
        with pytest.raises(InstallationFailed, match="where the kernel does not look"):
            await its.install("leaf")


async def test_installations_into_one_environment_take_turns(
    jp_serverapp: Any, index: Index, venv: Venv, jp_data_dir: Path
) -> None:
    venv.kernelspec(jp_data_dir, "other")
    index.add("slow-app", "1.0", ["middle"])
    slow = SlowIndex(index)
    async with packages(jp_serverapp, index, index_url=slow.url) as its:
        with slow.closed():
            one = asyncio.create_task(its.install("slow-app"))
            await asyncio.to_thread(slow.wait_until_asked)
            two = asyncio.create_task(its.install("middle", kernel="other"))
            await its.engine.until(lambda: its.said[-1].startswith("waiting for another"))

        assert (await one).lines() == ["installed: leaf 2.0, middle 1.0, slow-app 1.0"]
        assert (await two).lines() == ["already there: middle 1.0"]
    slow.stop()


async def test_an_environment_without_pip_needs_uv(
    jp_serverapp: Any, index: Index, venv: Venv
) -> None:
    async with packages(jp_serverapp, index, use_uv=False) as its:
        with pytest.raises(InstallationFailed, match="ensurepip"):
            await its.install("leaf")

    assert venv.version("leaf") is None


async def test_a_place_to_install_from_is_obeyed_where_that_is_allowed(
    jp_serverapp: Any, tmp_path: Path, index: Index, venv: Venv, tool: str
) -> None:
    wheel = Index(folder=tmp_path / "elsewhere").add("apart", "3.0", ["leaf<2"])
    package = f"apart @ {wheel.as_uri()}"
    async with packages(jp_serverapp, index, tool, allow_urls=True, deny=["leaf<1.5"]) as its:
        outcome = await its.install(package)

        assert outcome.lines() == ["installed: apart 3.0, leaf 1.5"]
    async with packages(jp_serverapp, index, tool) as its:
        with pytest.raises(Forbidden, match=r"McpPackages\.allow_urls"):
            its.service.requested(package)


@pytest.mark.parametrize("tool", ["pip"])
async def test_uv_is_left_alone_where_the_index_is_named_to_pip_only(
    jp_serverapp: Any, index: Index, venv: Venv, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("XDG_CONFIG_DIRS", "/nowhere")
    async with packages(jp_serverapp, index, tool, use_uv=True, index_url="") as its:
        await its.install("leaf")

    assert its.said[0] == "resolving leaf with pip"
    assert venv.version("leaf") == "2.0"


async def test_an_operating_systems_python_is_left_alone(
    jp_serverapp: Any, index: Index, tmp_path: Path, venv: Venv, jp_data_dir: Path
) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    home = tmp_path / "system" / "lib" / library.name
    home.mkdir(parents=True)
    for path in library.iterdir():
        if path.name != "site-packages":
            (home / path.name).symlink_to(path)
    (home / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=no\n")
    command = [os.path.realpath(sys.executable), "-m", "ipykernel_launcher"]
    write_kernelspec(
        jp_data_dir,
        "system",
        {"argv": command, "language": "python", "env": {"PYTHONHOME": str(tmp_path / "system")}},
    )
    async with packages(jp_serverapp, index) as its:
        with pytest.raises(KernelUnavailable, match="virtual environment"):
            await its.install("leaf", kernel="system")


async def test_a_kernel_that_something_else_starts_is_asked_for_its_python(
    jp_serverapp: Any, index: Index, venv: Venv, jp_data_dir: Path
) -> None:
    script = f'exec "{venv.python}" -m ipykernel_launcher -f "$0"'
    argv = ["/bin/sh", "-c", script, "{connection_file}"]
    write_kernelspec(jp_data_dir, "wrapped", {"argv": argv, "language": "python"})
    venv.see_ipykernel()
    async with packages(jp_serverapp, index) as its:
        await its.install("leaf", kernel="wrapped")

        assert its.running("wrapped")
    assert venv.version("leaf") == "2.0"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"argv": ["bash"], "language": "bash"}, "runs bash"),
        (
            {
                "argv": ["python", "-m", "ipykernel_launcher"],
                "language": "python",
                "metadata": {"kernel_provisioner": {"provisioner_name": "far-away"}},
            },
            "not run as a process of this server",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Accessing entry points by index:DeprecationWarning")
async def test_a_kernel_that_has_no_python_here_is_refused(
    jp_serverapp: Any,
    index: Index,
    jp_data_dir: Path,
    spec: dict[str, object],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = tmp_path / "provisioner-1.0.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: provisioner\nVersion: 1.0\n")
    (known / "entry_points.txt").write_text(
        "[jupyter_client.kernel_provisioners]\nfar-away = jupyter_client:LocalProvisioner\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    write_kernelspec(jp_data_dir, "strange", spec)
    async with packages(jp_serverapp, index) as its:
        with pytest.raises(KernelUnavailable, match=words):
            await its.install("leaf", kernel="strange")


async def test_nothing_is_installed_where_that_is_switched_off(
    jp_serverapp: Any, index: Index
) -> None:
    async with packages(jp_serverapp, index, enabled=False) as its:
        with pytest.raises(Forbidden, match=r"McpPackages\.enabled"):
            its.service.requested("leaf")


@pytest.mark.parametrize("trait", ["allow", "deny"])
def test_an_invalid_rule_stops_the_server_and_is_named(trait: str) -> None:
    traits: dict[str, Any] = {trait: ["six six"]}

    with pytest.raises(TraitError, match=rf"McpPackages\.{trait}"):
        McpPackages(None, credentials=Credentials(), **traits)  # type: ignore[arg-type]  # no kernel is asked


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], sys.executable),
        (["python3", "-Xfrozen_modules=off", "-m", "ipykernel_launcher"], sys.executable),
        ([sys.executable, "-m", "ipykernel"], sys.executable),
        ([sys.executable, "-m", "nb_conda_kernels.runner", "/opt/conda", "/opt/conda/env"], ""),
        (["conda", "run", "-n", "x", "python", "-m", "ipykernel_launcher"], ""),
        (["/nowhere/python", "-m", "ipykernel_launcher"], ""),
        (["/bin/sh", "-m", "ipykernel_launcher"], ""),
        (["xpython", "-f", "{connection_file}"], ""),
        (["python", "-m"], ""),
        ([], ""),
    ],
)
def test_a_kernelspecs_command_tells_its_python_or_nothing(argv: list[str], found: str) -> None:
    assert of_command(argv, {"PATH": "/bin"}) == found


def test_a_name_is_found_where_the_kernel_would_find_it(tmp_path: Path) -> None:
    python = tmp_path / "python3.99"
    python.touch(0o755)

    assert of_command(["python3.99", "-m", "ipykernel"], {"PATH": str(tmp_path)}) == str(python)
