"""The variables of a kernel over real HTTP, in both eras."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.mcp_client import ERAS, McpClient, proposed_calls
from tests.servers import JupyterServer

CODE = """
import time, numpy as np, pandas as pd
df = pd.DataFrame({"price": [1.5, None, 3.0], "city": ["a", "b", "c"]})
grid = np.arange(12.0).reshape(3, 4)
cfg = {"a": {"b": [10, 20]}}
def area(width: int, height: int = 2) -> int:
    "Of a rectangle."
    return width * height
class Shop:
    "Sells."
    def __init__(self): self.shelves = [[1, 2], [3]]
class Odd:
    def __repr__(self): raise ValueError("no")
    def __len__(self): raise ValueError("no")
    def __getattr__(self, name): time.sleep(600)
    @property
    def shape(self): time.sleep(600)
class Slow:
    def __repr__(self): time.sleep(600)
shop, odd, slow = Shop(), Odd(), Slow()
"""


@pytest.fixture(params=ERAS)
def client(request: pytest.FixtureRequest, server: JupyterServer) -> McpClient:
    """A client of each era, both with the same default session."""
    client = McpClient(server, request.param)
    if "df" not in known(client):
        result = client.run(CODE)
        assert result.status == "ok", result.text
    return client


def known(client: McpClient) -> list[str]:
    """The names of all variables."""
    result = client.call("get_variables")
    if result.is_error:
        return []
    meta: dict[str, Any] = result.meta["jupyter-mcp-ext/variables"]
    return [variable["name"] for variable in meta["variables"]]


@contextmanager
def busy(client: McpClient) -> Iterator[None]:
    """Run code of the client while the block runs."""
    fifo = client.server.root_dir / f"go-{os.urandom(4).hex()}"
    os.mkfifo(fifo)
    code = f"print('begun'); open({str(fifo)!r}).read();"
    running = client.run(code, wait=0)
    client.until_printed(running, "begun")
    try:
        yield
    finally:
        fifo.write_text("go")
        assert client.call("get_output", output_id=running.id, wait=30).status == "ok"


def test_variables_are_listed_with_type_shape_and_preview(client: McpClient) -> None:
    result = client.call("get_variables")

    assert "| slow | Slow |" in result.text
    assert (
        "| grid | numpy.ndarray | 3 x 4 | float64 | 96 B | [0, 1, 2, 3, 4, 5, …] |" in result.text
    )
    assert "| df | pandas.DataFrame | 3 x 2 |" in result.text
    assert "functions (1): area" in result.text
    assert "classes (3): Slow, Odd, Shop" in result.text
    assert "modules (3): pd (pandas), np (numpy), time" in result.text
    meta = result.meta["jupyter-mcp-ext/variables"]
    assert meta["total"] == 13
    assert meta["variables"][-1]["name"] == "df"


def test_a_filter_and_a_limit_narrow_the_list(client: McpClient) -> None:
    assert "1 variable that fit" in client.call("get_variables", filter="dataframe").text
    assert "none of 13 variables" in client.call("get_variables", filter="nothing*").text
    result = client.call("get_variables", limit=2)
    assert "the newest 2 shown" in result.text
    [call] = proposed_calls(result.text, "get_variables")
    assert len(client.make(call).meta["jupyter-mcp-ext/variables"]["variables"]) == 6


def test_a_frame_a_value_and_a_function_are_inspected(client: McpClient) -> None:
    frame = client.call("inspect_variable", name="df")
    assert "| price | float64 | 1 | 1.5 | 2.25 | 3 |" in frame.text
    assert frame.meta["jupyter-mcp-ext/variable"]["facts"]["shape"] == "3 x 2"
    assert "[10, 20]" in client.call("inspect_variable", name="cfg['a'][\"b\"]").text
    assert "value:\n3" in client.call("inspect_variable", name="shop.shelves[-1][0]").text
    area = client.call("inspect_variable", name="area", detail="source").text
    assert "signature: area(width: int, height: int = 2) -> int" in area
    assert "    return width * height" in area


def test_the_numbers_of_a_frame_are_those_of_all_its_rows(client: McpClient) -> None:
    client.run(
        "n = np.arange(200_000.0)\n"
        "n[n % 20 == 3], n[7] = np.nan, -5\n"
        "long = pd.DataFrame({'a': n, 'b': n, 'c': n})"
    )

    lines = client.call("inspect_variable", name="long").text.splitlines()

    client.run("del n, long")
    [row] = [line for line in lines if line.startswith("| c | float64 |")]
    assert row.startswith("| c | float64 | 10,000 | -5 | ")


def test_a_formatter_of_the_session_has_no_say_in_what_is_told(client: McpClient) -> None:
    formatters = "get_ipython().display_formatter.formatters['text/plain'].type_printers"
    client.run(f"{formatters}[str] = lambda text, printer, cycle: printer.text('{{{{')")

    names = known(client)

    client.run(f"del {formatters}[str]")
    assert "df" in names


def test_a_figure_is_shown_as_a_picture(client: McpClient) -> None:
    client.run("from matplotlib.figure import Figure; fig = Figure((2, 1))")
    client.run("fig.subplots().set_title('Sales'); fig.savefig('warm.png')")

    result = client.call("inspect_variable", name="fig")

    assert "| Sales |" in result.text
    [picture] = [block for block in result.content if block["type"] == "image"]
    assert picture["mimeType"] == "image/png"


def test_a_person_and_the_next_cell_see_nothing_of_it(client: McpClient) -> None:
    count = client.run("1").execution["execution_count"]
    client.call("get_variables")
    client.call("inspect_variable", name="df")
    client.call("inspect_variable", name="slow")

    assert client.run("1").execution["execution_count"] == count + 1


def test_both_answer_while_code_runs(client: McpClient) -> None:
    with busy(client):
        assert "df" in known(client)
        assert "| price |" in client.call("inspect_variable", name="df").text
        slow = client.call("inspect_variable", name="slow").text
        assert "! its repr was not asked for while the kernel is busy" in slow
        assert client.call("get_kernel_status").status == "busy"


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dff", "There is no variable 'dff'. Did you mean df?"),
        ("", "name is empty"),
        ('__import__("os").system("touch gotcha")', "is code, not a name: nothing was run"),
        ("df.head()", "is code, not a name"),
        ("cfg['b']", "cfg has no key 'b'"),
        ("odd.anything", "may make it by its __getattr__"),
        ("odd.shape", "is a property of Odd"),
        ("x" * 100_000, "more than 500"),
        ("é\n" * 10, "is code"),
    ],
)
def test_a_name_that_leads_nowhere_or_is_code_is_said(
    client: McpClient, name: str, words: str
) -> None:
    assert words in client.refused("inspect_variable", name=name)
    assert not (client.server.root_dir / "gotcha").exists()


def test_objects_that_raise_or_sleep_delay_nothing(client: McpClient) -> None:
    assert "| odd | Odd |" in client.call("get_variables").text
    odd = client.call("inspect_variable", name="odd").text
    assert "! its repr raised ValueError: no" in odd
    assert "! its repr took more than 1 s" in client.call("inspect_variable", name="slow").text


def test_arguments_out_of_their_range_are_refused(client: McpClient) -> None:
    assert "limit" in client.refused("get_variables", limit=0)
    assert "filter" in client.refused("get_variables", filter="x" * 201)
    assert "detail" in client.refused("inspect_variable", name="df", detail="all")
    assert "no session" in client.refused("get_variables", session_id="nowhere").lower()


def test_no_kernel_is_started_to_look_at_variables(server: JupyterServer) -> None:
    client = McpClient(server, name="looks only")

    words = client.refused("get_variables")
    assert "execute_code makes it on first use" in words
    client.run("x = 1")
    client.call("shutdown_kernel", session_id="default")

    words = client.refused("inspect_variable", name="x")
    assert "has no kernel now" in words
    assert "execute_code starts one and brings back what was saved" in words
    assert client.call("get_kernel_status").status == "restorable"


def test_variables_that_are_not_back_yet_are_not_said_to_be_gone(server: JupyterServer) -> None:
    client = McpClient(server, name="dies")
    client.run("kept = 1")
    assert client.run("import os; os.kill(os.getpid(), 9)").status == "dead"

    words = client.refused("get_variables")
    assert "lost its kernel and its variables are not back yet" in words
    client.run("new = 2")
    assert "kept" in known(client)
