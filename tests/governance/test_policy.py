"""What operators let users do: tools by user and group, and what people have open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_server.auth.authorizer import AllowAllAuthorizer
from jupyter_server.auth.identity import User
from jupyterhub.singleuser.extension import JupyterHubUser
from traitlets import TraitError
from traitlets.config import Application, Config

from jupyter_mcp_ext.errors import Forbidden
from jupyter_mcp_ext.governance.caller import Principal, groups_of
from jupyter_mcp_ext.governance.policy import McpPolicy, PolicyUnusable
from jupyter_mcp_ext.governance.tool_names import CHANGING, READING, TOOL_NAMES
from tests import users
from tests.mcp_client import McpClient, Result
from tests.servers import JupyterServer

CONFIG = """
c.McpPolicy.tools = ["execute_code", "get_output", "read_file", "list_files", "read_notebook"]
c.McpPolicy.user_tools = {"bob": ["list_files"], "olga": ["create_session", "edit_cell"]}
c.McpPolicy.group_tools = {"staff": ["execute_code", "list_sessions", "run_cells"], "x": []}
c.McpPolicy.disabled_tools = ["read_file"]
c.McpPolicy.disabled_user_tools = {"dora": ["execute_code"]}
c.McpPolicy.disabled_group_tools = {"students": ["execute_code"]}
c.McpPolicy.attach = "listed"
c.McpPolicy.attach_users = ["alice"]
c.McpPolicy.attach_groups = ["staff"]
c.ServerApp.identity_provider_class = "tests.users.GroupedUsers"
"""


def policy(**settings: Any) -> McpPolicy:
    return McpPolicy(AllowAllAuthorizer(), config=Config(McpPolicy=settings))


def principal(name: str, *groups: str) -> Principal:
    member = users.Member(username=name)
    member.groups = groups
    return _principal(member)


def _principal(user: User) -> Principal:
    handler: Any = SimpleNamespace()
    return Principal(subject=user.username, user=user, handler=handler)


def has(policy: McpPolicy, who: Principal) -> set[str]:
    """The tools that a user has."""
    found = set()
    for tool in TOOL_NAMES:
        try:
            policy.check(who, tool)
        except Forbidden:
            continue
        found.add(tool)
    return found


def test_every_tool_is_for_all_unless_something_is_set() -> None:
    assert has(policy(), principal("alice")) == TOOL_NAMES


@pytest.mark.parametrize(
    ("option", "names"),
    [("read_file", {"read_file"}), ("None", TOOL_NAMES)],
)
def test_a_single_tool_can_be_named_on_a_command_line(option: str, names: set[str]) -> None:
    app = Application()  # like Jupyter's own, it does not know the class
    app.parse_command_line([f"--McpPolicy.tools={option}"])

    assert has(McpPolicy(AllowAllAuthorizer(), parent=app), principal("alice")) == names


def test_read_only_leaves_the_tools_that_change_nothing() -> None:
    assert has(policy(read_only=True), principal("alice")) == READING
    with pytest.raises(Forbidden, match=r"execute_code is off.*\(McpPolicy\.read_only\)"):
        policy(read_only=True).check(principal("alice"), "execute_code")


def test_a_user_has_the_tools_that_are_named_for_it_then_for_its_groups_then_for_all() -> None:
    settings = policy(
        tools=["execute_code"],
        user_tools={"bob": ["read_file"], "carl": []},
        group_tools={"a": ["edit_cell"], "b": ["run_cells"]},
    )

    assert has(settings, principal("alice")) == {"execute_code"}
    assert has(settings, principal("alice", "a", "b", "c")) == {"edit_cell", "run_cells"}
    assert has(settings, principal("alice", "c")) == {"execute_code"}
    assert has(settings, principal("bob", "a")) == {"read_file"}
    assert has(settings, principal("carl", "a")) == set()


def test_what_is_disabled_is_off_whatever_is_enabled() -> None:
    settings = policy(
        user_tools={"bob": ["read_file", "write_file", "edit_file"]},
        disabled_tools=["read_file"],
        disabled_user_tools={"bob": ["write_file"]},
        disabled_group_tools={"students": ["edit_file"]},
    )

    assert has(settings, principal("bob")) == {"edit_file"}
    assert has(settings, principal("bob", "students")) == set()


def test_what_jupyterhub_says_of_a_user_is_taken() -> None:
    alice = JupyterHubUser({"name": "alice", "groups": ["staff"], "admin": False})
    root = JupyterHubUser({"name": "root", "groups": [], "admin": True})

    assert _principal(alice).groups == {"staff"}
    assert not policy().is_administrator("alice", alice)
    assert policy(admin_groups=["staff"]).is_administrator("alice", alice)
    assert policy(admin_users=["alice"]).is_administrator("alice", alice)
    assert policy().is_administrator("root", root)
    assert _principal(User("alice")).groups == set()
    assert not policy(admin_groups=["staff"]).is_administrator("alice", User("alice"))


@pytest.mark.parametrize(
    ("given", "groups"),
    [
        ("staff", {"staff"}),
        (["staff", "", None, 3], {"staff"}),
        ({"staff": 1}, {"staff"}),
        (3, set()),
        (None, set()),
        ("", set()),
    ],
)
def test_groups_of_any_form_are_names_or_nothing(given: Any, groups: set[str]) -> None:
    member = users.Member(username="alice")
    member.groups = given

    assert groups_of(member) == groups
    assert not policy(admin_groups=["s"]).is_administrator("alice", member)


def test_who_may_attach_is_all_or_none_or_those_who_are_listed() -> None:
    listed = policy(attach="listed", attach_users=["alice"], attach_groups=["staff"])

    assert policy().may_attach(principal("alice"))
    assert not policy(attach="none").may_attach(principal("alice"))
    assert listed.may_attach(principal("alice"))
    assert listed.may_attach(principal("bob", "staff"))
    assert not listed.may_attach(principal("bob", "students"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tools": ["excute_code"]}, "McpPolicy.tools names 'excute_code', which is no tool"),
        ({"disabled_tools": ["x"]}, "McpPolicy.disabled_tools names 'x'"),
        ({"user_tools": {"bob": ["x"]}}, "McpPolicy.user_tools names 'x'"),
        ({"disabled_group_tools": {"g": ["x"]}}, "McpPolicy.disabled_group_tools names 'x'"),
        ({"admin_groups": [""]}, "names '', which is empty or has spaces around it"),
        ({"admin_users": ["alice", ""]}, "names '', which is empty"),
        ({"disabled_user_tools": {" bob": ["write_file"]}}, "names ' bob'.* spaces around it"),
        ({"group_tools": {"staff\n": []}}, r"names 'staff\\n', which is empty or has spaces"),
        ({"attach_users": ["bob"]}, "no effect while McpPolicy.attach is 'all'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyUnusable, match=words):
        policy(**settings).open()


def test_a_value_that_attach_does_not_have_is_refused() -> None:
    with pytest.raises(TraitError, match="attach"):
        policy(attach="some")


def test_users_who_cannot_exist_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    settings = policy(user_tools={"bob": [], "jupyter": []}, group_tools={"staff": []})

    settings.open(["jupyter"])

    warned = "\n".join(record.getMessage() for record in caplog.records)
    assert "names the user 'bob', who does not exist here. There are: jupyter" in warned
    assert "names the group 'staff'" in warned
    assert "user 'jupyter'" not in warned


@pytest.fixture(scope="module")
def shared(
    start_server: Callable[..., JupyterServer], tmp_path_factory: pytest.TempPathFactory
) -> JupyterServer:
    """A server with the settings above."""
    config = tmp_path_factory.mktemp("config") / "config.py"
    config.write_text(CONFIG)
    return start_server(f"--config={config}", token="alice")


def client(server: JupyterServer, token: str) -> McpClient:
    return McpClient(server, headers={"Authorization": f"Bearer {token}"})


def listed(server: JupyterServer, token: str) -> set[str]:
    answer = client(server, token).request("tools/list")
    return {tool["name"] for tool in answer["tools"]}


def called(server: JupyterServer, token: str, tool: str, **arguments: Any) -> Result:
    return client(server, token).call(tool, **arguments)


def test_clients_are_shown_the_tools_that_they_have(shared: JupyterServer) -> None:
    basic = {"execute_code", "get_output", "list_files", "read_notebook"}

    assert listed(shared, "alice") == basic
    assert listed(shared, "bob@staff") == {"list_files"}
    assert listed(shared, "carol@staff,x") == {"execute_code", "list_sessions", "run_cells"}
    assert listed(shared, "carol@students") == basic - {"execute_code"}
    assert listed(shared, "carol@x") == set()


def test_a_refused_call_names_the_setting_that_decides(shared: JupyterServer) -> None:
    for token, tool, setting in (
        ("alice", "read_file", "disabled_tools"),
        ("alice", "write_file", "tools"),
        ("bob", "execute_code", "user_tools"),
        ("carol@staff", "get_output", "group_tools"),
        ("carol@students", "execute_code", "disabled_group_tools"),
        ("dora", "execute_code", "disabled_user_tools"),
    ):
        refused = called(shared, token, tool, **ARGUMENTS.get(tool, {}))
        assert refused.is_error
        assert f"(McpPolicy.{setting})" in refused.text, refused.text


ARGUMENTS: dict[str, dict[str, Any]] = {
    "read_file": {"path": "a"},
    "write_file": {"path": "a", "content": ""},
    "execute_code": {"code": "1"},
}


def test_a_resource_needs_the_tool_that_shows_the_same(shared: JupyterServer) -> None:
    notebook(shared.root_dir / "seen.ipynb")

    uri = "jupyter://notebooks/seen.ipynb"

    assert client(shared, "alice").request("resources/read", uri=uri)["contents"]
    refused = client(shared, "bob").error("resources/read", uri=uri)
    assert "(McpPolicy.user_tools)" in refused["message"]
    assert client(shared, "bob").request("resources/list")["resources"] == []


def test_who_may_not_attach_neither_sees_nor_changes_what_people_have_open(
    shared: JupyterServer,
) -> None:
    notebook(shared.root_dir / "open.ipynb")
    opened = shared.request(
        "POST",
        json.dumps(
            {"path": "open.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        ).encode(),
        {"Authorization": "Bearer anyone"},
        path="/api/sessions",
    )
    assert opened.status == 201

    own = called(shared, "olga", "create_session", path="open.ipynb")
    edit = called(shared, "olga", "edit_cell", path="open.ipynb", cell="a", source="2")
    used = called(shared, "eva", "execute_code", code="1", session_id="open.ipynb")
    ran = called(shared, "alice", "execute_code", code="6 * 7", session_id="open.ipynb")

    assert "New session" in own.text
    assert "A person has" in edit.text
    assert "(McpPolicy.attach)" in edit.text
    assert "(McpPolicy.attach)" in used.text
    assert "42" in ran.text
    assert "a person's" in called(shared, "carol@staff", "list_sessions").text


def notebook(file: Path) -> None:
    cell = {"id": "a", "cell_type": "code", "source": "1", "metadata": {}, "outputs": []}
    content = {"cells": [{**cell, "execution_count": None}], "metadata": {}}
    file.write_text(json.dumps({**content, "nbformat": 4, "nbformat_minor": 5}))


def test_a_policy_that_names_an_unknown_tool_keeps_mcp_from_being_served(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpPolicy.disabled_tools=run_code", ready="is running at:")
    server.until_answered()

    said = [line for line in server.log if "MCP is not served" in line]
    assert len(said) == 1
    assert "McpPolicy.disabled_tools names 'run_code', which is no tool" in said[0]
    assert server.request("POST", b"{}", server.auth).status == 404


def test_no_tool_is_both_reading_and_changing() -> None:
    assert not READING & CHANGING
