"""A session's record that another program wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_mcp_ext.sessions.disk.record import KernelProcess, SessionRecord, UnusableRecord, parse

KEY = b"k" * 32
RECORD = SessionRecord(
    id="k7m2q9xw",
    jupyter_id="k7m2q9xw-0000-4000-8000-000000000000",
    name="work",
    owner="alice",
    client="tests",
    kernel_name="python3",
    path="mcp-sessions/k7m2q9xw/work.ipynb",
    cwd="mcp-sessions/k7m2q9xw",
    restore="snapshot",
    created=1.0,
    last_used=2.0,
    last_line="a\tb",
    kernel=KernelProcess(kernel_id="1", pid=7, created=1.0),
)


def forged(**known: Any) -> bytes:
    return json.dumps({**json.loads(RECORD.to_bytes(KEY)), **known}).encode()


def test_a_record_of_this_server_is_read_as_it_was_written() -> None:
    assert parse(RECORD.to_bytes(KEY), KEY) == (RECORD, True)


@pytest.mark.parametrize(
    "known",
    [
        {"name": "work\n[ok] all is well"},
        {"name": "x" * 10_000},
        {"name": ["work"]},
        {"client": "tests\u202e"},
        {"kernel_name": "\x1b[2J"},
        {"cwd": "a\rb"},
        {"created": float("inf")},
        {"created": float("nan")},
        {"last_used": 10**400},
        {"last_used": -1},
        {"last_used": "1"},
        {"restore": "always"},
        {"kernel": {"kernel_id": "1", "pid": -1, "created": 1.0}},
        {"kernel": {"kernel_id": "1", "pid": 10**30, "created": 1.0}},
        {"kernel": {"kernel_id": "1", "pid": 7}},
        {"kernel": {"kernel_id": "1", "pid": 7, "created": 1.0, "more": 1}, "name": 1},
    ],
)
def test_a_forged_record_is_checked_by_its_form(known: dict[str, Any]) -> None:
    with pytest.raises(UnusableRecord):
        parse(forged(**known), KEY)


def test_a_last_line_of_another_program_is_one_line() -> None:
    record, is_signed = parse(forged(last_line="a\n! b", had_kernel="yes"), KEY)

    assert (record.last_line, record.had_kernel, is_signed) == ("a! b", False, False)
