"""What a sandbox shows of the disk so that a program runs, in environments of all kinds."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

import pytest

from jupyter_mcp_ext.sandbox.prefixes import MAX_LINKED, NoPrefix, readable

BASE = Path(sys.base_prefix).resolve()
PATH = os.environ["PATH"]


def environment(folder: Path, *, symlinks: bool = True) -> Path:
    """A virtual environment, of the Python that runs this."""
    venv.create(folder, symlinks=symlinks)
    return folder


def packages(prefix: Path) -> Path:
    """Where the packages of a virtual environment are."""
    [found] = prefix.glob("lib/python*/site-packages")
    return found


def shown(program: Path, *never: Path) -> set[Path]:
    """What is shown for a program, without the base of the Python that runs this."""
    found = readable([str(program)], PATH, never=never)
    return {path for path in found if not path.is_relative_to(BASE)}


@pytest.mark.parametrize("symlinks", [True, False])
def test_a_virtual_environment_is_shown_with_the_python_it_extends(
    tmp_path: Path, symlinks: bool
) -> None:
    outer = environment(tmp_path / "outer", symlinks=symlinks)

    assert shown(outer / "bin/python") == {outer}
    assert all(
        BASE.is_relative_to(each) or each == outer or each.is_relative_to(BASE)
        for each in readable([str(outer / "bin/python")], PATH, never=())
    )


def test_an_environment_of_a_link_is_shown_by_both_names(tmp_path: Path) -> None:
    real = environment(tmp_path / "versions" / "1.0")
    named = tmp_path / "current"
    named.symlink_to(real)

    assert shown(named / "bin/python") == {real, named}


def test_a_program_that_is_in_no_environment_is_shown_alone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "kernel"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "private.txt").write_text("private")

    assert shown(program) == {program}
    assert readable(["kernel"], str(tmp_path / "bin"), never=()) == (program,)


def test_packages_that_are_links_are_shown_where_they_lead_to(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env")
    store = tmp_path / "store" / "package"
    store.mkdir(parents=True)
    (packages(prefix) / "package").symlink_to(store)

    assert shown(prefix / "bin/python") == {prefix, store}


def test_an_environment_of_links_to_very_many_places_is_refused(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env")
    for number in range(MAX_LINKED + 1):
        package = tmp_path / "store" / f"{number}" / "package"
        package.mkdir(parents=True)
        (packages(prefix) / f"package{number}").symlink_to(package)

    with pytest.raises(NoPrefix, match=r"consists of links to \d+ other places"):
        shown(prefix / "bin/python")


@pytest.mark.parametrize("place", ["env", "env/root", "env/lib/root"])
def test_an_environment_with_a_root_in_it_is_refused(tmp_path: Path, place: str) -> None:
    prefix = environment(tmp_path / "env")
    root = tmp_path / place
    root.mkdir(exist_ok=True)

    with pytest.raises(NoPrefix, match=r"belongs to .*, which has .* in it"):
        shown(prefix / "bin/python", root)


def test_a_link_of_an_environment_to_the_root_is_refused(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env")
    root = tmp_path / "root"
    root.mkdir()
    (packages(prefix) / "package").symlink_to(root)

    with pytest.raises(NoPrefix, match="which has"):
        shown(prefix / "bin/python", root)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env")
    (packages(prefix) / "one").symlink_to("two")
    (packages(prefix) / "two").symlink_to("one")
    (prefix / "bin/kernel").symlink_to("kernel")

    assert shown(prefix / "bin/python") == {prefix}
    with pytest.raises(NoPrefix, match="is not there"):
        shown(prefix / "bin/kernel")


@pytest.mark.parametrize("command", [[], ["/nowhere/python"], ["no-such-kernel"]])
def test_a_program_that_is_not_there_is_named(command: list[str]) -> None:
    with pytest.raises(NoPrefix, match=r"its program .* is not there"):
        readable(command, PATH, never=())
