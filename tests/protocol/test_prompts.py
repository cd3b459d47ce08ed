"""Prompts, and the completion of their arguments and of URIs, over HTTP on a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_mcp_ext.protocol.completion import MAX_NAMES, MAX_VALUES
from jupyter_mcp_ext.tools.registry import BY_NAME
from tests import users
from tests.mcp_client import ERAS, McpClient, proposed_calls
from tests.servers import JupyterServer

BOB = {"Authorization": "Bearer bob"}
ARGUMENTS = {
    "analyse_file": {"path": "data/a b.csv", "question": "Which month was best?"},
    "continue_session": {"session": "churn model", "goal": "Plot it."},
    "explain_notebook": {"path": 'sub/"x".ipynb', "question": "Is it right?"},
    "clean_up_notebook": {"path": 'sub/"x".ipynb', "wish": "Shorter, please."},
}
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A server with named users, and files."""
    server = start_server(users.OPTION, token="alice")
    for path in ("first.ipynb", "first.csv", "folder/in [1].ipynb", "folder/in2.ipynb"):
        file = server.root_dir / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(NOTEBOOK)
    for path in (".hidden.ipynb", "secrets.json"):
        (server.root_dir / path).write_text(NOTEBOOK)
    return server


@pytest.fixture(params=ERAS)
def client(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client of each era."""
    return McpClient(server, request.param, name=request.node.name)


def prompt(client: McpClient, name: str, **arguments: str) -> str:
    """The words of a prompt."""
    [message] = client.request("prompts/get", name=name, arguments=arguments)["messages"]
    assert message["role"] == "user"
    assert message["content"]["type"] == "text"
    return str(message["content"]["text"])


def completed(
    client: McpClient, ref: str, argument: str, value: str, **more: Any
) -> dict[str, Any]:
    """The completion of an argument of a prompt, or of a template's URI."""
    kind = (
        {"type": "ref/resource", "uri": ref}
        if "://" in ref
        else {"type": "ref/prompt", "name": ref}
    )
    named = {"name": argument, "value": value}
    completion: dict[str, Any] = client.request(
        "completion/complete", ref=kind, argument=named, **more
    )["completion"]
    return completion


def paths(client: McpClient, value: str) -> list[str]:
    found: list[str] = completed(client, "jupyter://notebooks/{path}", "path", value)["values"]
    return found


def test_the_prompts_are_listed_with_their_arguments(client: McpClient) -> None:
    listed = client.request("prompts/list")

    assert {p["name"]: {a["name"] for a in p["arguments"]} for p in listed["prompts"]} == {
        name: set(arguments) for name, arguments in ARGUMENTS.items()
    }
    assert all(prompt["description"] and prompt["title"] for prompt in listed["prompts"])
    if client.is_new:
        assert listed["ttlMs"] == 300_000


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS.items())
def test_a_prompt_says_what_the_person_wants(
    client: McpClient, name: str, arguments: dict[str, str]
) -> None:
    text = prompt(client, name, **arguments)

    (needed, value), (_, wish) = arguments.items()
    assert json.dumps(value) in text
    assert wish in text
    assert prompt(client, name, **{needed: value}) == text.replace(f" {wish}", "")


def test_each_prompt_is_one_command_without_spaces(client: McpClient) -> None:
    """Clients show prompts as ``/mcp__jupyter__analyse_file`` or ``/analyse_file``."""
    prompts = client.request("prompts/list")["prompts"]

    assert 2 <= len(prompts) <= 4
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", prompt["name"]) for prompt in prompts)


WORK = [
    {"cell_type": "markdown", "source": "Sums"},
    "import statistics",
    "mean = statistics.mean([1, 2, 3])\nmean",
    "unused = 1",
]
"""The notebook that prompts are followed with."""

CODE = "frame = [line.split(',') for line in open('followed.csv')]"
"""What a model runs where a prompt says ``execute_code``."""


class Follower:
    """Does what a prompt says, literally, as a model would."""

    def __init__(self, client: McpClient, notebook: str, session: str) -> None:
        self.client = client
        self.notebook = notebook
        self.session = session
        self.handles: list[str] = []
        self.made: list[str] = []

    def follow(self, text: str) -> None:
        """Make each call that the text spells out; where it only names a tool, a fitting one."""
        tools = "|".join(BY_NAME)
        for found in re.finditer(rf"\b({tools})\b(\((?:[^()]|\(\))*\))?", text):
            name, spelled = found.groups()
            if spelled is None:
                arguments = self.fitting(name)
            else:
                [proposed] = proposed_calls(found[0], name)
                arguments = self.client.named(proposed)
            result = self.client.call_with(name, arguments)
            assert not result.is_error, (found[0], result.text)
            assert "[error]" not in result.text, (found[0], result.text)
            self.made.append(name)
            notebook = result.meta.get("jupyter-mcp-ext/notebook", {})
            if name == "read_notebook" and notebook["cells"]:
                self.handles = [cell["handle"] for cell in notebook["cells"]]

    def fitting(self, name: str) -> dict[str, Any]:
        """Arguments for a tool that is named without any."""
        session = {"session_id": self.session} if self.session else {}
        known: dict[str, dict[str, Any]] = {
            "execute_code": {"code": CODE, **session},
            "inspect_variable": {"name": "frame", **session},
            "read_notebook": {"path": self.notebook, "view": "outline"},
            "move_cells": {"path": self.notebook, "cells": self.handles[1:2], "after": "start"},
            "edit_cell": {
                "path": self.notebook,
                "cell": self.handles[2] if len(self.handles) > 2 else "",
                "old_string": "statistics.mean",
                "new_string": "statistics.fmean",
            },
            "delete_cells": {"path": self.notebook, "cells": self.handles[3:4]},
        }
        return known[name]


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("analyse_file", "followed.csv"),
        ("continue_session", "followed"),
        ("continue_session", "{notebook}"),
        ("explain_notebook", "{notebook}"),
        ("clean_up_notebook", "{notebook}"),
    ],
)
def test_a_prompt_can_be_followed_literally(client: McpClient, name: str, argument: str) -> None:
    root = client.server.root_dir
    (root / "followed.csv").write_text("month,sales\n1,2\n")
    notebook = f"{name}-{client.version}.ipynb"  # another client's kernel is not restarted
    client.call("create_notebook", path=notebook, cells=WORK)
    session = ""
    if argument == "followed":
        client.call("create_session", name="followed", cwd=".")
        client.run(CODE, session_id="followed")
        session = "followed"
    needed = next(iter(ARGUMENTS[name]))
    arguments = {needed: argument.format(notebook=notebook)}
    text = prompt(client, name, **arguments)

    follower = Follower(client, notebook, session)
    follower.follow(text)

    assert len(follower.made) >= 2
    words = {word.strip("`.,:;()") for word in text.split()}
    is_identifier = {w for w in words if "_" in w and w.isidentifier()}
    assert is_identifier <= set(BY_NAME), "names that are no tools"


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("analyze_file", {}, "Did you mean 'analyse_file'"),
        ("x" * 5_000, {}, "There are: analyse_file, continue_session, explain_notebook, clean_up"),
        ("analyse_file", {}, "needs the argument 'path'"),
        ("analyse_file", {"path": " "}, "needs the argument 'path'"),
        ("analyse_file", {"path": "a", "goal": "b"}, "has no argument 'goal'"),
        ("explain_notebook", {"path": "a" * 20_000}, "over 10000 characters"),
    ],
)
def test_what_is_wrong_with_a_prompt_is_said(
    client: McpClient, name: str, arguments: dict[str, str], why: str
) -> None:
    error = client.error("prompts/get", name=name, arguments=arguments)

    assert error["code"] == -32602
    assert why in error["message"]
    assert len(error["message"]) < 500


def test_paths_of_notebooks_are_completed_folder_by_folder(client: McpClient) -> None:
    assert paths(client, "fi") == ["first.ipynb"]
    assert "folder/" in paths(client, "fo")
    assert paths(client, "folder/") == ["folder/in [1].ipynb", "folder/in2.ipynb"]
    assert paths(client, "folder/in [") == ["folder/in [1].ipynb"]
    assert {"first.ipynb", "folder/"} <= set(paths(client, ""))


def test_a_completed_path_can_be_read(client: McpClient) -> None:
    [path] = paths(client, "folder/in [1")

    contents = client.request("resources/read", uri=f"jupyter://notebooks/{path}")["contents"]

    assert json.loads(contents[0]["text"]) == json.loads(NOTEBOOK)


def test_braces_in_a_path_are_characters_of_it(client: McpClient) -> None:
    folder = client.server.root_dir / "braces"
    folder.mkdir(exist_ok=True)
    for name in ("x1", "x2", "x{1,2}", "x{1,2}{3,4}"):
        (folder / f"{name}.ipynb").touch()

    assert paths(client, "braces/x{1,2}") == ["braces/x{1,2}.ipynb", "braces/x{1,2}{3,4}.ipynb"]


def test_notebooks_among_many_files_and_folders_are_completed(client: McpClient) -> None:
    folder = client.server.root_dir / "crowd"
    if not folder.exists():
        for number in range(MAX_NAMES):
            (folder / f"a{number}").mkdir(parents=True)
            (folder / f"a{number}.csv").touch()
        (folder / "b.ipynb").touch()

    found = completed(client, "jupyter://notebooks/{path}", "path", "crowd/")

    assert found["values"][0] == "crowd/b.ipynb"
    assert (found["total"], found["hasMore"]) == (MAX_NAMES + 1, True)


def test_prompts_complete_the_files_that_they_take(client: McpClient) -> None:
    assert completed(client, "analyse_file", "path", "fir")["values"] == [
        "first.csv",
        "first.ipynb",
    ]
    assert completed(client, "explain_notebook", "path", "fir")["values"] == ["first.ipynb"]
    assert completed(client, "clean_up_notebook", "wish", "x")["values"] == []


def test_sessions_are_completed_to_go_on_with(client: McpClient) -> None:
    session_id = client.run("1").execution["session_id"]

    by_name = completed(client, "continue_session", "session", client.name)
    by_path = completed(client, "continue_session", "session", "fir")

    assert by_name["values"][0] == session_id
    assert by_path["values"] == ["first.ipynb"]
    assert completed(client, "continue_session", "goal", "x")["values"] == []


@pytest.mark.parametrize(
    "value",
    [
        "../",
        "/etc/pas",
        "nowhere/x",
        "first.csv/",
        ".hid",
        "secr",
        "~/",
        "a\0",
        "*",
        "[",
        "a" * 9_000,
    ],
)
def test_what_may_not_be_read_is_not_completed(client: McpClient, value: str) -> None:
    assert completed(client, "analyse_file", "path", value)["values"] == []


def test_ids_are_completed_for_their_owner_only(client: McpClient) -> None:
    ran = client.run("1")
    session_id = ran.execution["session_id"]
    bob = McpClient(client.server, client.version, headers=BOB)
    templates = {"jupyter://executions/{id}": ran.id, "jupyter://sessions/{id}": session_id}

    for template, known in templates.items():
        assert completed(client, template, "id", known[:5])["values"] == [known]
        assert completed(bob, template, "id", "")["values"] == []
    assert completed(client, "jupyter://sessions/{id}", "id", client.name)["values"] == [session_id]


def test_many_values_are_cut(client: McpClient) -> None:
    folder = client.server.root_dir / "many"
    folder.mkdir(exist_ok=True)
    for number in range(MAX_VALUES + 20):
        (folder / f"n{number:03}.ipynb").touch()

    found = completed(client, "jupyter://notebooks/{path}", "path", "many/n")

    assert found["values"] == [f"many/n{number:03}.ipynb" for number in range(MAX_VALUES)]
    assert (found["total"], found["hasMore"]) == (MAX_VALUES + 20, True)


@pytest.mark.parametrize(
    ("ref", "argument", "why"),
    [
        ("no_prompt", "path", "There is no prompt"),
        ("analyse_file", "x", "It has: path, question"),
        ("jupyter://files/{path}", "path", "There is no template"),
        ("jupyter://sessions/{id}", "path", "It has: id"),
    ],
)
def test_only_what_exists_is_completed(
    client: McpClient, ref: str, argument: str, why: str
) -> None:
    kind = (
        {"type": "ref/resource", "uri": ref}
        if "://" in ref
        else {"type": "ref/prompt", "name": ref}
    )
    named = {"name": argument, "value": ""}

    error = client.error("completion/complete", ref=kind, argument=named)

    assert error["code"] == -32602
    assert why in error["message"]
