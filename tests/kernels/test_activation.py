"""The variables of agents' kernels, with which shell lines use the kernel's own environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.kernels.activation import activated
from tests.engine import ALICE, printed, running
from tests.wheels import make_venv

SERVER = {
    "PATH": os.pathsep.join(("/srv/bin", "/usr/bin")),
    "VIRTUAL_ENV": "/srv",
    "CONDA_PREFIX": "/conda",
    "HOME": "/home/a",
}


def prefix(folder: Path, mark: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    if mark == "conda":
        (folder / "conda-meta").mkdir()
    elif mark == "venv":
        (folder / "pyvenv.cfg").touch()
    return folder


def test_a_venv_is_activated(tmp_path: Path) -> None:
    folder = prefix(tmp_path / "v", "venv")

    env = activated({**SERVER, "PYTHONHOME": "/usr"}, [f"{folder}/bin/python", "-m", "ipykernel"])

    assert env["PATH"] == os.pathsep.join((f"{folder}/bin", "/srv/bin", "/usr/bin"))
    assert env["VIRTUAL_ENV"] == str(folder)
    assert "PYTHONHOME" not in env
    assert env["HOME"] == "/home/a"


def test_an_environment_of_conda_is_activated(tmp_path: Path) -> None:
    folder = prefix(tmp_path / "envs" / "r", "conda")

    env = activated(SERVER, [f"{folder}/bin/R", "--slave"])

    assert env["PATH"].split(os.pathsep)[0] == f"{folder}/bin"
    assert (env["CONDA_PREFIX"], env["CONDA_DEFAULT_ENV"]) == (str(folder), "r")
    assert "VIRTUAL_ENV" not in env


def test_a_python_of_no_environment_is_first_and_names_none(tmp_path: Path) -> None:
    folder = prefix(tmp_path / "p", "none")

    env = activated(SERVER, [f"{folder}/bin/python3.12"])

    assert env["PATH"].split(os.pathsep)[0] == f"{folder}/bin"
    assert not {"VIRTUAL_ENV", "CONDA_PREFIX"} & set(env)


def test_a_folder_that_is_in_the_path_already_is_there_once(tmp_path: Path) -> None:
    folder = prefix(tmp_path / "p", "venv")
    path = os.pathsep.join(("/usr/bin", f"{folder}/bin"))

    env = activated({"PATH": path}, [f"{folder}/bin/python"])

    assert env["PATH"] == os.pathsep.join((f"{folder}/bin", "/usr/bin"))


def test_jupyters_own_python_is_meant_by_its_plain_name() -> None:
    env = activated(SERVER, ["python3", "-m", "ipykernel_launcher"])

    assert env["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


@pytest.mark.parametrize("argv", [[], ["R"], ["/usr/bin/env", "python"], ["python2"]])
def test_a_command_that_belongs_to_no_environment_changes_nothing(argv: list[str]) -> None:
    assert activated(SERVER, argv) == SERVER


async def test_shell_lines_run_the_kernels_own_python(
    jp_serverapp: Any, jp_data_dir: Path, tmp_path: Path
) -> None:
    venv = make_venv(tmp_path / "v", with_pip=False)
    venv.kernelspec(jp_data_dir, "venv")
    venv.kernelspec(jp_data_dir, "own", env={"VIRTUAL_ENV": "mine"})
    shell = (
        '!python -c "import sys; print(sys.prefix)"\nimport os; print(os.environ["VIRTUAL_ENV"])'
    )
    async with running(jp_serverapp) as engine:
        for name in ("venv", "own"):
            await engine.services.sessions.create(ALICE, name=name, kernel_name=name)

        said = [printed(await engine.run(shell, session_id=name)) for name in ("venv", "own")]

        assert said[0].split() == [str(venv.folder), str(venv.folder)]
        assert said[1].split() == [str(venv.folder), "mine"]
