"""README and docs/ are true: their tables, commands, settings, examples and links."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution, entry_points
from pathlib import Path
from typing import get_args

import mcp_types as types
import pytest
from jupyter_server.auth.identity import IdentityProvider
from jupyter_server.serverapp import ServerApp
from jupyterhub.app import JupyterHub
from traitlets.config import Configurable

import jupyter_mcp_ext
from jupyter_mcp_ext.cli import McpLauncher
from jupyter_mcp_ext.clients.configuring.clients import CLIENTS
from jupyter_mcp_ext.commands.audit import parser as audit_options
from jupyter_mcp_ext.commands.bridge import parser as bridge_options
from jupyter_mcp_ext.commands.connect import parser as connect_options
from jupyter_mcp_ext.commands.doctor import parser as doctor_options
from jupyter_mcp_ext.commands.sessions import parser as sessions_options
from jupyter_mcp_ext.executions.execution import Status
from jupyter_mcp_ext.governance.audit import LIFE_ID, SCHEMA_ID
from jupyter_mcp_ext.protocol.execution_resource import FRESH
from jupyter_mcp_ext.protocol.prompts import PROMPTS
from jupyter_mcp_ext.protocol.resource import MAX_CHARACTERS
from jupyter_mcp_ext.protocol.resources import NOT_FOUND, RIGHTS
from jupyter_mcp_ext.protocol.subscriber import INTERVAL
from jupyter_mcp_ext.protocol.subscriptions import MAX_RESOURCES, MAX_STREAMS
from jupyter_mcp_ext.protocol.tasks import FORBIDDEN
from jupyter_mcp_ext.resources.uris import TEMPLATES
from jupyter_mcp_ext.tools.registry import TOOLS
from jupyter_mcp_ext.wording import size
from tests.benchmarks.clients import Client
from tests.links import anchors, broken, targets
from tests.servers import JupyterServer
from tests.settings import settings
from tests.snippets import block_of, blocks

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
PAGES = {"README": (PROJECT / "README.md").read_text()} | {
    page.relative_to(DOCS).with_suffix("").as_posix(): page.read_text()
    for page in sorted(DOCS.rglob("*.md"))
}
README = PAGES["README"]
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
EVERY_PAGE = "\n".join(PAGES.values())
LINKING = [*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), *PROJECT.glob(".github/**/*.md")]
ADDRESS = "http://localhost:8888/mcp"
MODERN = "2026-07-28"


def table(heading: str, page: str) -> list[list[str]]:
    """The rows of a page's tables whose first column has this heading."""
    _, *tables = PAGES[page].split(f"| {heading} |")
    rows = []
    for after in tables:
        for line in after.splitlines()[2:]:
            if not line.startswith("|"):
                break
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_to_a_file_or_heading_of_the_project(page: Path) -> None:
    assert broken(page, PROJECT) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `page`'s heading\n[here](#a-pages-heading) [file](page.md) [out](https://host/x)\n"
        "[gone](gone.md) ![gone](gone.svg) [no heading](page.md#none) [outside](../outside.md)\n"
        "`[code](gone.md)`\n```\n# No heading\n[code](gone.md)\n```\n[code](#no-heading)\n"
    )
    (tmp_path.parent / "outside.md").touch()

    assert broken(page, tmp_path) == [
        "gone.md",
        "gone.svg",
        "page.md#none",
        "../outside.md",
        "#no-heading",
    ]


def test_headings_have_the_anchors_that_github_gives_them() -> None:
    assert anchors("# What Ctrl-C does\n## A [link](x), and `code`\n## Twice\n## Twice\n") == {
        "what-ctrl-c-does",
        "a-link-and-code",
        "twice",
        "twice-1",
    }


def test_the_readme_links_to_every_page_or_to_the_index_of_its_folder() -> None:
    linked = {f"../{target}" for target in targets(README)}
    linked |= {f"../docs/clients/{target}" for target in targets(PAGES["clients/index"])}

    assert {f"../docs/{page}.md" for page in PAGES if page != "README"} <= linked


def test_the_drawing_of_the_package_has_every_part_of_it() -> None:
    _, _, after = CONTRIBUTING.partition("## Where things are")
    drawing = after.split("```")[1]
    drawn = re.findall(r"^\S+(?:  \S+(?:\.py|/)(?=\s))*", drawing, re.MULTILINE)
    package = Path(jupyter_mcp_ext.__file__).parent
    modules = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    folders = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}

    assert {part for line in drawn for part in line.split()} == modules | folders


def test_the_table_of_tools_is_the_list_of_tools() -> None:
    named = [row[0].strip("`") for row in table("Tool", "tools")]

    assert named == [tool.name for tool in TOOLS]


def test_the_table_of_rights_has_those_that_each_tool_needs() -> None:
    written = {
        tool: {tuple(right.split()) for right in re.findall(r"`([^`]+)`", rights)}
        for rights, tools in table("Rights", "security")
        for tool in re.findall(r"`([^`]+)`", tools)
    }

    assert written == {tool.name: set(tool.rights) for tool in TOOLS}


def test_the_table_of_resources_has_their_uris_and_rights() -> None:
    written = {
        row[0].strip("`"): {tuple(right.split()) for right in re.findall(r"`([^`]+)`", row[1])}
        for row in table("URI", "resources")
    }

    assert written == {uri: set(RIGHTS[kind]) for kind, uri in TEMPLATES.items()}


def test_the_limits_of_resources_are_those_that_are_written() -> None:
    page = PAGES["resources"]

    assert f"at most {size(MAX_CHARACTERS)};" in page
    assert f"{FRESH // 1000} s for an execution that has ended" in page
    assert f"at most {MAX_RESOURCES} subscriptions, a user at most {MAX_STREAMS} streams" in page
    assert INTERVAL == 1 / 4  # "at most four times a second"
    assert {row[0] for row in table("Code", "resources")} == {
        str(code) for code in (types.INVALID_PARAMS, FORBIDDEN, types.INTERNAL_ERROR)
    }
    assert f"Before 2026-07-28: {NOT_FOUND}." in page


def test_the_table_of_prompts_has_their_arguments() -> None:
    written = {
        row[0].strip("`"): re.findall(r"`([^`]+)`", row[1]) for row in table("Prompt", "resources")
    }

    assert written == {
        name: [argument.name for argument in prompt.listed.arguments or ()]
        for name, prompt in PROMPTS.items()
    }


def test_the_table_of_settings_has_every_setting_and_its_default() -> None:
    rows = table("Setting", "configuration")
    written = {name.strip("`"): default.strip("`") for name, default, _ in rows}

    assert len(written) == len(rows)
    assert {name: ast.literal_eval(default) for name, default in written.items()} == dict(
        settings()
    )


def test_every_setting_is_explained() -> None:
    assert all(len(row[2].split()) > 3 for row in table("Setting", "configuration"))


def test_the_extras_that_are_installed_exist() -> None:
    named = set(re.findall(r"pip install -e \"\.\[(\w+)\]\"", EVERY_PAGE))

    assert {"data", "test", "svg"} <= named
    assert named <= set(distribution("jupyter-mcp-ext").metadata.get_all("Provides-Extra") or ())


def test_the_two_commands_do_all_the_set_up() -> None:
    first, *_, last = (block for block in blocks("README") if block.language == "bash")

    assert first == block_of("README", 'pip install -e ".[data]" && jupyter mcp')
    assert last == block_of("README", 'pip install -e ".[test]" && pytest')
    assert len(first.text.splitlines()) == len(last.text.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "script"),
    [("jupyter mcp", "jupyter-mcp"), ("`jupyter-mcp-ext`", "jupyter-mcp-ext")],
)
def test_a_command_that_is_named_is_installed(words: str, script: str) -> None:
    assert words in EVERY_PAGE
    assert script in entry_points(group="console_scripts").names


def test_every_option_that_is_named_exists() -> None:
    commands = re.findall(r"(?:jupyter (?:mcp|server|lab)|jupyter-mcp-ext) [^`\n]*", EVERY_PAGE)
    audits = [line for line in commands if line.startswith("jupyter mcp audit ")]
    of_sessions = [line for line in commands if line.startswith("jupyter mcp sessions ")]
    bridges = [line for line in commands if line.startswith("jupyter mcp bridge")]
    doctors = [line for line in commands if line.startswith("jupyter mcp doctor")]
    connects = [line for line in commands if line.startswith("jupyter mcp connect ")]
    others = (*audits, *of_sessions, *bridges, *doctors, *connects)
    servers = [line for line in commands if line not in others]
    short = {name for line in servers for name in re.findall(r" --([a-z][\w-]*)", line)}
    owners: list[type[Configurable]] = [*ServerApp.classes, ServerApp, IdentityProvider, JupyterHub]
    settable = {f"{o.__name__}.{name}" for o in owners for name in o.class_traits(config=True)}
    long = set(re.findall(r"(?:--|\bc\.|`)([A-Z]\w+\.\w+)", EVERY_PAGE))

    assert {"root-dir", "port"} <= short
    assert short <= McpLauncher.aliases.keys() | McpLauncher.flags.keys()
    assert "ServerApp.base_url" in long
    assert long <= settable | dict(settings()).keys()
    assert len(audits) > 2
    for line in audits:
        audit_options().parse_args(shlex.split(line)[3:])
    assert bridges
    for line in bridges:
        bridge_options().parse_args(shlex.split(line)[3:])
    assert len(doctors) > 2
    for line in doctors:
        doctor_options().parse_args(shlex.split(line)[3:])
    assert len(connects) > 2
    for line in connects:
        assert connect_options().parse_args(shlex.split(line)[3:]).clients
    assert len(of_sessions) > 2
    for line in of_sessions:
        _, traits = sessions_options().parse_known_args(shlex.split(line)[3:])
        assert all(option.startswith("--Mcp") for option in traits)


def test_the_statuses_are_all_named() -> None:
    [sentence] = re.findall(r"^The status is one of .*?\.", PAGES["results"], re.MULTILINE)

    assert set(get_args(Status)) == set(re.findall(r"`(\w+)`", sentence))


def test_the_keys_for_programs_are_all_named(server: JupyterServer) -> None:
    [names] = re.findall(r"`jupyter-mcp-ext/execution` has (.*?)\. Sessions", PAGES["results"])
    result = Client(server, MODERN).call("execute_code", code="1/0")
    execution = result["_meta"]["jupyter-mcp-ext/execution"]

    assert set(re.findall(r"`(\w+)`", names)) == execution.keys() | execution["error"].keys()


def test_the_clients_that_can_be_connected_are_those_of_the_table() -> None:
    rows = [row[:2] for row in table("Client", "clients/index")]
    readme, _, _ = README.partition("## What an agent can do")

    assert rows == [[f"[{client.title}]({client.id}.md)", f"`{client.id}`"] for client in CLIENTS]
    assert all(f"`{client.id}`" in readme or client is CLIENTS[0] for client in CLIENTS)


def test_the_options_of_connect_are_those_of_the_table() -> None:
    described = {row[0].strip("`") for row in table("Option", "clients/index")}
    options = {name for action in connect_options()._actions for name in action.option_strings}

    assert described == options - {"-h", "--help"}


def run_example(server: JupyterServer, example: str) -> subprocess.CompletedProcess[str]:
    """Run an example with the SDK's client."""
    assert example.count(ADDRESS) == 1
    done = subprocess.run(
        [sys.executable, "-c", example.replace(ADDRESS, server.url)],
        env={"JUPYTER_TOKEN": server.token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_example_of_a_subscription_runs(server: JupyterServer) -> None:
    example = block_of("resources", "from mcp import Client").text

    assert run_example(server, example).stdout == "2 cells\n"


def test_the_python_example_runs(server: JupyterServer) -> None:
    done = run_example(server, block_of("clients/libraries", "from mcp import Client").text)

    assert done.stdout.startswith("[ok] ")
    assert done.stdout.splitlines()[-3:] == ["hello", "42", "ok"]


def test_the_record_of_the_calls_is_written_as_configured(
    start_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(block_of("operations", "c.EventLogger").text)
    server = start_server(f"--config={config}")

    Client(server, MODERN).call("execute_code", code="secret = 1")

    written = (server.root_dir.parent / "mcp-calls.jsonl").read_text()
    events = [json.loads(line) for line in written.splitlines()]
    [event] = [event for event in events if event["__schema__"] == SCHEMA_ID]
    assert {event["__schema__"] for event in events} == {SCHEMA_ID, LIFE_ID}
    assert {SCHEMA_ID, LIFE_ID} <= set(re.findall(r"`(https://events\.\S+)`", PAGES["operations"]))
    assert (event["tool"], event["status"]) == ("execute_code", "ok")
    assert "secret" not in written
