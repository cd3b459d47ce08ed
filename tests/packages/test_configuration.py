"""The environment that installers get, and how results describe it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mcp_ext.packages.configuration import (
    environment,
    names_index_for_pip,
    names_index_for_uv,
    scrubbed,
)
from jupyter_mcp_ext.sandbox.credentials import Credentials


def test_installers_get_neither_tokens_nor_what_changes_where_they_install() -> None:
    base = {
        "PATH": "/bin",
        "JUPYTER_TOKEN": "x",
        "PIP_TARGET": "/elsewhere",
        "PIP_REQUIREMENT": "/etc/passwd",
        "UV_OVERRIDE": "x",
        "PIP_INDEX_URL": "https://example.org",
        "PIP_CERT": "/a.pem",
    }

    env = environment(base, credentials=Credentials(["JUPYTER_*"]), index_url="")

    assert set(env) & set(base) == {"PATH", "PIP_INDEX_URL", "PIP_CERT"}


@pytest.mark.parametrize(
    ("base", "file"),
    [
        ({"PIP_CERT": "/a.pem"}, "/a.pem"),
        ({"REQUESTS_CA_BUNDLE": "/a.pem"}, "/a.pem"),
        ({"PIP_CERT": "/a.pem", "SSL_CERT_FILE": "/b.pem"}, "/b.pem"),
        ({}, None),
    ],
)
def test_the_certificates_that_pip_trusts_are_trusted_by_uv(
    base: dict[str, str], file: str | None
) -> None:
    assert environment(base, credentials=Credentials(), index_url="").get("SSL_CERT_FILE") == file


def test_the_index_of_the_setting_stands_in_the_place_of_all_others() -> None:
    base = {
        "PIP_EXTRA_INDEX_URL": "https://example.org",
        "PIP_FIND_LINKS": "/wheels",
        "UV_INDEX": "https://example.org",
        "UV_INDEX_MINE_PASSWORD": "x",
        "PIP_CERT": "/a.pem",
    }

    env = environment(base, credentials=Credentials(), index_url="https://index.example")

    assert set(env) & set(base) == {"PIP_CERT"}
    assert env["PIP_INDEX_URL"] == env["UV_DEFAULT_INDEX"] == "https://index.example"
    assert env["PIP_CONFIG_FILE"] == "/dev/null"


@pytest.mark.parametrize("where", ["config/pip/pip.conf", "home/.pip/pip.conf", "prefix/pip.conf"])
def test_an_index_in_pips_files_is_found(tmp_path: Path, where: str) -> None:
    env = {
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CONFIG_DIRS": str(tmp_path / "global"),
        "PIP_CONFIG_FILE": str(tmp_path / "own.conf"),
    }
    file = tmp_path / where
    file.parent.mkdir(parents=True)

    file.write_text("[global]\nindex-url = https://example.org/%(x)s\n")

    assert names_index_for_pip(env, str(tmp_path / "prefix"))
    assert not names_index_for_pip({**env, "PIP_CONFIG_FILE": "/dev/null"}, "")
    assert names_index_for_pip({"PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": "/w"}, "")


def test_an_index_of_uvs_own_is_found(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}

    assert not names_index_for_uv(env)
    assert names_index_for_uv({**env, "UV_INDEX_URL": "https://example.org"})
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").write_text("")
    assert names_index_for_uv(env)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "Looking in https://me:secret@example.org/simple/x",
            "Looking in https://example.org/simple/x",
        ),
        ("Processing /home/me/wheels/six-1.0.whl", "Processing six-1.0.whl"),
        ("at file:///opt/files/six.whl (from app)", "at six.whl (from app)"),
        ("  File '/tmp/build-env/setup.py', line 1", "  File 'setup.py', line 1"),
        ("six 1.0/2.0 and n/a", "six 1.0/2.0 and n/a"),
    ],
)
def test_lines_have_no_credentials_and_no_folders(line: str, shown: str) -> None:
    assert scrubbed(line) == shown
