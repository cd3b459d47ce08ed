from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.paths import contents_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    (tmp_path / "root-of-another").mkdir()
    return root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.ipynb", "a.ipynb"),
        ("data/a.ipynb", "data/a.ipynb"),
        ("./data//./a.ipynb", "data/a.ipynb"),
        ("data/", "data"),
        (".", ""),
        ("new/folders/a b.ipynb", "new/folders/a b.ipynb"),
        ("données/Ünïcode 数据.ipynb", "données/Ünïcode 数据.ipynb"),
        ("..data/a..b", "..data/a..b"),
        (".hidden/a", ".hidden/a"),
        ("100%/a%2e%2e", "100%/a%2e%2e"),
    ],
)
def test_a_relative_path_is_an_api_path_without_its_dots_and_doubled_slashes(
    root: Path, path: str, expected: str
) -> None:
    assert contents_path(path, root) == expected
    assert contents_path(path, None) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "  ",
        "..",
        "../a",
        "../../outside.ipynb",
        "data/../a",
        "data/..",
        "data/../../outside",
        "..\\..\\outside",
        "data\\a",
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "\ud800",
        "~/a.ipynb",
        "~",
        "/etc/passwd",
        "//etc/passwd",
        "/",
        "/../etc/passwd",
    ],
)
def test_a_path_that_is_not_below_the_root_is_refused(root: Path, path: str) -> None:
    for where in (root, None):
        with pytest.raises(ContentsError):
            contents_path(path, where)


def test_an_absolute_path_beneath_the_root_is_understood(root: Path) -> None:
    assert contents_path(f"{root}/data/new.csv", root) == "data/new.csv"
    assert contents_path(f"{root}/", root) == ""


def test_an_absolute_path_may_call_the_root_by_the_name_of_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)

    assert contents_path(f"{link}/data/a", root) == "data/a"
    assert contents_path(f"{root}/data/a", link) == "data/a"


def test_a_folder_whose_name_only_begins_like_the_root_is_elsewhere(root: Path) -> None:
    with pytest.raises(ContentsError):
        contents_path(f"{root}-of-another/a", root)


def test_a_refusal_names_no_path_outside_the_root(root: Path) -> None:
    (root / "way-out").symlink_to(root.parent / "secrets")

    for path in ("/home/someone/secrets", "way-out/key"):
        with pytest.raises(ContentsError) as refusal:
            contents_path(path, root)
        assert "secrets" not in str(refusal.value)
        assert str(root.parent) not in str(refusal.value)


@pytest.mark.parametrize("target", ["../root-of-another", "/etc", "../not-yet-there"])
def test_a_link_out_of_the_root_is_not_followed(root: Path, target: str) -> None:
    (root / "link").symlink_to(target)

    for path in ("link", "link/a.ipynb", f"{root}/link/a.ipynb"):
        with pytest.raises(ContentsError, match="symbolic link"):
            contents_path(path, root)


def test_a_link_to_a_link_out_of_the_root_is_not_followed(root: Path) -> None:
    (root / "data" / "first").symlink_to("../second")
    (root / "second").symlink_to(root.parent)

    with pytest.raises(ContentsError, match="symbolic link"):
        contents_path("data/first/root-of-another/x", root)


def test_a_link_within_the_root_is_followed(root: Path) -> None:
    (root / "link").symlink_to("data")

    assert contents_path("link/a.ipynb", root) == "link/a.ipynb"


def test_a_link_to_itself_fails_when_it_is_opened(root: Path) -> None:
    (root / "loop").symlink_to("loop")

    assert contents_path("loop", root) == "loop"


def test_a_root_that_is_the_disk_itself_has_everything_beneath_it() -> None:
    assert contents_path(os.fspath(Path("/etc/hosts")), Path("/")) == "etc/hosts"


def test_an_absurdly_long_path_is_not_repeated_in_full(root: Path) -> None:
    with pytest.raises(ContentsError) as refusal:
        contents_path("../" + "x" * 10_000, root)

    assert len(str(refusal.value)) < 500
