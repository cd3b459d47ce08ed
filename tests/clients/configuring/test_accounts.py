"""Homes, folders and files that the account of the command has in part, or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.configuring.file import Unusable, backup_of, change
from tests.servers import environment

NOBODY = 61_234
IS_ROOT = not os.geteuid()
CONNECT = ("-m", "jupyter_mcp_ext", "connect")


def ran(home: Path, *options: str, unset: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """The command as an ordinary user, whose files are those below the home folder."""
    as_user = ("-m", "tests.sandbox.as_user", str(NOBODY), str(home)) if IS_ROOT else ()
    known = {
        name: value
        for name, value in environment(home).items()
        if name != unset and not name.startswith(("XDG", "CODEX", "CLAUDE"))
    }
    return subprocess.run(
        [sys.executable, *as_user, *CONNECT, *options],
        env={**known, **env},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_that_cannot_be_looked_into_does_not_hide_the_other_clients(
    tmp_path: Path,
) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".config").mkdir(mode=0o000)

    listed = ran(tmp_path, "--list")
    removed = ran(tmp_path, "opencode", "codex", "--remove")

    assert (listed.returncode, listed.stderr) == (0, "")
    states = {line.split("  ")[0]: line for line in listed.stdout.splitlines()}
    assert "  installed      not connected" in states["codex"]
    assert "not readable" in states["opencode"]
    assert removed.returncode == 1
    assert "opencode.json cannot be read: Permission denied. Put that right" in removed.stderr
    assert "Codex was not connected" in removed.stdout


@pytest.mark.skipif(not IS_ROOT, reason="only root can be an account that the system has not")
def test_an_account_without_a_home_folder_is_told_to_set_one(tmp_path: Path) -> None:
    done = ran(tmp_path, "--list", unset="HOME")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "jupyter mcp: This account has no home folder. Set HOME to a folder of its own.\n"
    )


@pytest.mark.parametrize("name", ["a b", "ü\u3000", "a\nb", "$HOME", "none/at/all"])
def test_a_home_folder_of_any_name_is_used_and_shown_in_one_line(tmp_path: Path, name: str) -> None:
    home = tmp_path / name

    done = ran(tmp_path, "codex", "--remove", HOME=str(home), CODEX_HOME=str(home / "x\x1b[31m"))

    assert done.returncode == 0, done.stderr
    assert done.stdout == "Codex was not connected: ~/x\\u001b[31m/config.toml\n"
    assert not home.exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts can reach."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own is closed to them
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(act: Callable[[], object]) -> str:
    """What a function returns, or raises, in a process of another account."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            said = repr(act())
        except Exception as err:  # noqa: BLE001  # all of it is told to the test
            said = str(err)
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as heard:
        said = heard.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(not IS_ROOT, reason="only root can make files of other accounts")
def test_a_file_of_another_account_stays_its_own(open_folder: Path) -> None:
    os.chown(open_folder, NOBODY, NOBODY)
    file = open_folder / "config.json"
    file.write_text("before")
    file.chmod(0o664)
    os.chown(file, 0, NOBODY)

    as_nobody(lambda: change(file, lambda _: "after"))

    status, kept = file.stat(), backup_of(file)
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (0, NOBODY, 0o664)
    assert file.read_text() == "after"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("before", 0o600)


@pytest.mark.skipif(not IS_ROOT, reason="only root can make files of other accounts")
def test_a_file_that_only_another_account_may_write_is_left_as_it_is(open_folder: Path) -> None:
    os.chown(open_folder, NOBODY, NOBODY)
    file = open_folder / "config.json"
    file.write_text("before")

    said = as_nobody(lambda: change(file, lambda _: "after"))

    assert "config.json is read-only. Let your account write it" in said
    assert file.stat().st_uid == 0
    assert file.read_text() == "before"
    assert list(open_folder.iterdir()) == [file]


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount")
def test_a_file_that_is_mounted_by_itself_is_written(tmp_path: Path) -> None:
    """As ``~/.claude.json`` is in containers of developers."""
    real, file = tmp_path / "real.json", tmp_path / "config.json"
    real.write_text("before")
    file.touch()
    if subprocess.run(["mount", "--bind", real, file], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        change(file, lambda _: "after")
    finally:
        subprocess.run(["umount", file], check=True)

    assert real.read_text() == "after"
    assert backup_of(file).read_text() == "before"


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount a small disk")
def test_a_full_disk_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        file = small / "config.json"
        file.write_text("b" * 30_000)
        with pytest.raises(
            Unusable, match=r"cannot be written: No space left on device\. Put that"
        ):
            change(file, lambda text: f"{text}after")

        assert file.read_text() == "b" * 30_000
        assert list(small.iterdir()) == [file]
    finally:
        subprocess.run(["umount", str(small)], check=True)


STEPS = 40
"""More than a change has."""


def stopped_at(step: int, act: Callable[[], object]) -> bool:
    """Do something in a process that ends at its nth look at the file system; whether it ended."""
    child = os.fork()
    if not child:
        left = iter(range(step))

        def look(event: str, _: object) -> None:
            if event.startswith(("open", "os.", "tempfile", "fcntl")) and next(left, None) is None:
                os._exit(9)

        sys.addaudithook(look)
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("is_linked", [False, True], ids=["alone", "linked"])
def test_a_command_that_is_killed_at_any_step_loses_nothing(
    tmp_path: Path, is_linked: bool
) -> None:
    ends = []
    for step in range(STEPS):
        folder = tmp_path / str(step)
        folder.mkdir()
        file = folder / "config.json"
        file.write_text("before")
        if is_linked:
            (folder / "other").hardlink_to(file)

        ends.append(stopped_at(step, partial(change, file, lambda text: f"{text}+")))

        assert file.read_text() in ("before", "before+")
        if file.read_text() == "before+":
            assert backup_of(file).read_text() == "before"
        change(file, lambda _: "again")
        assert file.read_text() == "again"
    assert ends[0]
    assert not ends[-1]
