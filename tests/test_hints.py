"""Notices for which a kernel is asked: near misses of errors, and stale modules."""

from __future__ import annotations

import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    """A client whose first result, which names the folder, is behind it."""
    client = McpClient(server, name="hinted")
    client.run("import json; prices = {'apple': 1}; before = set(globals())")
    return client


def test_an_error_says_what_was_nearly_named(client: McpClient) -> None:
    assert client.run("prices['aple']").notices == [
        "prices has no key 'aple': did you mean 'apple'?"
    ]
    assert client.run("def f(d): return d['aple']\nf(prices)").notices == [
        "d has no key 'aple': did you mean 'apple'?"
    ]
    assert client.run("pricees").notices == ["there is no 'pricees': did you mean 'prices'?"]


def test_being_asked_leaves_no_trace(client: McpClient) -> None:
    count = client.run("prices['aple']").execution["execution_count"]
    after = client.run("print(sorted(n for n in set(globals()) - before if n[:2] != '_i'))")

    assert after.execution["execution_count"] == count + 1
    assert after.text.splitlines()[-1] in ("['before']", "['before', 'f']")


def test_code_that_ends_well_has_no_such_notice(client: McpClient) -> None:
    assert client.run("prices['apple']").notices == []
    assert client.run("try: prices['aple']\nexcept KeyError: pass").notices == []


def test_a_missing_file_that_lies_in_the_root_says_so(server: JupyterServer) -> None:
    client = McpClient(server, name="hinted-folder")
    (server.root_dir / "hinted.csv").write_text("a\n1\n")
    client.call("write_file", path="hinted/empty", content="")
    client.call("create_session", name="hinted-folder", cwd="hinted")
    client.run("1", session_id="hinted-folder")

    [notice] = client.run("open('hinted.csv')", session_id="hinted-folder").notices

    assert "is in Jupyter's root folder" in notice
    where = notice.rpartition(" ")[2]
    assert client.run(f"open({where}).read()", session_id="hinted-folder").status == "ok"


def test_a_module_that_a_file_tool_has_changed_is_said_to_be_stale(client: McpClient) -> None:
    client.call("write_file", path="shoplib.py", content="def price(): return 1\n")
    assert client.run("import shoplib").notices == []
    client.call(
        "edit_file", path="shoplib.py", old_string="return 1", new_string="return 22"
    )  # another size: Python keeps bytecode by size and second

    stale = client.run("shoplib.price()")

    assert stale.text.splitlines()[-1] == "1"
    [notice] = stale.notices
    assert "importlib.reload(shoplib)" in notice
    assert "restart_kernel" in notice
    assert client.run("shoplib.price()").notices == []
    reloaded = client.run("import importlib; importlib.reload(shoplib).price()")
    assert (reloaded.notices, reloaded.text.splitlines()[-1]) == ([], "22")


def test_a_module_that_was_loaded_after_its_change_is_not_stale(client: McpClient) -> None:
    client.call("write_file", path="laterlib.py", content="x = 1\n")
    client.call("write_file", path="laterlib.py", content="x = 22\n")

    assert client.run("import laterlib").notices == []
    assert client.run("laterlib.x").notices == []
    client.call("write_file", path="laterlib.py", content="x = 333\n")
    assert client.run("import importlib; importlib.reload(laterlib)").notices == []
    assert client.run("laterlib.x").notices == []


def test_a_module_that_the_code_itself_has_changed_is_stale_too(client: McpClient) -> None:
    client.run("%%writefile ownlib.py\nx = 1")
    client.run("import ownlib")
    client.run("%%writefile ownlib.py\nx = 22")

    [notice] = client.run("ownlib.x").notices

    assert "importlib.reload(ownlib)" in notice


def test_what_autoreload_takes_up_is_not_stale(server: JupyterServer) -> None:
    client = McpClient(server, name="hinted-autoreload")
    client.call("write_file", path="autolib.py", content="x = 1\n")
    client.run("%load_ext autoreload\n%autoreload 2\nimport autolib")
    client.call("write_file", path="autolib.py", content="x = 22\n")

    assert client.run("autolib.x").notices == []
