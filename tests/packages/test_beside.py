"""Packages are installed for one session alone; the environment of its kernel stays as it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import Forbidden, InstallationFailed, KernelUnavailable, ToolError
from jupyter_mcp_ext.packages.environment import KernelOf, ignores_path
from jupyter_mcp_ext.packages.outcome import Outcome
from jupyter_mcp_ext.packages.packages import McpPackages
from jupyter_mcp_ext.sandbox.credentials import Credentials
from jupyter_mcp_ext.sandbox.overlay import Overlay
from jupyter_mcp_ext.sandbox.places import Places
from tests.engine import Engine, running
from tests.test_packages import SlowIndex
from tests.wheels import Index, Venv, make_venv, write_kernelspec


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index(folder=tmp_path_factory.mktemp("index"))
    for version in ("1.0", "1.5", "2.0"):
        index.add("leaf", version)
    index.add("app", "1.0", ["middle", "leaf"])
    index.add("app", "2.0", ["middle", "leaf>=2"])
    for version in ("1.0", "2.0"):
        index.add("middle", version)
    index.add("old-middle-user", "1.0", ["middle<2"])
    index.add("from-elsewhere", "1.0", ["built @ https://127.0.0.1:9/built-1.0.tar.gz"])
    return index


@pytest.fixture(autouse=True)
def own_packages_only(monkeypatch: pytest.MonkeyPatch, jp_environ: None) -> None:
    """Hide the packages of this environment from others, which pytest-jupyter shows them."""
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture
def venv(tmp_path: Path, jp_data_dir: Path, index: Index) -> Venv:
    """An environment with leaf 1.5, which no index has any more if need be."""
    venv = make_venv(tmp_path / "v", with_pip=False)
    with zipfile.ZipFile(index.folder / "leaf/leaf-1.5-py3-none-any.whl") as wheel:
        wheel.extractall(venv.site)
    venv.kernelspec(jp_data_dir, "venv")
    return venv


@dataclass(frozen=True, kw_only=True)
class Packages:
    """The service on a server, and the packages of one session."""

    engine: Engine
    service: McpPackages
    overlay: Overlay
    venv: Venv

    async def install(self, *package: str, kernel: str = "venv", upgrade: bool = False) -> Outcome:
        """Install for the session, whose kernel does not run."""
        return await self.service.install(
            self.service.requested(list(package)),
            KernelOf(name=kernel, running=None, ready=_never, overlay=self.overlay),
            upgrade=upgrade,
            say=lambda _: None,
        )

    def run(self, code: str) -> str:
        """What a Python prints that sees the packages of the session."""
        env = self.overlay.seen_with(os.environ)
        ran = subprocess.run(
            [self.venv.python, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()

    def files(self) -> Mapping[str, bytes]:
        """What the session has."""
        site = self.overlay.site.resolve()
        return {
            str(path.relative_to(site)): path.read_bytes()
            for path in site.rglob("*")
            if path.is_file()
        }


async def _never() -> Any:
    msg = "no kernel is asked"
    raise AssertionError(msg)


@asynccontextmanager
async def packages(
    serverapp: Any, index: Index, venv: Venv, **traits: Any
) -> AsyncIterator[Packages]:
    """The service, installing from this index for a session."""
    async with running(serverapp) as engine:
        service = McpPackages(
            engine.services.kernels,
            credentials=Credentials(),
            **{"index_url": index.url, **traits},
        )
        kept = venv.folder.parent / "sessions" / "one" / ".mcp"
        kept.mkdir(parents=True)
        overlay = Overlay(kept / "packages")
        overlay.prepare()
        yield Packages(engine=engine, service=service, overlay=overlay, venv=venv)


async def test_what_the_environment_has_is_used_and_the_rest_is_the_sessions(
    jp_serverapp: Any, index: Index, venv: Venv
) -> None:
    before = venv.files()
    async with packages(jp_serverapp, index, venv) as its:
        first = await its.install("app", "leaf")
        again = await its.install("app", "leaf", upgrade=True)
        imported = "import app, leaf, middle; print(app.VERSION, leaf.VERSION, middle.VERSION)"

        assert first.lines() == [
            "installed for this session alone: app 1.0, middle 2.0",
            "already there: leaf 1.5",
        ]
        assert again.lines() == [
            "already there: app 1.0",
            "not upgraded, since the environment has it and not the session: leaf 1.5",
        ]
        assert its.run(imported) == "1.0 1.5 2.0"
        assert its.run("import app; print(app.__cached__)").endswith(".pyc")
        assert any(path.startswith("__pycache__/app.") for path in its.files())
    assert venv.files() == before


async def test_packages_of_the_session_are_replaced(
    jp_serverapp: Any, index: Index, venv: Venv
) -> None:
    async with packages(jp_serverapp, index, venv) as its:
        await its.install("middle")
        down = await its.install("old-middle-user")
        with pytest.raises(InstallationFailed, match=r"old-middle-user 1\.0 needs middle<2"):
            await its.install("middle", upgrade=True)

        assert down.lines() == [
            "installed for this session alone: old-middle-user 1.0",
            "downgraded for this session alone: middle 2.0 -> 1.0",
        ]
        assert its.run("import middle; print(middle.VERSION)") == "1.0"
        names = {path.partition("/")[0] for path in its.files()}
        assert {name for name in names if name.startswith("middle")} == {
            *("middle.py", "middle-1.0.dist-info"),
        }


@pytest.mark.parametrize(
    ("package", "traits", "error", "words"),
    [
        ("leaf>=2", {}, InstallationFailed, r"environment has leaf 1\.5\. An installation for one"),
        ("app==2.0", {}, InstallationFailed, "leaf"),
        ("no-such-thing", {}, InstallationFailed, "no-such-thing"),
        ("from-elsewhere", {}, InstallationFailed, "built"),
        ("app", {"deny": ["middle"]}, Forbidden, r"middle 2\.0, which app needs, is denied"),
        ("app", {"allow": ["app"]}, Forbidden, r"middle 2\.0.* McpPackages\.allow"),
        ("app", {"max_session_bytes": 100}, InstallationFailed, "and may have 100"),
        ("app", {"use_uv": False}, InstallationFailed, "uv alone"),
    ],
)
async def test_what_fails_or_is_refused_changes_nothing(
    jp_serverapp: Any,
    index: Index,
    venv: Venv,
    package: str,
    traits: dict[str, Any],
    error: type[ToolError],
    words: str,
) -> None:
    async with packages(jp_serverapp, index, venv, **traits) as its:
        with pytest.raises(error, match=words) as caught:
            await its.install(package)

        assert its.files() == {}
        assert {path.name for path in its.overlay.folder.iterdir()} == {"0", "site", "startup"}
    assert str(index.folder) not in str(caught.value)


async def test_two_installations_for_one_session_come_one_after_the_other(
    jp_serverapp: Any, index: Index, venv: Venv
) -> None:
    async with packages(jp_serverapp, index, venv) as its:
        await asyncio.gather(its.install("app"), its.install("old-middle-user"))

        assert its.run("import app, old_middle_user; print(app.VERSION)") == "1.0"


async def test_what_was_installed_since_the_first_look_is_known(
    jp_serverapp: Any, index: Index, venv: Venv, jp_data_dir: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (venv.folder / "bin/its-python").symlink_to(venv.python.readlink())
    program = venv.folder / "bin/python3.99"
    program.write_text(
        f'#!/bin/sh\n{venv.folder}/bin/its-python "$@"\n[ -p {gate} ] && read x <{gate}\n:\n'
    )
    program.chmod(0o755)
    argv = [str(program), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    write_kernelspec(jp_data_dir, "gated", {"argv": argv, "language": "python"})
    async with packages(jp_serverapp, index, venv) as its:
        second = asyncio.create_task(its.install("middle", kernel="gated"))
        opened = await asyncio.to_thread(gate.open, "w")  # when it has looked
        gate.unlink()
        first = await its.install("middle")
        opened.close()

        assert first.lines() == ["installed for this session alone: middle 2.0"]
        assert (await second).lines() == ["already there: middle 2.0"]


# -- code of packages and of kernels ------------------------------------------------------------


def add_wheel(index: Index, name: str, files: Mapping[str, str]) -> None:
    """Put a wheel with just these files into an index."""
    wheel = index.add(name, "1.0", code="")
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in files))
    index.add(name, "0.1")  # lists the wheel as it is now


async def test_a_package_that_must_be_built_is_not(
    jp_serverapp: Any, tmp_path: Path, venv: Venv
) -> None:
    index = Index(folder=tmp_path / "sources")
    index.add_source("source", "1.0", f"open({str(tmp_path / 'ran')!r}, 'w')")
    async with packages(jp_serverapp, index, venv) as its:
        with pytest.raises(InstallationFailed, match="source"):
            await its.install("source")

    assert not (tmp_path / "ran").exists()


async def test_nothing_of_a_package_runs_while_it_or_another_is_installed(
    jp_serverapp: Any, index: Index, venv: Venv, tmp_path: Path
) -> None:
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    names = ("sitecustomize", "usercustomize", "compileall", "py_compile", "os", "json", "hostile")
    add_wheel(
        index,
        "hostile",
        {**{f"{name}.py": code for name in names}, "hostile.pth": f"import os; {code}"},
    )
    async with packages(jp_serverapp, index, venv) as its:
        await its.install("hostile==1.0")
        await its.install("app")

        assert not (tmp_path / "ran").exists()
        assert its.run("import app") == ""
        assert not (tmp_path / "ran").exists()
        its.run("import hostile")
    assert (tmp_path / "ran").exists()


PLACES = {
    "paths-1.0.data/scripts/escaped": "bin/escaped",
    "paths-1.0.data/data/escaped": "escaped",
    "../escaped": "",
    "../../../../../../../../../../{tmp}/escaped": "",
    "{tmp}/escaped": "",
    "paths-1.0.data/scripts/../../../escaped": "",
    "paths-1.0.data/data/../../../escaped": "",
    "paths-1.0.data/data/{tmp}/escaped": "{tmp}/escaped",
    "paths-1.0.data/headers/../../../../escaped": "",
    "paths-1.0.dist-info/../../escaped": "",
}
"""Files of a wheel, and where they are in the session's packages; empty: nowhere."""


@pytest.mark.parametrize(("path", "place"), PLACES.items())
async def test_a_wheel_writes_nowhere_else(
    jp_serverapp: Any,
    tmp_path: Path,
    venv: Venv,
    path: str,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = own_places(tmp_path, monkeypatch)
    index = Index(folder=tmp_path / "hostile")
    add_wheel(index, "paths", {path.format(tmp=tmp_path): "#!python\n", "paths.py": ""})
    async with packages(jp_serverapp, index, venv) as its:
        await its.install("paths==1.0")
        site = its.overlay.site.resolve()

        assert "paths.py" in its.files()
    written = {each for each in tmp_path.rglob("escaped") if cache not in each.parents}
    assert written == ({site / place.format(tmp=str(tmp_path)[1:])} if place else set())
    assert not any((folder / "escaped").exists() for folder in tmp_path.parents)


def own_places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have all that an installer writes below a folder: where it keeps what it unpacks."""
    for name in ("HOME", "TMPDIR", "UV_CACHE_DIR"):
        (folder / name).mkdir()
        monkeypatch.setenv(name, str(folder / name))
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "TMPDIR"))
    return folder / "UV_CACHE_DIR/archive-v0"


async def test_a_link_in_a_wheel_leads_nowhere(
    jp_serverapp: Any, tmp_path: Path, venv: Venv, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_places(tmp_path, monkeypatch)
    outside = tmp_path / "outside"
    outside.mkdir()
    index = Index(folder=tmp_path / "hostile")
    add_wheel(index, "links", {"links.py": ""})
    link = zipfile.ZipInfo("links-1.0.data/purelib/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    link.create_system = 3
    with zipfile.ZipFile(index.folder / "links/links-1.0-py3-none-any.whl", "a") as archive:
        archive.writestr(link, str(outside))
        archive.writestr("links-1.0.data/purelib/link/escaped", "")
    index.add("links", "0.2")
    async with packages(jp_serverapp, index, venv) as its:
        with suppress(InstallationFailed):  # versions of uv differ
            await its.install("links==1.0")
        assert not any(path.is_symlink() for path in its.overlay.site.resolve().rglob("*"))

    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "said",
    [
        *("Name: a\0b", "Name: a\n b", f"Name: {'x' * 300}", f"Name: a\nVersion: {'1' * 300}"),
        *("Name: leaf", "Name: a\nRequires-Dist: ???"),
    ],
)
async def test_what_a_wheel_says_of_another_package_keeps_no_installation_from_working(
    jp_serverapp: Any, tmp_path: Path, venv: Venv, index: Index, said: str
) -> None:
    hostile = Index(folder=tmp_path / "hostile")
    more = "" if "Version" in said else "Version: 9\n"
    metadata = f"Metadata-Version: 2.1\n{said}\n{more}"
    path = "two-1.0.data/purelib/other-9.dist-info/METADATA"
    add_wheel(hostile, "two", {"two.py": "", path: metadata})
    async with packages(jp_serverapp, index, venv) as its:
        its.service.index_url = hostile.url
        await its.install("two==1.0")
        its.service.index_url = index.url
        await its.install("old-middle-user")

        assert its.run("import middle; print(middle.VERSION)") == "1.0"


async def test_a_module_that_takes_too_much_memory_is_not_compiled(
    jp_serverapp: Any, tmp_path: Path, venv: Venv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.packages.installer.MEMORY", 300 << 20)
    index = Index(folder=tmp_path / "hostile")
    add_wheel(index, "bomb", {"bomb.py": "a=1\n" * 400_000, "plain.py": ""})
    async with packages(jp_serverapp, index, venv) as its:
        await its.install("bomb==1.0")

        compiled = [path for path in its.files() if path.endswith(".pyc")]
        assert [Path(path).name.partition(".")[0] for path in compiled] == ["plain"]
        assert its.run("import plain") == ""


@pytest.mark.parametrize("name", ["../../escaped", "/{tmp}/escaped"])
async def test_a_program_with_a_path_for_a_name_is_not_installed(
    jp_serverapp: Any, tmp_path: Path, venv: Venv, name: str
) -> None:
    index = Index(folder=tmp_path / "hostile")
    points = f"[console_scripts]\n{name.format(tmp=tmp_path)} = points:main\n"
    add_wheel(index, "points", {"points-1.0.dist-info/entry_points.txt": points})
    async with packages(jp_serverapp, index, venv) as its:
        with pytest.raises(InstallationFailed, match="points"):
            await its.install("points==1.0")

        assert its.files() == {}
    assert list(tmp_path.rglob("escaped")) == []


async def test_an_index_that_is_named_to_pip_only_is_not_passed_over(
    jp_serverapp: Any, index: Index, venv: Venv, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("XDG_CONFIG_DIRS", "/nowhere")
    async with packages(jp_serverapp, index, venv, index_url="") as its:
        with pytest.raises(InstallationFailed, match=r"uv alone\. Have a person set McpPackages"):
            await its.install("app")


async def test_a_uv_that_writes_elsewhere_is_not_used(
    jp_serverapp: Any, index: Index, venv: Venv, tmp_path: Path
) -> None:
    uv = venv.folder / "bin/uv"
    uv.write_text(f"#!/bin/sh\n[ $1 = --version ] || touch {tmp_path}/ran\necho uv 0.11.9\n")
    uv.chmod(0o755)
    async with packages(jp_serverapp, index, venv) as its:
        with pytest.raises(InstallationFailed, match=r"uv 0\.12 or later, .* has uv 0\.11\.9\."):
            await its.install("app")

    assert not (tmp_path / "ran").exists()


async def test_an_installation_that_is_cancelled_leaves_all_as_it_was(
    jp_serverapp: Any, index: Index, venv: Venv
) -> None:
    index.add("slow-app", "1.0")
    slow = SlowIndex(index)
    async with packages(jp_serverapp, index, venv, index_url=slow.url) as its:
        await its.install("app")
        before = its.files()
        with slow.closed():
            task = asyncio.create_task(its.install("slow-app"))
            await asyncio.to_thread(slow.wait_until_asked)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert its.files() == before
        names = {path.name for path in its.overlay.folder.iterdir()}
        assert names == {"0", "1", "site", "startup", "python"}
    slow.stop()


async def test_a_folder_that_cannot_be_written_is_named(
    jp_serverapp: Any, index: Index, venv: Venv
) -> None:
    async with packages(jp_serverapp, index, venv) as its:
        shutil.rmtree(its.overlay.folder)
        its.overlay.folder.write_text("")
        with pytest.raises(InstallationFailed, match="the session's folder cannot be written"):
            await its.install("app")


async def test_a_python_that_only_the_kernel_knows_is_not_run(
    jp_serverapp: Any, index: Index, venv: Venv, jp_data_dir: Path
) -> None:
    argv = ["/bin/sh", "-c", f'exec "{venv.python}" -m ipykernel_launcher -f "$0"', "x"]
    write_kernelspec(jp_data_dir, "wrapped", {"argv": argv, "language": "python"})
    async with packages(jp_serverapp, index, venv) as its:
        with pytest.raises(KernelUnavailable, match="only the kernel knows"):
            await its.install("app", kernel="wrapped")


@pytest.mark.parametrize(
    ("options", "ignores"),
    [
        ([], False),
        (["-Xfrozen_modules=off"], False),
        (["-WIgnore"], False),
        (["-I"], True),
        (["-uE"], True),
    ],
)
def test_options_by_which_the_packages_would_not_be_found_are_known(
    options: list[str], *, ignores: bool
) -> None:
    argv = ["python", *options, "-m", "ipykernel_launcher", "-f", "I"]

    assert ignores_path(argv) == ignores


async def test_a_kernel_that_would_not_find_the_packages_is_refused(
    jp_serverapp: Any, index: Index, venv: Venv, jp_data_dir: Path
) -> None:
    argv = [str(venv.python), "-I", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    write_kernelspec(jp_data_dir, "isolated", {"argv": argv, "language": "python"})
    async with packages(jp_serverapp, index, venv) as its:
        with pytest.raises(KernelUnavailable, match="ignores PYTHONPATH"):
            await its.install("app", kernel="isolated")


@pytest.mark.parametrize(
    "where",
    [
        *("session", "writable", "path", "temporary"),
        *("cache", "UV_CACHE_DIR", "XDG_CACHE_HOME"),
        *("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "UV_CONFIG_FILE"),
    ],
)
async def test_an_environment_that_kernels_can_write_is_not_run(
    jp_serverapp: Any,
    index: Index,
    venv: Venv,
    jp_data_dir: Path,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with packages(jp_serverapp, index, venv) as its:
        if where == "session":
            own = its.overlay.folder.parents[1] / "v"
            shutil.copytree(venv.folder, own, symlinks=True)
            Venv(folder=own).kernelspec(jp_data_dir, "venv")
        elif where == "writable":
            its.engine.services.kernels.sandbox.places = Places.of((), [str(venv.site)])
        else:
            shared = venv.folder.parent / "shared"
            (shared / ".cache").mkdir(parents=True)
            for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
                monkeypatch.delenv(name, raising=False)
            names = {"path": "PYTHONPATH", "cache": "HOME"}
            if where == "temporary":
                monkeypatch.setattr(tempfile, "tempdir", str(shared))
            else:
                monkeypatch.setenv(names.get(where, where), str(shared))
            if where == "cache":
                shared /= ".cache"
            its.engine.services.kernels.sandbox.places = Places.of((), [str(shared)])
        with pytest.raises(KernelUnavailable, match="can write into the environment"):
            await its.install("app")
