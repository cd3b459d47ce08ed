"""Tools of other packages that are not as they should be, at the start and in calls."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_mcp_ext.governance.extra_tools import ExtraTools, ExtraToolsUnusable
from tests.extra_tools.packages import install, project, with_packages
from tests.mcp_client import McpClient
from tests.servers import JupyterServer, running_server

MODULE = '''
import sys

from jupyter_mcp_ext.extending import Call, Image, ToolError, tool

READ = ("read", "contents")


@tool(READ, read_only=True)
async def good_one(call: Call) -> str:
    """Is as it should be."""
    return f"{call.username} with {call.client}"


@tool(READ, read_only=True)
async def raises(call: Call, how: str) -> str:
    """Raises."""
    if how == "taught":
        raise ToolError("It is Monday. Try tomorrow.")
    if how == "exit":
        sys.exit(3)
    if how == "stop":
        raise StopIteration
    raise ValueError("a secret of the author")


@tool(READ, read_only=True)
def blocks(call: Call, path: str) -> str:
    """Blocks until one writes into a pipe."""
    import pathlib
    pathlib.Path(path).write_text("begun")
    return pathlib.Path(path + ".go").read_text()


@tool(READ, read_only=True)
def gives(call: Call, what: str, size: int = 0) -> object:
    """Gives something."""
    match what:
        case "text":
            return "<" + "é" * size + ">"
        case "texts":
            return ["short", "x" * size, "y" * size]
        case "odd":
            return "\\x1b[31mred\\x1b[0m \\ud800 \\u202e"
        case "nothing":
            return None
        case "dict":
            return {"a": 1}
        case "page":
            return Image(data=b"<script>", mime_type="text/html")
        case "noise":
            return Image(data=b"no image")
        case "many":
            return ["x"] * 1000
        case _:
            import io

            from PIL import Image as Picture
            buffer = io.BytesIO()
            Picture.new("RGB", (3000, 2000)).save(buffer, "PNG")
            return ["Look:", *[Image(data=buffer.getvalue()) for _ in range(size)]]


@tool(READ, read_only=True)
async def runs_code(call: Call) -> object:
    """Says that it only reads, and runs code."""
    return await call.run("1")


@tool(READ, ("execute", "kernels"))
async def waits(call: Call) -> object:
    """Runs code for long."""
    return await call.run("import time\\nprint('begun', flush=True)\\ntime.sleep(600)")


@tool(READ)
async def lingers(call: Call) -> str:
    """Uses its call when it has ended."""
    import asyncio
    if not KEPT:
        KEPT.append(call)
        return "kept"
    try:
        await KEPT[0].read("x")
    except ToolError as err:
        return str(err)


KEPT = []


@tool(("own", "contents"))
async def strange_right(call: Call) -> str:
    """Names a right that does not exist."""


@tool()
async def no_right(call: Call) -> str:
    """Names no right."""


@tool(READ)
async def no_docstring(call: Call) -> str:
    pass


@tool(READ)
async def other_name(call: Call) -> str:
    """Has another name than its entry point."""


@tool(READ)
async def untyped(call: Call, path) -> str:
    """Has a parameter without a type."""


@tool(READ)
async def unknown_type(call: Call, path: "Pth") -> str:
    """Has a parameter of a type that does not exist."""


@tool(READ)
async def any_arguments(call: Call, **more: str) -> str:
    """Takes anything."""


from pydantic import BaseModel


class Point(BaseModel):
    x: int


@tool(READ)
async def references(call: Call, point: Point) -> str:
    """Has a schema with references."""


@tool(READ, read_only=True, destructive=True)
async def contradicts(call: Call) -> str:
    """Reads and destroys."""


@tool(READ)
async def long_docstring(call: Call) -> str:
    """X"""


from typing import Literal

Choice = Literal[tuple("word%d" % n for n in range(400))]
no_tool = 7


@tool(READ)
async def large_schema(call: Call, a: Choice) -> str:
    """Has a large schema."""


def _of_the_rest(name):
    async def one(call: Call, a: Literal[tuple("word%d" % n for n in range(160))]) -> str:
        """Takes much of the room."""
    one.__name__ = name
    return tool(READ)(one)


for _name in ("large_one", "large_two", "large_three", "large_four"):
    globals()[_name] = _of_the_rest(_name)
'''
MODULE = MODULE.replace('"""X"""', f'"""{"x" * 700}"""')
WRONG = {
    "strange_right": "names the right ('own', 'contents'), which does not exist: it is one of read",
    "no_right": "names no right",
    "no_docstring": "has no docstring",
    "renamed": "gives the function 'other_name'",
    "untyped": "has the parameter 'path' without a type",
    "unknown_type": "has arguments that cannot be described: NameError: name 'Pth' is not defined",
    "any_arguments": "has the parameter **more: str",
    "references": "has arguments with $ref in their schema",
    "contradicts": "is said to be read_only and destructive",
    "long_docstring": "has a docstring of 700 characters",
    "large_schema": "takes 4,",
    "no_tool": "is 7, and not a function with the decorator",
    "no_attribute": "failed to load: AttributeError",
    "no_module": "failed to load: ModuleNotFoundError: No module named 'nowhere'",
    "ends_all": "failed to load: SystemExit: 5",
    "large_four": "does not fit: those of other packages may take 8,000 characters",
}
PLACES = {
    "renamed": "faulty:other_name",
    "no_module": "nowhere:tool",
    "ends_all": "ending:tool",
    "execute_code": "faulty:good_one",
    "Upper-Case": "faulty:good_one",
    "common_one": "faulty:good_one",
}
GOOD = ("good_one", "raises", "blocks", "gives", "runs_code", "waits", "lingers")
LARGE = ("large_one", "large_two", "large_three")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the packages are installed."""
    folder = tmp_path_factory.mktemp("faulty")
    places = {name: f"faulty:{name}" for name in (*GOOD, *WRONG, *LARGE)} | PLACES
    points = {f'"{name}"': place for name, place in places.items()}
    files = {"pyproject.toml": project("faulty", **points), "faulty.py": MODULE}
    install(folder / "one", folder / "installed", files | {"ending.py": "raise SystemExit(5)"})
    other = {"pyproject.toml": project("other", common_one="other:x"), "other.py": "x = 1"}
    install(folder / "two", folder / "installed", other)
    return folder / "installed"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer], installed: Path) -> JupyterServer:
    """A server with all that loads, and all that does not."""
    names = (*GOOD, *LARGE, *WRONG)
    options = [f"--McpApp.extra_tools={name}" for name in names]
    return start_server(*options, env=with_packages(installed))


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    """Its client."""
    return McpClient(server, name="faulty")


def test_what_is_as_it_should_be_is_served_beside_what_is_not(client: McpClient) -> None:
    names = [tool["name"] for tool in client.request("tools/list")["tools"]]

    assert names[-len(GOOD) - len(LARGE) :] == [*GOOD, *LARGE]
    assert client.call("good_one").text.endswith(" with faulty")


@pytest.mark.parametrize(("name", "why"), WRONG.items())
def test_what_is_wrong_with_a_tool_is_in_the_log_and_said_to_who_calls_it(
    client: McpClient, name: str, why: str
) -> None:
    assert client.request("tools/list")["tools"]  # loaded by now
    line = f"The tool {name} of faulty 1.0 is not served: it {why}"

    [logged] = [said for said in client.server.log if line in said]
    error = client.error("tools/call", name=name, arguments={})

    assert logged.startswith("[E ")
    assert error["message"].startswith(f"The tool {name} could not be loaded")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["good_on"], "'good_on', which no installed package has among its jupyter_mcp_ext.tools."),
        (["good_one", "good_one"], "'good_one' twice"),
        (["execute_code"], "'execute_code', which is a tool of jupyter-mcp-ext itself"),
        (["common_one"], "'common_one', which several packages have: "),
        (["Upper-Case"], "'Upper-Case', which no tool can be called"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_met_is_refused_before_anything_is_loaded(
    installed: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], why: str
) -> None:
    monkeypatch.syspath_prepend(installed)

    with pytest.raises(ExtraToolsUnusable) as refused:
        ExtraTools(names).open()

    assert str(refused.value).startswith(f"McpApp.extra_tools names {why}")
    assert "faulty" not in sys.modules


def test_mcp_is_not_served_then(tmp_path: Path, installed: Path) -> None:
    ready = "MCP is not served: McpApp.extra_tools names 'good_on', which no installed package has"
    option = "--McpApp.extra_tools=good_on"

    with running_server(tmp_path, option, env=with_packages(installed), ready=ready) as server:
        server.until_logged("is running at")
        server.until_answered()
        assert server.post({}).status in (403, 404)


def test_settings_of_the_policy_name_tools_of_other_packages(
    start_server: Callable[..., JupyterServer], installed: Path
) -> None:
    server = start_server(
        "--McpApp.extra_tools=good_one",
        "--McpPolicy.tools=good_one",
        env=with_packages(installed),
    )

    listed = McpClient(server).request("tools/list")["tools"]

    assert [tool["name"] for tool in listed] == ["good_one"]


def test_nothing_of_a_package_is_loaded_unless_it_is_named(
    start_server: Callable[..., JupyterServer], installed: Path
) -> None:
    server = start_server(env=with_packages(installed))
    client = McpClient(server)

    assert "There is no tool 'good_one'" in client.error("tools/call", name="good_one")["message"]
    assert not any("of faulty 1.0" in line for line in server.log)


def test_an_exception_of_a_tool_is_taught_or_kept_secret(client: McpClient) -> None:
    assert client.refused("raises", how="taught") == "Error: It is Monday. Try tomorrow."
    for how in ("bug", "exit", "stop"):
        said = client.call("raises", how=how)
        assert said.is_error
        assert "Internal error, reference" in said.text
        assert "secret" not in said.text
    client.server.until_logged("a secret of the author")
    assert client.call("good_one").text


@contextmanager
def blocking(client: McpClient, folder: Path, calls: int) -> Iterator[None]:
    """So many calls have begun and block; all have ended when the block is left."""
    pipes = [folder / str(number) for number in range(calls)]
    for pipe in pipes:
        os.mkfifo(pipe)
        os.mkfifo(f"{pipe}.go")
    with ThreadPoolExecutor(calls) as threads:
        called = [threads.submit(client.call, "blocks", path=str(pipe)) for pipe in pipes]
        assert {pipe.read_text() for pipe in pipes} == {"begun"}
        try:
            yield
        finally:
            for pipe in pipes:
                Path(f"{pipe}.go").write_text("done")
        assert {call.result().text for call in called} == {"done"}


def test_a_tool_that_blocks_blocks_no_one_else(client: McpClient, tmp_path: Path) -> None:
    with blocking(client, tmp_path, 1):
        other = McpClient(client.server, name="other")
        assert other.call("good_one").text
        assert other.run("6 * 7").status == "ok"


def test_so_many_may_block_and_no_more(client: McpClient, tmp_path: Path) -> None:
    others = McpClient(client.server, name="others")
    with blocking(client, tmp_path, 16):
        assert others.run("1").status == "ok"
        assert "16 calls of tools of other packages have not ended" in others.refused("good_one")
    assert others.call("good_one").text.endswith("with others")


def test_text_stays_within_the_budget(client: McpClient) -> None:
    short = client.call("gives", what="text", size=9_000).text
    long = client.call("gives", what="text", size=2_000_000).text
    both = client.call("gives", what="texts", size=50_000)

    assert len(short) == 9_002
    assert len(long) <= 10_000
    assert long.startswith("<é")
    assert long.endswith("é>")
    assert re.search(r"… 1,990,\d\d\d characters left out: ask gives for less …", long)
    assert both.content[0]["text"] == "short"
    assert len(both.text) <= 10_010


def test_images_are_made_smaller_and_few(client: McpClient) -> None:
    few = client.call("gives", what="images", size=2)
    many = client.call("gives", what="images", size=7)

    assert [block["type"] for block in few.content] == ["text", *["text", "image"] * 2]
    assert few.content[1]["text"].startswith("[image gives 1 3000x2000")
    assert all(len(image) < 1_000_000 for image in many.images)
    assert len(many.images) == 4
    assert "left out" in many.text


def test_what_cannot_be_shown_is_a_fault_of_the_tool(client: McpClient) -> None:
    odd = client.call("gives", what="odd").text
    assert odd.startswith("red ")
    assert "\x1b" not in odd
    assert "\u202e" not in odd
    assert client.call("gives", what="nothing").text == "Done."
    assert not client.call("gives", what="noise").images
    for what in ("dict", "page", "many"):
        said = client.call("gives", what=what)
        assert said.is_error, what
        assert "Internal error" in said.text
    client.server.until_logged("gives returned a dict: no str, no Image")


def test_a_tool_that_says_it_only_reads_runs_no_code(client: McpClient) -> None:
    assert "changes nothing, and so may not run code" in client.refused("runs_code")


def test_a_call_that_is_cancelled_ends_its_code(client: McpClient) -> None:
    waiting = McpClient(client.server, name="waiting")
    waiting.run("1")
    with waiting.opened("waits"):
        shown = waiting.call("get_output")
        while "begun" not in shown.text:
            shown = waiting.call("get_output", wait=0.1)
    ended = waiting.call("get_output", wait=50)

    assert ended.status == "interrupted"
    assert waiting.run("2").status == "ok"


def test_a_call_that_has_ended_does_nothing_more(client: McpClient) -> None:
    assert client.call("lingers").text == "kept"
    assert client.call("lingers").text.startswith("The call has ended.")


def test_a_tool_is_recorded_with_its_rights(
    start_server: Callable[..., JupyterServer], installed: Path, tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"
    server = start_server(
        "--McpApp.extra_tools=gives",
        f"--McpAudit.path={log}",
        "--McpAudit.fail_closed=True",
        env=with_packages(installed),
    )

    McpClient(server, name="recorded").call("gives", what="text")

    records = [json.loads(line) for line in log.read_text().splitlines()]
    [call] = [record for record in records if '"gives"' in json.dumps(record)]
    assert "read contents" in json.dumps(call)
    assert '"ok"' in json.dumps(call)
