"""The audit file of a server: what it records, what it refuses, and what is said at the start."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import mcp_types as types
import pytest
from traitlets.config import Config

from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.governance.trail import writer
from jupyter_mcp_ext.governance.trail.place import AuditUnusable
from jupyter_mcp_ext.governance.trail.trail import McpAudit, NotRecorded
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.registry import BY_NAME
from jupyter_mcp_ext.tools.road import run
from tests.engine import ALICE, PRINCIPAL, Engine, running


def made(folder: Path, **settings: Any) -> McpAudit:
    """An audit with its file and head in a folder, not open yet."""
    given = {"path": str(folder / "audit.jsonl"), "head_path": str(folder / "head"), **settings}
    return McpAudit(key=lambda purpose: purpose.encode(), config=Config(McpAudit=given))


def records(audit: McpAudit) -> list[dict[str, Any]]:
    return [json.loads(line) for line in audit.file.read_text().splitlines()]


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[McpAudit]:
    audit = made(folder, **settings)
    audit.open((), is_confined=True)
    try:
        yield audit
    finally:
        await audit.close()


async def test_records_are_written_in_their_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        for number in range(3_000):
            audit.put({"kind": "call", "place": number})
            await audit.room()

    found = [record["place"] for record in records(audit) if record["kind"] == "call"]
    assert found == list(range(3_000))
    assert records(audit)[-1]["kind"] == "closed"


async def test_more_than_may_wait_is_counted_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST", 0)
    async with opened(tmp_path) as audit:
        audit.put({"kind": "call"})
        audit.put({"kind": "call"})
        monkeypatch.setattr(writer, "MOST", 10)
        audit.put({"kind": "call"})

    kinds = [(record["kind"], record.get("records")) for record in records(audit)]
    assert ("lost", 2) in kinds


async def test_what_cannot_be_written_is_refused_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    async with opened(folder, head_path=str(tmp_path / "head"), fail_closed=True) as audit:
        assert await audit.begin(lambda: {"kind": "begin"}) == 2
        shutil.rmtree(folder)

        for _ in range(2):
            with pytest.raises(NotRecorded, match=r"cannot be written: there is no folder"):
                await audit.begin(lambda: {"kind": "begin"})
        with pytest.raises(NotRecorded, match=r"Tell its operator"):
            await audit.answer({"kind": "call"})
        assert audit.fault.startswith("there is no folder")
        folder.mkdir()
        await audit.begin(lambda: {"kind": "begin"})
        await audit.answer({"kind": "call"})

        kinds = [record["kind"] for record in records(audit)]
        assert kinds == ["opened", "lost", "begin", "call"]
        assert records(audit)[1]["records"] == 3
        assert audit.fault == ""
    assert caplog.text.count("The audit file cannot be written: there is no folder") == 1
    assert caplog.text.count("The audit file can be written again.") == 1


async def test_without_fail_closed_calls_go_on_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    async with opened(folder, head_path=str(tmp_path / "head")) as audit:
        shutil.rmtree(folder)
        assert await audit.begin(lambda: {"kind": "begin"}) is None
        await audit.answer({"kind": "call"})


class Slow:
    """What takes its time to be written."""

    def __init__(self) -> None:
        self.go_on = Event()

    def __str__(self) -> str:
        self.go_on.wait()
        return "slow"


async def test_a_disk_that_does_not_answer_does_not_keep_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.governance.trail.trail.PATIENCE", 0.01)
    slow = Slow()
    async with opened(tmp_path, fail_closed=True) as audit:
        audit.put({"kind": "call", "slow": slow})

        with pytest.raises(NotRecorded, match=r"has not answered for 0.01 s"):
            await audit.begin(lambda: {"kind": "begin"})
        slow.go_on.set()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"path": "{0}"}, "McpAudit.path '{0}' cannot be used: it is a folder; name another path"),
        ({"path": "{0}/none/a"}, "cannot be used: there is no folder '{0}/none'; make it"),
        ({"path": "/dev/null"}, "cannot be used: it is no regular file; name another path"),
        ({"path": "{0}/root/a"}, "McpAudit.path '{0}/root/a' is in '{0}/root', where agents can"),
        ({"path": "{0}/link/a"}, "McpAudit.path '{0}/link/a' is in '{0}/root', where agents can"),
        ({"head_path": "{0}/root/h"}, "McpAudit.head_path '{0}/root/h' is in '{0}/root', where"),
        (
            {"head_path": "{0}/none/h"},
            "there is no folder '{0}/none'; make it",
        ),
    ],
)
def test_a_path_that_cannot_be_used_is_named_at_the_start(
    tmp_path: Path, settings: Mapping[str, str], said: str
) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "link").symlink_to("root")
    audit = made(tmp_path, **{k: v.format(tmp_path) for k, v in settings.items()})

    with pytest.raises(AuditUnusable) as raised:
        audit.open((tmp_path / "root",), is_confined=True)

    assert said.format(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_code_without_a_sandbox_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = made(tmp_path)
    audit.open((), is_confined=False)
    await audit.close()

    assert "set McpSandbox.mode" in caplog.text


@dataclass(frozen=True)
class Recorded:
    """Services with an audit file."""

    engine: Engine

    async def call(self, name: str, caller: Caller = ALICE, /, **arguments: Any) -> str:
        """Call a tool; its text."""
        call = Call(services=self.engine.services, caller=caller, principal=PRINCIPAL)
        result = await run(BY_NAME[name], arguments, call)
        assert isinstance(result, types.CallToolResult)
        return "\n".join(b.text for b in result.content if isinstance(b, types.TextContent))

    @property
    def trail(self) -> McpAudit:
        """The audit file."""
        return self.engine.services.audit.trail


@asynccontextmanager
async def recording(serverapp: Any, folder: Path, **settings: Any) -> AsyncIterator[Recorded]:
    given = {"path": str(folder / "audit.jsonl"), "head_path": str(folder / "head"), **settings}
    serverapp.config.McpAudit = Config(given)
    try:
        async with running(serverapp) as engine:
            engine.services.audit.trail.open((), is_confined=True)
            yield Recorded(engine)
    finally:
        del serverapp.config["McpAudit"]


async def test_a_call_and_the_life_of_its_session_are_recorded(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    code = "print('s3cret')"
    async with recording(jp_serverapp, tmp_path) as server:
        await server.call("execute_code", code=code)
        session = await server.engine.session()
        await server.engine.services.sessions.shutdown(session, by="test", now=True)

    found = records(server.trail)
    kinds = [record["kind"] for record in found]
    assert kinds[:4] == ["opened", "session_made", "kernel_started", "call"]
    assert "kernel_ended" in kinds
    [call] = [record for record in found if record["kind"] == "call"]
    assert call["code_sha256"] == sha256(code.encode()).hexdigest()
    assert call["code_length"] == len(code)
    assert "s3cret" not in server.trail.file.read_text()
    ended = found[kinds.index("kernel_ended")]
    assert (ended["session_id"], ended["owner"]) == (call["session_id"], "alice")


async def test_what_changes_something_is_recorded_before_it_begins(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    async with recording(jp_serverapp, tmp_path, fail_closed=True, code=True) as server:
        said = await server.call(
            "execute_code", code=f"print(open({str(server.trail.file)!r}).read())", wait=50
        )
        await server.call("list_sessions")

    found = records(server.trail)
    [begun] = [record for record in found if record["kind"] == "begin"]
    calls = [record for record in found if record["kind"] == "call"]
    assert '"kind":"begin"' in said
    assert begun["code"].startswith("print(open(")
    assert [(call["tool"], call.get("begun")) for call in calls] == [
        ("execute_code", begun["number"]),
        ("list_sessions", None),
    ]


async def test_nothing_is_done_that_cannot_be_recorded(jp_serverapp: Any, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    async with recording(jp_serverapp, folder, fail_closed=True) as server:
        folder.rename(tmp_path / "away")

        for tool, arguments in {"execute_code": {"code": "1"}, "list_sessions": {}}.items():
            said = await server.call(tool, **arguments)
            assert said.startswith("Error: This server does nothing that it cannot record")
        assert jp_serverapp.kernel_manager.list_kernel_ids() == []
        (tmp_path / "away").rename(folder)
        assert not (await server.call("list_sessions")).startswith("Error")


async def test_no_name_of_a_client_can_forge_a_line(jp_serverapp: Any, tmp_path: Path) -> None:
    forger = Caller(subject="a", username='a\n{"kind":"x"}\u2028\x1b[2K\ud800\0', client="b\r\n")
    async with recording(jp_serverapp, tmp_path) as server:
        await server.call("list_sessions", forger)
        await server.call("read_file", forger, path='x\n"\u2028\0\ud800')

    data = server.trail.file.read_bytes()
    assert data.isascii()
    calls = [record for record in records(server.trail) if record["kind"] == "call"]
    assert {call["user"] for call in calls} == {forger.username}
    assert len(data.splitlines()) == len(records(server.trail))


class Unspeakable:
    """What no record can be made of."""

    def __str__(self) -> str:
        msg = "no words"
        raise RuntimeError(msg)


async def test_what_no_record_can_be_made_of_is_lost_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, fail_closed=True) as audit:
        with pytest.raises(NotRecorded, match="a record could not be made"):
            await audit.answer({"kind": "call", "what": Unspeakable()})
        assert audit.fault
        await audit.answer({"kind": "call"})
        assert audit.fault == ""

    assert [record["kind"] for record in records(audit)] == ["opened", "lost", "call", "closed"]
    assert "no words" in caplog.text
