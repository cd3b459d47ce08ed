"""``jupyter mcp audit`` finds what was changed, and shows what was done."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mcp_ext.commands.audit import Audit
from jupyter_mcp_ext.governance.keys import Keys
from jupyter_mcp_ext.governance.trail.chain import PURPOSE
from jupyter_mcp_ext.governance.trail.log_file import Entry
from tests.governance.trail.files import Trail

DAY = 86_400.0
NOON = 1_764_158_400.0
"""2025-11-26T12:00:00Z."""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    key_file = tmp_path / "key"
    key_file.write_text(secrets.token_hex(32))
    key_file.chmod(0o600)
    trail = Trail(tmp_path / "log", key=Keys(key_file, logging.getLogger()).derive(PURPOSE))
    file = trail.open()
    for at, data in (
        (NOON, {"kind": "call", "user": "alice", "tool": "read_file", "session_id": "s1"}),
        (NOON + DAY, {"kind": "call", "user": "bob", "tool": "execute_code", "session_id": "s2"}),
        (NOON + 2, {"kind": "kernel_died", "owner": "alice", "session_id": "s1", "detail": "x y"}),
        (NOON + DAY, {"kind": "call", "user": 'a\n\x1b[2K"\u2028\ud800', "tool": "list_files"}),
    ):
        file.append([Entry(at=at, data=data)])
    return trail


@pytest.fixture
def run(trail: Trail, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*options: str, path: bool = True) -> tuple[int, str, str]:
        named = [f"--head={trail.head}", f"--key-file={trail.folder.parent / 'key'}"]
        given = [*options, *([str(trail.path), *named] if path else [])]
        code = 0
        try:
            command = Audit()
            command.initialize(given)
            command.start()
        except SystemExit as err:
            code = int(err.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_what_is_as_it_was_written_is_said_in_a_line(run: Run) -> None:
    assert run("verify") == (0, "5 records in 1 file, up to number 5, as they were written.\n", "")


def test_the_first_broken_record_is_named_with_its_place(run: Run, trail: Trail) -> None:
    trail.replace([line.replace("bob", "eve") for line in trail.lines])

    code, out, _ = run("verify")

    assert code == 1
    assert out == f"{trail.path}, line 3: record 3: altered: it is not as it was signed.\n"


def test_a_cut_end_is_named(run: Run, trail: Trail) -> None:
    trail.replace(trail.lines[:3])

    code, out, _ = run("verify")

    assert code == 1
    assert out == f"{trail.path}: record 4: truncated at the end: 5 records were written.\n"


def test_a_head_that_is_missing_or_changed_is_named(run: Run, trail: Trail) -> None:
    trail.head.write_text(trail.head.read_text().replace(":5", ":4"))
    changed = run("verify")
    trail.head.unlink()
    missing = run("verify")

    assert changed[0] == missing[0] == 1
    assert "the head is altered, forged, or written with another key" in changed[1]
    assert "the head is missing, so the end of the audit may be too" in missing[1]
    assert run("verify", "--no-head")[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("verify",), "No audit file is configured: set McpAudit.path, or name the file."),
        (("show", "/nowhere/audit"), "[Errno 2] No such file or directory: '/nowhere'."),
        (("show", "nothing"), "There is no audit file "),
        (("show", "--since=soon", __file__), "--since: 'soon' is no time; it can be as in 30m"),
        (("verify", __file__, "--key-file=/nowhere/key"), "There is no key /nowhere/key: name"),
    ],
)
def test_what_cannot_be_checked_is_said_in_a_line(
    run: Run, options: tuple[str, ...], said: str
) -> None:
    code, out, err = run(*options, path=False)

    assert code == 2
    assert out == ""
    assert err.startswith(f"jupyter mcp audit: {said}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [1, 2, 3, 4, 5]),
        (("--user=alice",), [2, 4]),
        (("--session=s2",), [3]),
        (("--tool=read_file",), [2]),
        (("--since=2025-11-27T00:00Z", "--session=s2"), [3]),
        (("--since=2025-11-27T00:00Z",), [1, 3, 5]),
        (("--since=1h",), [1]),
        (("--user=nobody",), []),
    ],
)
def test_records_are_shown_by_user_session_tool_and_time(
    run: Run, options: tuple[str, ...], numbers: list[int]
) -> None:
    code, out, _ = run("show", "--json", *options)
    lines = run("show", *options)[1].splitlines()

    assert code == 0
    assert [json.loads(line)["number"] for line in out.splitlines()] == numbers
    assert [int(line.split()[0]) for line in lines] == numbers


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_is_shown_has_a_line_for_each_record_and_no_control_characters(
    run: Run, trail: Trail, options: tuple[str, ...]
) -> None:
    with trail.path.open("a") as file:
        file.write('{"number":6,"kind":"\x7f\u2028"}\n{"number":7,"kind":"\x1b"}\n')

    _, out, err = run("show", *options)

    assert out.isascii()
    assert len(out.splitlines()) == 6
    assert not {"\x1b", "\x7f"} & {*out}
    assert err == "1 line without a record: verify says more.\n"


def test_the_lines_for_people_are_names_with_values(run: Run) -> None:
    line = run("show", "--tool=execute_code")[1]
    died = run("show", "--user=alice")[1].splitlines()[1]

    assert line == (
        "3  2025-11-27T12:00:00.000000+00:00  call  user=bob  tool=execute_code  session_id=s2\n"
    )
    assert died.endswith(
        'kernel_died  clock="went back by 86398.000 s"  owner=alice  session_id=s1  detail="x y"'
    )
