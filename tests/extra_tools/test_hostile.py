"""Tools of other packages that do harm where they are loaded, described and called."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

import pytest

from jupyter_mcp_ext.extending import tool
from jupyter_mcp_ext.governance.extra_tools import GROUP, ExtraTools
from jupyter_mcp_ext.governance.tool_names import ToolNames
from jupyter_mcp_ext.tools.extra.loading import load
from tests.extra_tools.packages import install, project, with_packages
from tests.mcp_client import McpClient
from tests.servers import JupyterServer

MODULE = r'''
from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema

from jupyter_mcp_ext.extending import Call, Image, ToolError, tool

READ = ("read", "contents")


def fails(*_: Any) -> Any:
    raise RuntimeError("of the author")


def adds_object(schema: dict[str, Any]) -> None:
    schema["x"] = object()


def adds_itself(schema: dict[str, Any]) -> None:
    schema["x"] = schema


class Odd:
    def __repr__(self) -> str:
        return fails()


@tool(READ)
async def good_one(call: Call, a: int = 1) -> str:
    """Is as it should be."""


@tool(READ)
async def schema_raises(call: Call, a: Annotated[int, Field(json_schema_extra=fails)]) -> str:
    """Has a schema that cannot be made."""


@tool(READ)
async def type_raises(call: Call, a: Annotated[int, GetPydanticSchema(fails)]) -> str:
    """Has a type that cannot be made."""


@tool(READ)
async def annotation_raises(call: Call, a: "fails()") -> str:
    """Has an annotation that raises."""


@tool(READ)
async def no_json(call: Call, a: Annotated[int, Field(json_schema_extra=adds_object)]) -> str:
    """Has a schema that is no JSON."""


@tool(READ)
async def infinite(call: Call, a: float = float("inf")) -> str:
    """Has a default that JSON does not have."""


@tool(READ)
async def surrogate(call: Call) -> str:
    """Has half a character: \ud800."""


@tool(READ)
async def surrogate_in(call: Call, a: Annotated[int, Field(description="\udfff")]) -> str:
    """Has half a character in its schema."""


@tool(READ)
async def huge_docstring(call: Call) -> str:
    """X"""


huge_docstring.function.__doc__ = "x" * 1_000_000


@tool(READ)
async def deep(call: Call, a: Annotated[int, Field(json_schema_extra=adds_itself)]) -> str:
    """Has a schema that contains itself."""


@tool([1])
async def listed_right(call: Call) -> str:
    """Has a right that cannot be hashed."""


@tool(Odd())
async def unshown_right(call: Call) -> str:
    """Has a right that cannot be shown."""


unshown = Odd()


class NoSignature:
    __name__ = "no_signature"
    __doc__ = "Has no signature."
    __signature__ = 7

    def __call__(self, call: Call) -> str:
        """Has no signature."""


no_signature = tool(READ)(NoSignature())


@tool(READ)
def gives(call: Call, what: str) -> Any:
    """Gives something."""
    match what:
        case "unshown":
            return Odd()
        case "large":
            return [{"a": "x" * 1000}] * 100_000
        case "text":
            return "x" * 100_000_000
        case "bytes":
            return Image(data=bytes(100_000_000))
        case "raises":
            raise ToolError("x" * 100_000_000)
        case "odd":
            raise ToolError("\x1b[31mred\ud800 \u202e")
        case "unshown error":
            raise ToolError(Odd())
        case "unshown bug":
            raise ValueError(Odd())
        case _:
            class Told(ToolError):
                def __str__(self) -> str:
                    return fails()
            raise Told


def __getattr__(name: str) -> object:
    if name == "evil":
        raise BaseException(Odd())
    raise AttributeError(name)
'''
WRONG = {
    "schema_raises": "cannot be described: RuntimeError: of the author",
    "type_raises": "cannot be described: RuntimeError: of the author",
    "annotation_raises": "cannot be described: RuntimeError: of the author",
    "no_json": "has a schema that is no JSON",
    "infinite": "has a schema that is no JSON",
    "surrogate": "has a schema that is no JSON",
    "surrogate_in": "has a schema that is no JSON",
    "huge_docstring": "has a docstring of 1,000,000 characters",
    "deep": "cannot be described: ",
    "listed_right": "names the right [1], which does not exist",
    "unshown_right": "names the right Odd, which does not exist",
    "unshown": "is Odd, and not a function with the decorator",
    "no_signature": "cannot be described: ",
    "evil": "failed to load: BaseException",
}


@pytest.fixture(scope="module")
def server(
    start_server: Callable[..., JupyterServer], tmp_path_factory: pytest.TempPathFactory
) -> JupyterServer:
    """A server with all of them."""
    folder = tmp_path_factory.mktemp("hostile")
    names = ("good_one", "gives", *WRONG)
    points = {name: f"hostile:{name}" for name in names}
    files = {"pyproject.toml": project("hostile", **points), "hostile.py": MODULE}
    install(folder / "source", folder / "installed", files)
    options = [f"--McpApp.extra_tools={name}" for name in reversed(names)]
    return start_server(*options, env=with_packages(folder / "installed"))


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    """Its client."""
    return McpClient(server, name="hostile")


def test_what_cannot_be_described_hides_no_other_tool(client: McpClient) -> None:
    names = [tool["name"] for tool in client.request("tools/list")["tools"]]

    assert names[-2:] == ["gives", "good_one"]
    assert len(names) == len(set(names))
    assert client.run("6 * 7").status == "ok"


@pytest.mark.parametrize(("name", "why"), WRONG.items())
def test_why_a_tool_cannot_be_described_is_in_the_log(
    client: McpClient, name: str, why: str
) -> None:
    assert client.request("tools/list")["tools"]  # loaded by now

    [logged] = [line for line in client.server.log if f"The tool {name} of hostile" in line]

    assert why in logged
    assert len(logged) < 500


@pytest.mark.parametrize("what", ["unshown", "large", "unshown bug"])
def test_what_a_tool_gives_is_a_fault_of_the_tool_alone(client: McpClient, what: str) -> None:
    said = client.call("gives", what=what)

    assert said.is_error
    assert "Internal error, reference" in said.text
    assert client.run("6 * 7").status == "ok"


@pytest.mark.parametrize(
    ("what", "begins"),
    [
        ("text", "xxx"),
        ("bytes", "[image gives 1 left out: it is over 20,000,000 bytes]"),
        ("raises", "Error: xxx"),
        ("odd", "Error: red"),
        ("unshown error", "Error: "),
        ("told", "Error: "),
    ],
)
def test_what_a_tool_says_stays_within_the_budget(
    client: McpClient, what: str, begins: str
) -> None:
    said = client.call("gives", what=what).text

    assert said.startswith(begins)
    assert len(said) <= 10_000
    assert said == said.encode("utf-8", "replace").decode()
    assert "\x1b" not in said
    assert "\u202e" not in said


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What an import waits for that does not end before the test."""
    held = threading.Event()
    yield held
    held.set()


def test_a_package_whose_import_does_not_end_is_waited_for_once(
    held: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    loading: list[str] = []
    begun = threading.Semaphore(0)

    class Held(EntryPoint):
        def load(self) -> object:
            loading.append(self.name)
            begun.release()
            held.wait()
            return None

    extra = ExtraTools(())
    places = {"one": "slow.a:one", "two": "slow.b:two", "three": "other:three"}
    extra.points = tuple(Held(name, place, GROUP) for name, place in places.items())

    loaded = load(extra, ToolNames(()), logging.getLogger("held"), within=0.01)

    assert loaded.tools == ()
    for _ in range(2):  # a thread may begin later than it is given up
        assert begun.acquire(timeout=60)
    assert sorted(loading) == ["one", "three"]
    assert "two of a package is not served: it is of slow, which did not load" in caplog.text


def test_a_schema_that_is_never_made_is_not_waited_for(
    held: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    class Given(EntryPoint):
        def load(self) -> object:
            def endless(call: object, a: int) -> str:
                """Is never described."""
                return ""

            endless.__signature__ = Endless()  # type: ignore[attr-defined]
            return tool(("read", "contents"))(endless)

    class Endless:
        def __getattribute__(self, name: str) -> object:
            held.wait()
            return None

    extra = ExtraTools(())
    extra.points = (Given("endless", "slow:endless", GROUP),)

    assert load(extra, ToolNames(()), logging.getLogger("held"), within=0.01).tools == ()
    assert "did not load within 0.01 s" in caplog.text
