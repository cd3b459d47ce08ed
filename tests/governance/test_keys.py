"""The file with the server's secret, and the keys derived from it."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_mcp_ext.governance.keys import SIZE, Keys

LOG = logging.getLogger("keys-test")


def test_the_same_file_gives_the_same_key_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "key"

    first = Keys(path, LOG).derive("sealing")
    second = Keys(path, LOG).derive("sealing")

    assert first == second
    assert len(first) == SIZE


def test_each_purpose_and_each_file_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "key", LOG)

    made = {keys.derive("a"), keys.derive("b"), Keys(tmp_path / "other", LOG).derive("a")}

    assert len(made) == 3


def test_the_file_is_its_owners_and_nothing_else_is_left(tmp_path: Path) -> None:
    Keys(tmp_path / "key", LOG).derive("a")

    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_servers_that_start_at_once_agree(tmp_path: Path) -> None:
    every = [Keys(tmp_path / "key", LOG) for _ in range(16)]

    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda keys: keys.derive("a"), every))

    assert len(made) == 1


@pytest.mark.parametrize("content", ["", "no key", "ab" * (SIZE - 1)])
def test_a_file_that_holds_no_key_is_left_alone_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o600)
    keys = Keys(path, LOG)

    assert len(keys.derive("a")) == SIZE
    assert keys.derive("a") == keys.derive("a")
    assert path.read_text() == content
    assert "holds no key" in caplog.text
    assert caplog.text.count("WARNING") == 1


def test_where_no_file_can_be_made_the_server_works_and_tells(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")

    assert len(Keys(tmp_path / "file" / "key", LOG).derive("a")) == SIZE
    assert "McpApp.key_file" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_key_that_others_can_read_is_used_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "key"
    before = Keys(path, LOG).derive("a")
    path.chmod(0o644)

    assert Keys(path, LOG).derive("a") == before
    assert "chmod 600" in caplog.text
