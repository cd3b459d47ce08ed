"""A client's file is replaced in one step, or left as it is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.configuring import file as files
from jupyter_mcp_ext.clients.configuring.file import MAX_BYTES, Unusable, change
from tests.servers import environment


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_bytes(b"before")
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def state(path: Path) -> tuple[object, ...]:
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, names(path.parent)


def after(_: str) -> str:
    return "after"


def test_a_change_keeps_the_mode_and_what_was_there_before(file: Path) -> None:
    file.chmod(0o640)

    done = change(file, after)

    backup = file.with_name("config.json.jupyter-mcp.bak")
    assert done.backup == backup
    assert (file.read_text(), mode(file)) == ("after", 0o640)
    assert (backup.read_text(), mode(backup)) == ("before", 0o640)
    assert names(file.parent) == {file.name, backup.name}


def test_nothing_is_written_where_nothing_changes(file: Path) -> None:
    inode = file.stat().st_ino

    assert not change(file, lambda text: text).is_changed
    assert file.stat().st_ino == inode
    assert names(file.parent) == {file.name}
    assert not change(file.with_name("none"), lambda text: text).is_changed
    assert names(file.parent) == {file.name}


def test_a_new_file_is_for_its_owner_only_and_has_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "a/b/config.json"

    done = change(path, after)

    assert (done.is_changed, done.backup) == (True, None)
    assert mode(path) == 0o600
    assert names(path.parent) == {path.name}


def test_a_link_stays_and_what_it_leads_to_is_changed(file: Path) -> None:
    (file.parent / "dotfiles").mkdir()
    target = file.rename(file.parent / "dotfiles/real.json")
    file.symlink_to("dotfiles/real.json")

    change(file, after)

    assert file.is_symlink()
    assert target.read_text() == "after"
    assert names(target.parent) == {"real.json", "real.json.jupyter-mcp.bak"}


def test_a_link_to_nothing_makes_what_it_leads_to(tmp_path: Path) -> None:
    link = tmp_path / "config.json"
    link.symlink_to("elsewhere.json")

    change(link, after)

    assert link.is_symlink()
    assert (tmp_path / "elsewhere.json").read_text() == "after"


@pytest.mark.parametrize(
    ("raw", "seen", "written"),
    [
        (b"\xef\xbb\xbfa", "a", b"\xef\xbb\xbfa\nb"),
        (b"a\r\nb\r\n", "a\nb\n", b"a\r\nb\r\n\r\nb"),
        (b"a\r\nb\n", "a\r\nb\n", b"a\r\nb\n\nb"),
    ],
    ids=["mark", "crlf", "mixed"],
)
def test_marks_and_line_ends_stay(file: Path, raw: bytes, seen: str, written: bytes) -> None:
    file.write_bytes(raw)

    def more(text: str) -> str:
        assert text == seen
        return f"{text}\nb"

    change(file, more)

    assert file.read_bytes() == written


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def huge(file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(MAX_BYTES + 1)


def latin(file: Path) -> None:
    file.write_bytes("one\ntwö".encode("latin-1"))


def read_only(file: Path) -> None:
    file.chmod(0o444)


def no_backup(file: Path) -> None:
    file.with_name("config.json.jupyter-mcp.bak").mkdir()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_folder, "is a folder"),
        (a_pipe, "is not a file"),
        (a_loop, "cannot be read: Too many levels of symbolic links. Put that right, then"),
        (huge, "has more than 20 MB. Make it smaller, or write into it by hand"),
        (latin, "is not UTF-8 in line 2"),
        (read_only, "is read-only. Let your account write it, or write into it by hand"),
        (no_backup, "cannot be written: Is a directory. Put that right, or write into it by hand"),
    ],
)
def test_what_cannot_be_used_is_left_as_it_is_and_said(
    file: Path, make: Callable[[Path], None], words: str
) -> None:
    make(file)
    before = state(file)

    with pytest.raises(Unusable) as told:
        change(file, after)

    assert words in str(told.value)
    assert state(file) == before


def test_a_file_with_two_names_stays_one_file(file: Path) -> None:
    other = file.with_name("dotfiles.json")
    other.hardlink_to(file)

    change(file, after)

    assert file.samefile(other)
    assert (other.read_text(), mode(other)) == ("after", mode(file))
    assert file.with_name("config.json.jupyter-mcp.bak").read_text() == "before"


def test_a_file_with_two_names_that_cannot_be_written_to_its_end_has_what_it_had(
    file: Path, tmp_path: Path
) -> None:
    file.with_name("dotfiles.json").hardlink_to(file)
    code = (
        "import resource, sys; from pathlib import Path;"
        "from jupyter_mcp_ext.clients.configuring import file as files;"
        "held = files.read(Path(sys.argv[1]));"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8));"
        "files._overwrite(held, b'x' * 9)"
    )
    command = [sys.executable, "-c", code, str(file)]
    ended = subprocess.run(
        command, env=environment(tmp_path), capture_output=True, text=True, check=False
    )

    assert "OSError: [Errno 27] File too large" in ended.stderr
    assert file.read_text() == "before"


def had_entry(text: str, before: str) -> bool:
    return text == f"{before}+"


def entered(text: str) -> str:
    return f"{text}+"


def test_a_file_goes_back_to_the_bytes_that_it_had_and_leaves_nothing(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    new = file.with_name("new.json")
    for path in (file, new):
        change(path, entered, led_to=had_entry)

    for path in (file, new):
        done = change(path, lambda _: "other", led_to=had_entry, goes_back=True)
        assert (done.is_changed, done.backup) == (True, None)

    assert file.read_bytes() == b"\xef\xbb\xbfa\r\nb\r\n"
    assert names(file.parent) == {file.name}


def test_what_was_there_before_the_entry_stays_kept_when_the_entry_changes(file: Path) -> None:
    change(file, entered, led_to=had_entry)

    done = change(file, after, led_to=had_entry)

    assert done.backup is None
    assert file.with_name("config.json.jupyter-mcp.bak").read_text() == "before"
    assert change(file, entered, led_to=had_entry).backup is not None


def test_a_backup_of_a_person_stays(file: Path) -> None:
    own = file.with_name("config.json.bak")
    own.write_text("mine")

    change(file, after)

    assert own.read_text() == "mine"


def test_a_folder_that_holds_nothing_is_not_made(tmp_path: Path) -> None:
    change(tmp_path / "none/config.json", lambda text: text)

    assert names(tmp_path) == set()


def test_what_the_client_writes_in_between_is_not_lost(file: Path) -> None:
    seen = []

    def more(text: str) -> str:
        seen.append(text)
        if len(seen) == 1:
            file.write_text("by the client")
        return f"{text}, changed"

    change(file, more)

    assert seen == ["before", "by the client"]
    assert file.read_text() == "by the client, changed"


def test_a_file_that_changes_all_the_time_is_left_alone(file: Path) -> None:
    def more(text: str) -> str:
        file.write_text(f"{text}.")
        return "after"

    with pytest.raises(Unusable, match="is being written by another program"):
        change(file, more)

    assert file.read_text().startswith("before.")
    assert names(file.parent) == {file.name}


def test_commands_at_once_lose_nothing(file: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from jupyter_mcp_ext.clients.configuring.file import change;"
        "change(Path(sys.argv[1]), lambda text: text + sys.argv[2])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(file), letter], env=environment(tmp_path))
        for letter in "abcdef"
    ]

    assert [process.wait(60) for process in running] == [0] * 6
    assert sorted(file.read_text().removeprefix("before")) == list("abcdef")
    assert files.NEW_MODE == 0o600
