"""What is installed for one session is added as a whole, in place of what has the same name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from jupyter_mcp_ext.sandbox.overlay import LEFT, PACKAGES, Overlay, Unfit
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder

PYTHON = f"cpython-{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def overlay(tmp_path: Path) -> Overlay:
    made = Overlay(tmp_path / "packages")
    made.prepare()
    return made


def add(
    overlay: Overlay, name: str, version: str, files: Mapping[str, str], *, most: int = 0
) -> None:
    """Install a package with these files."""
    with overlay.new() as new:
        info = f"{name}-{version}.dist-info"
        record = "".join(f"{path},,\n" for path in files)
        for path, text in {**files, f"{info}/RECORD": record}.items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            (new / path).write_text(text)
        overlay.add(new, python=PYTHON, most=most)


def seen(overlay: Overlay) -> dict[str, str]:
    """The files that a kernel sees, without metadata."""
    return {
        path.relative_to(overlay.site.resolve()).as_posix(): path.read_text()
        for path in sorted(overlay.site.resolve().rglob("*"))
        if path.is_file() and path.parent.suffix != ".dist-info"
    }


def run(overlay: Overlay, code: str, **env: str) -> str:
    """What a Python prints that sees the overlay."""
    seen = overlay.seen_with({**os.environ, **env})
    done = subprocess.run(
        [sys.executable, "-c", code], env=seen, capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


def test_packages_are_added_and_replaced_with_all_of_their_files(overlay: Overlay) -> None:
    add(overlay, "one", "1", {"one/a.py": "1", "one/old.py": "1"})
    add(overlay, "two", "1", {"two.py": "1"})
    add(overlay, "One", "2", {"one/a.py": "2"})

    assert seen(overlay) == {"one/a.py": "2", "two.py": "1"}


def test_a_record_that_names_other_files_removes_none_elsewhere(
    overlay: Overlay, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    add(overlay, "one", "1", {"one.py": "1"})
    record = overlay.site / "one-1.dist-info/RECORD"
    record.write_text(f"../../mine.txt,,\n{tmp_path}/mine.txt,,\n")

    add(overlay, "one", "2", {"one.py": "2"})

    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert seen(overlay) == {"one.py": "2"}


@pytest.mark.parametrize("record", ["one.py,," + "x" * 200_000, "\0", '"', "\udc80"])
def test_a_record_that_cannot_be_read_keeps_no_package_from_being_replaced(
    overlay: Overlay, record: str
) -> None:
    add(overlay, "one", "1", {"one.py": "1"})
    with (overlay.site / "one-1.dist-info/RECORD").open("a", errors="surrogateescape") as lines:
        lines.write(record)

    add(overlay, "one", "2", {"one.py": "2"})

    assert seen(overlay) == {"one.py": "2"}


def test_a_file_with_the_name_of_metadata_is_a_file_like_others(overlay: Overlay) -> None:
    add(overlay, "one", "1", {"one.py": "1", "two-0.dist-info": "no folder"})
    add(overlay, "two", "1", {"two.py": "1"})

    assert seen(overlay) == {"one.py": "1", "two.py": "1", "two-0.dist-info": "no folder"}


def test_no_file_is_lost_in_a_folder_that_cannot_be_read(overlay: Overlay, tmp_path: Path) -> None:
    add(overlay, "one", "1", {"one.py": "1"})
    deep = os.open(overlay.site, os.O_RDONLY)
    for _ in range(20):  # so that its path is longer than Linux takes
        os.mkdir("x" * 250, dir_fd=deep)
        deeper = os.open("x" * 250, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    os.close(deep)

    with pytest.raises(OSError, match="File name too long"):
        add(overlay, "two", "1", {"two.py": "1"})
    with pytest.raises(OSError, match="File name too long"):
        Overlay(tmp_path / "other").copy(overlay)

    assert (overlay.site / "one.py").exists()
    assert not (overlay.site / "two.py").exists()
    shutil.rmtree(overlay.folder)  # which pytest cannot


@pytest.mark.parametrize("kind", ["link", "pipe", "large", "metadata", "many"])
def test_what_does_not_fit_leaves_all_as_it_was(
    overlay: Overlay, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(overlay, "one", "1", {"one.py": "1"})
    monkeypatch.setattr("jupyter_mcp_ext.sandbox.overlay.MAX_METADATA", 200)
    monkeypatch.setattr("jupyter_mcp_ext.sandbox.overlay.MAX_FILES", 10)

    with overlay.new() as new:
        (new / "plain.py").write_text("x" * (1000 if kind == "large" else 10))
        (new / "two-1.dist-info").mkdir()
        if kind == "metadata":
            (new / "two-1.dist-info/METADATA").write_text("x" * 201)
        elif kind == "many":
            for number in range(10):
                (new / str(number)).touch()
        if kind == "link":
            (new / "passwd").symlink_to("/etc/passwd")
        elif kind == "pipe":
            os.mkfifo(new / "pipe")
        with pytest.raises(Unfit):
            overlay.add(new, python=PYTHON, most=1000)

    assert seen(overlay) == {"one.py": "1"}
    assert {entry.name for entry in overlay.folder.iterdir()} == {
        *("0", "1", "site", "startup", "python"),
    }


def test_files_that_a_kernel_may_have_found_stay_until_its_next_start(overlay: Overlay) -> None:
    add(overlay, "one", "1", {"one.py": "1"})
    found = (overlay.site / "one.py").resolve()
    add(overlay, "two", "1", {"two.py": "1"})

    assert found.read_text() == "1"
    overlay.prepare()
    assert not found.exists()
    assert seen(overlay) == {"one.py": "1", "two.py": "1"}


def test_of_many_installations_only_the_latest_states_are_kept(overlay: Overlay) -> None:
    for version in range(LEFT + 3):
        add(overlay, "one", str(version), {"one.py": str(version)})

    assert sum(path.name.isdecimal() for path in overlay.folder.iterdir()) == LEFT + 1
    assert seen(overlay) == {"one.py": str(LEFT + 2)}


def test_what_a_server_had_begun_that_was_killed_is_removed(overlay: Overlay) -> None:
    with overlay.new() as new:
        ours = new
        theirs = [overlay.folder / f"new-{pid}.ab-0" for pid in (os.getpid(), os.getppid())]
        for folder in theirs:
            folder.mkdir()
        overlay.prepare()

        assert ours.exists()
        assert not any(folder.exists() for folder in theirs)


def test_a_copy_has_the_packages_and_none_of_what_comes_later(
    overlay: Overlay, tmp_path: Path
) -> None:
    add(overlay, "one", "1", {"one.py": "1"})
    other = Overlay(tmp_path / "other")

    other.copy(overlay)
    add(overlay, "two", "1", {"two.py": "1"})

    assert seen(other) == {"one.py": "1"}


def test_links_in_the_place_of_its_folders_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "packages").symlink_to(outside)

    with pytest.raises(OSError, match="not the folder that this server has made"):
        Overlay(tmp_path / "packages").prepare()
    assert list(outside.iterdir()) == []


def test_a_python_finds_them_after_its_own(overlay: Overlay) -> None:
    assert run(overlay, "import sys; print(sys.path[-1])").strip() == str(overlay.site)
    add(overlay, "pytest", "1", {"pytest.py": "VERSION = 0", "only_here.py": "VERSION = 1"})

    code = "import pytest, only_here; print(hasattr(pytest, 'VERSION'), only_here.VERSION)"

    assert run(overlay, code) == "False 1\n"
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    assert run(overlay, inner) == "False 1\n"


def test_a_python_of_another_version_does_not(overlay: Overlay) -> None:
    add(overlay, "one", "1", {"one.py": ""})
    (overlay.folder / "python").write_text("cpython-3.7")

    assert run(overlay, f"import sys; print({str(overlay.site)!r} in sys.path)") == "False\n"


@pytest.mark.parametrize(
    ("own", "said"), [("print('mine')", "mine\n"), ("1 / 0", "Error in sitecustomize")]
)
def test_a_sitecustomize_of_the_environment_runs_too(
    overlay: Overlay, tmp_path: Path, own: str, said: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(own)
    add(overlay, "one", "1", {"sitecustomize.py": "print('its')", "one.py": ""})

    told = run(overlay, "import one", PYTHONPATH=str(tmp_path))

    assert told.startswith(said)
    assert "its" not in told


def test_it_goes_with_the_folder_of_a_session_that_is_taken_back(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path, "sessions/one")
    folder.make()
    overlay = Overlay(folder.path / PACKAGES)
    overlay.prepare()
    add(overlay, "one", "1", {"one.py": ""})

    folder.discard()

    assert list((tmp_path / "sessions").iterdir()) == []
