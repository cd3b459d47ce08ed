"""What a real kernel in the sandbox reaches: listed hosts, over TLS, and nothing beside them."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from .internet import DATA, INDEX, OWN, PRIVATE, inside

REFUSED = "Tunnel connection failed: 403 This host"


USERS = [None, 12_346] if os.getuid() == 0 else [None]


@pytest.fixture(scope="module", params=USERS, ids=["as this user", "as an ordinary user"])
def said(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("internet")
    printed = inside("tests.sandbox.reached", folder, user=request.param)
    return dict(map(json.loads, printed.splitlines()))


@pytest.mark.parametrize(
    ("program", "got"),
    [("urllib", "52428800"), ("requests", "200"), ("pip", "1.0"), ("curl", "1048576")],
)
def test_programs_reach_listed_hosts(said: dict[str, str], program: str, got: str) -> None:
    assert said[program].splitlines()[-1] == got


@pytest.mark.parametrize(
    ("tried", "answer"),
    [
        ("private", f"{REFUSED} has no public address"),
        ("own", f"{REFUSED} has no public address"),
        ("another port", f"{REFUSED} is not among those that this sandbox may reach"),
        ("not listed", f"{REFUSED} is not among those that this sandbox may reach"),
        ("without the proxy", "gaierror"),
    ],
)
def test_they_reach_nothing_else(said: dict[str, str], tried: str, answer: str) -> None:
    assert said[tried] == answer


def test_the_log_has_hosts_as_they_are_listed_and_no_text_of_the_code(
    said: dict[str, str],
) -> None:
    counts: Counter[tuple[str, str]] = Counter()  # which are told every ten seconds
    line = re.compile(r"Connections of kernel \S+ to (.+): (\d+) (.+)$", re.MULTILINE)
    for host, count, outcome in line.findall(said["log"]):
        counts[host, outcome] += int(count)

    assert counts.pop((f"{INDEX}:443", "allowed")) >= 1
    assert counts == {
        (f"{DATA}:443", "allowed"): 3,
        (f"{PRIVATE}:443", "not public"): 1,
        (f"{OWN}:443", "not public"): 1,
        ("other hosts", "not listed"): 2,
    }
    assert "secret-of-code" not in said["log"]
