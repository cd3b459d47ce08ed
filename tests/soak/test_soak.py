"""The soak with few users and as few rounds as have each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.soak import Soak


@pytest.mark.timeout(600)  # it waits for code that it times out and for servers that it kills
def test_users_lose_nothing_by_faults_of_the_machine_and_the_server_holds_no_more_later(
    tmp_path: Path,
) -> None:
    figures = Soak(tmp_path, users=3, lives=2).run(seconds=0)

    figures.check()
    assert figures.did["read again"]
    assert figures.faults["server killed"] == 1
