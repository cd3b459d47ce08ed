"""A plan is carried out completely or not at all, also when it is cancelled."""

from __future__ import annotations

import asyncio
import os
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from jupyter_mcp_ext.errors import InstallationFailed
from jupyter_mcp_ext.packages.installer import ProgramFailed, Say
from jupyter_mcp_ext.packages.look import Installed, look
from jupyter_mcp_ext.packages.plan import Planned
from jupyter_mcp_ext.packages.transaction import Target, carry_out, carry_out_beside
from tests.wheels import Index, Venv, make_venv

ENV = {"PATH": os.environ["PATH"]}
PLAN = (Planned(name="leaf", version="1.0"),)


class ByHand:
    """Unpacks a wheel, when and as far as the test says."""

    name = "by hand"

    def __init__(self, venv: Venv, wheel: Path) -> None:
        self.is_changing = False
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.fails = False
        self._venv = venv
        self._wheel = wheel

    async def resolve(
        self, requirements: Sequence[Requirement], *, upgrade: bool, say: Say
    ) -> tuple[Planned, ...]:
        return PLAN

    async def explained(self, planned: tuple[Planned, ...]) -> tuple[Planned, ...]:
        return planned

    async def install(self, planned: Sequence[Planned], *, say: Say) -> None:
        self.began.set()
        await self.go.wait()
        with zipfile.ZipFile(self._wheel) as archive:
            archive.extractall(self._venv.site)
        if self.fails:
            msg = "the disk is full"
            raise ProgramFailed(msg)

    async def uninstall(self, names: Sequence[str], *, say: Say) -> None:
        for path in self._venv.site.glob("leaf*"):
            for file in [path, *path.glob("*")]:
                if file.is_file():
                    file.unlink()
        for path in self._venv.site.glob("leaf*"):
            path.rmdir()


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    return make_venv(tmp_path / "venv", with_pip=False)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return Index(folder=tmp_path / "index").add("leaf", "1.0")


async def begun(installer: ByHand, venv: Venv) -> asyncio.Task[Installed]:
    """The installation, once it has begun."""
    installed = await look(str(venv.python), ENV)
    target = Target(python=str(venv.python), env=ENV, installed=installed)
    work = asyncio.create_task(carry_out(installer, target, PLAN, lambda _: None))
    await installer.began.wait()
    return work


async def test_it_gives_what_is_there_then(venv: Venv, wheel: Path) -> None:
    installer = ByHand(venv, wheel)
    work = await begun(installer, venv)
    installer.go.set()
    after = await work

    assert after.versions == {"leaf": "1.0"}
    assert after.modules == {"leaf": ("leaf",)}


async def test_before_anything_changes_it_can_be_cancelled(venv: Venv, wheel: Path) -> None:
    installer = ByHand(venv, wheel)
    work = await begun(installer, venv)
    work.cancel()
    await asyncio.wait({work})

    assert work.cancelled()
    assert venv.version("leaf") is None


async def test_what_has_begun_to_change_goes_on_to_its_end(venv: Venv, wheel: Path) -> None:
    installer = ByHand(venv, wheel)
    work = await begun(installer, venv)
    installer.is_changing = True
    for _ in range(3):
        work.cancel()
        await asyncio.wait({work}, timeout=0.1)
        assert not work.done()
    installer.go.set()
    await work

    assert venv.version("leaf") == "1.0"


async def test_what_is_shown_for_a_session_is_shown_to_its_end(venv: Venv, wheel: Path) -> None:
    began, go, shown = threading.Event(), threading.Event(), threading.Event()

    def add() -> None:
        began.set()
        go.wait()
        shown.set()

    installed = await look(str(venv.python), ENV)
    target = Target(python=str(venv.python), env=ENV, installed=installed)
    installer = ByHand(venv, wheel)
    installer.go.set()
    work = asyncio.create_task(carry_out_beside(installer, target, PLAN, add, lambda _: None))
    await asyncio.to_thread(began.wait)
    for _ in range(3):
        work.cancel()
        await asyncio.wait({work}, timeout=0.1)
        assert not work.done()
    go.set()
    await work

    assert shown.is_set()


async def test_what_fails_half_way_is_taken_away_again(venv: Venv, wheel: Path) -> None:
    installer = ByHand(venv, wheel)
    installer.fails = True
    before = venv.files()
    work = await begun(installer, venv)
    installer.go.set()

    with pytest.raises(InstallationFailed, match="the disk is full\nThe environment is as it was"):
        await work
    assert venv.files() == before


async def test_what_could_not_be_put_back_is_named(venv: Venv, wheel: Path) -> None:
    with zipfile.ZipFile(Index(folder=wheel.parent.parent).add("leaf", "0.9")) as archive:
        archive.extractall(venv.site)
    installer = ByHand(venv, wheel)
    installer.fails = True
    work = await begun(installer, venv)
    await installer.uninstall(["leaf"], say=lambda _: None)  # the old one goes, the new one stays
    installer.go.set()

    with pytest.raises(InstallationFailed, match="These packages are not as they were: leaf"):
        await work
