"""What a session gets back, and what it says about the rest, over real HTTP."""

from __future__ import annotations

import re
from pathlib import Path

from tests.mcp_client import McpClient
from tests.servers import JupyterServer
from tests.stories import serving


def test_all_that_is_lost_is_listed_with_reasons(server: JupyterServer) -> None:
    client = McpClient(server)
    client.call("create_session", name="lossy")
    client.run(
        "kept = [1]\nfor i in range(30):\n    globals()[f'gen_{i}'] = (n for n in kept)",
        session_id="lossy",
    )
    client.call("shutdown_kernel", session_id="lossy")

    told = " ".join(client.run("kept", session_id="lossy").notices)
    status = client.call("get_kernel_status", session_id="lossy").text

    names = {f"gen_{i}" for i in range(30)}
    found = re.search(r'get_output\("(\w+/lost)"\) lists all (\d+)', told)
    assert found is not None, told
    assert int(found[2]) >= 30
    assert sum(name in status for name in names) >= 15
    assert "generator" in status
    assert f'get_output("{found[1]}", offset=' in status
    first = client.call("get_output", output_id=found[1], limit=20)
    rest = client.call("get_output", output_id=found[1], offset=21)
    assert {n for n in names if re.search(rf"\b{n}\b", first.text + rest.text)} == names
    assert "offset=21" in first.text
    some = client.call("get_output", output_id=found[1], grep="gen_7").text
    assert "gen_7" in some
    assert "gen_8" not in some


def test_a_session_that_has_lost_nothing_says_so(server: JupyterServer) -> None:
    client = McpClient(server)
    client.run("x = 1")
    session_id = client.run("x").execution["session_id"]

    page = client.call("get_output", output_id=f"{session_id}/lost")

    assert "Nothing is known to be missing" in page.text
    assert client.refused("get_output", output_id="aaaaaaaa/lost")


def test_code_that_ran_when_the_server_stopped_is_not_run_again_and_that_is_told(
    tmp_path: Path,
) -> None:
    code = "import time; print('on', flush=True); time.sleep(600)\nTRAINED = True"
    with serving(tmp_path, "--McpSessions.stop_seconds=0.1") as (server, client):
        client.run("KEPT = 1")
        ran = client.run(code, wait=0)
        client.until_printed(ran, "on")
    (said,) = (line for line in server.log if "variables" in line)
    with serving(tmp_path) as (_, client):
        result = client.run("[name for name in ('KEPT', 'TRAINED') if name in globals()]")
        session_id = result.execution["session_id"]
        lost = client.call("get_output", output_id=f"{session_id}/lost").text

    assert result.text.endswith("['KEPT']")
    assert f"{session_id} since its code was still running" in said
    assert any("not saved, since its code was still running" in told for told in result.notices)
    assert f"{ran.id}: " in lost


def test_variables_of_another_key_are_kept_until_that_key_is_there_again(tmp_path: Path) -> None:
    def key(name: str) -> str:
        return f"--McpApp.key_file={tmp_path / name}"

    with serving(tmp_path, key("one")) as (_, client):
        client.run("x = [1]")
    with serving(tmp_path, key("other")) as (_, client):
        other = client.run("y = [2]; 'x' in globals()")
    with serving(tmp_path, key("one")) as (_, client):
        back = client.run("x")

    assert other.text.endswith("False")
    assert any("not made with this server's key" in told for told in other.notices)
    assert back.text.endswith("[1]")
