"""Plans read from a resolver's answer, and what they would break."""

from __future__ import annotations

import json
import sys

import pytest

from jupyter_mcp_ext.packages.plan import (
    Distribution,
    Planned,
    Unreadable,
    conflicts,
    explained,
    hashed,
    of_pip,
    of_uv,
)

UV = """\
Using Python 3.11.7 environment at: v
Resolved 3 packages in 504ms
Would download 3 packages
Would uninstall 1 package
Would install 3 packages
 - idna==3.4
 + idna==3.20
 ~ Typing_Extensions==4.1
 + six @ https://example.org/six-1.17.0-py2.py3-none-any.whl
"""


def test_uvs_answer_is_read() -> None:
    assert [(p.name, p.version, p.pin) for p in of_uv(UV.splitlines())] == [
        ("idna", "3.20", "idna==3.20"),
        ("typing-extensions", "4.1", "typing-extensions==4.1"),
        ("six", "", "six @ https://example.org/six-1.17.0-py2.py3-none-any.whl"),
    ]


def test_an_answer_that_counts_more_than_it_names_is_not_believed() -> None:
    with pytest.raises(Unreadable):
        of_uv(line for line in UV.splitlines() if "idna" not in line)


def test_pips_report_is_read() -> None:
    file = {"url": "https://x/six.whl", "archive_info": {"hashes": {"sha256": "ab"}}}
    commit = {"url": "https://x/r", "vcs_info": {"vcs": "git", "commit_id": "12"}}
    report = {
        "install": [
            {
                "download_info": file,
                "is_direct": False,
                "metadata": {"name": "Six", "version": "1.0", "requires_dist": ["a>1"]},
            },
            {
                "download_info": commit,
                "is_direct": True,
                "metadata": {"name": "r", "version": "2.0"},
            },
        ]
    }

    six, repository = of_pip(json.dumps(report))

    assert (six.pin, six.hashes, six.requires) == ("six==1.0", ("sha256:ab",), ("a>1",))
    assert repository.pin == "r @ git+https://x/r@12"


@pytest.mark.parametrize("report", ["", "[]", "{}", '{"install": [{}]}', '{"install": [1]}'])
def test_a_report_of_another_shape_is_not_believed(report: str) -> None:
    with pytest.raises(Unreadable):
        of_pip(report)


def test_hashes_go_to_the_version_that_they_are_of() -> None:
    planned = (Planned(name="six", version="1.0"), Planned(name="seven", version="2"))
    compiled = [
        "six==1.0 \\",
        "    --hash=sha256:aa \\",
        "    --hash=sha256:bb",
        "seven==1 --hash=sha256:cc",
    ]

    six, seven = hashed(planned, compiled)

    assert six.hashes == ("sha256:aa", "sha256:bb")
    assert seven.hashes == ()


def test_who_needs_whom_is_read_from_uvs_annotations() -> None:
    planned = tuple(Planned(name=name, version="1") for name in ("app", "middle", "leaf"))
    compiled = [
        "Resolved 3 packages",
        "app==1",
        "leaf==1   # via app, middle",
        "middle==1  # via app",
    ]

    assert {each.name: each.requires for each in explained(planned, compiled)} == {
        "app": ("leaf", "middle"),
        "middle": ("leaf",),
        "leaf": (),
    }


def there(*packages: tuple[str, str, str]) -> dict[str, Distribution]:
    return {
        name: Distribution(name=name, version=version, requires=(requires,) if requires else ())
        for name, version, requires in packages
    }


@pytest.mark.parametrize(
    ("needs", "is_broken"),
    [
        ("six<2", True),
        ("Six~=1.0", True),
        ("six", False),
        ("six>=1", False),
        ('six<2; sys_platform == "nowhere"', False),
        ('six<2; extra == "more"', False),
        ("six<1", False),  # broken before
        ("not a requirement", False),
    ],
)
def test_what_would_break_a_package_that_works_is_a_conflict(needs: str, is_broken: bool) -> None:
    before = there(("app", "3.0", needs), ("six", "1.0", ""))

    found = conflicts(before, (Planned(name="six", version="2.0"),), {"sys_platform": sys.platform})

    assert [(c.name, c.gets) for c in found] == ([("app", "2.0")] if is_broken else [])


def test_a_package_that_is_replaced_too_is_not_a_conflict() -> None:
    before = there(("app", "3.0", "six<2"), ("six", "1.0", ""))
    planned = (Planned(name="six", version="2.0"), Planned(name="app", version="4.0"))

    assert conflicts(before, planned, {}) == ()
