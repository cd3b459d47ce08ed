"""Interactive widgets of real kernels, as a client reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.mcp_client import McpClient, Result
from tests.servers import JupyterServer


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    """A client whose kernel has ipywidgets."""
    client = McpClient(server, name="widgets")
    client.run("import ipywidgets as w\nfrom IPython.display import display")
    return client


def shown(result: Result) -> str:
    """The lines below the status."""
    return result.text.partition("\n")[2]


def test_interact_shows_what_was_printed_before_it_and_in_it(client: McpClient) -> None:
    code = "print('before'); w.interact(lambda x: print('x is', x), x=5);"

    assert shown(client.run(code)) == "before\nIntSlider x 5\nx is 5"


def test_the_sessions_notebook_has_what_was_printed_before_and_in_a_widget(
    server: JupyterServer,
) -> None:
    client = McpClient(server, name="told in a notebook")
    client.run("from ipywidgets import interact")
    result = client.run("print('before'); interact(lambda x: print('x is', x), x=5);")
    session_id = result.execution["session_id"]
    client.call("shutdown_kernel", session_id=session_id)

    [notebook] = (server.root_dir / "mcp-sessions" / session_id).glob("*.ipynb")
    outputs = json.loads(notebook.read_text())["cells"][1]["outputs"]
    assert [output.get("text") for output in outputs] == ["before\n", None, "x is 5\n"]


@pytest.mark.parametrize(
    "code",
    [
        "with Console().status('working'):\n    pass",
        "with Live('one') as live:\n    live.update('two')",
    ],
)
def test_rich_erases_nothing_that_was_printed_before(client: McpClient, code: str) -> None:
    imports = "from rich.console import Console\nfrom rich.live import Live"

    result = client.run(f"{imports}\nprint('before', flush=True)\n{code}\nprint('after')")
    lines = shown(result).split("\n")

    assert {"before", "after"} <= set(lines)


def test_an_output_widget_shows_what_it_has_taken_where_it_is_displayed(
    client: McpClient,
) -> None:
    code = (
        "out, inner = w.Output(), w.Output()\ndisplay(out, inner)\nprint('cell')\n"
        "with out:\n    print('one')\n    with inner:\n        print('inner')\n    print('two')\n"
        "out.append_stdout('three\\n')\nout.append_display_data('four')"
    )

    assert shown(client.run(code)) == "one\ntwo\nthree\n'four'\ninner\ncell"


def test_an_exception_in_an_output_widget_is_shown_and_told(client: McpClient) -> None:
    result = client.run("out = w.Output()\ndisplay(out)\nwith out:\n    1/0\nprint('went on')")

    assert result.status == "ok"
    assert "ZeroDivisionError" in result.notices[0]
    assert "ZeroDivisionError" in shown(result).partition("\n")[2]


def test_output_that_no_displayed_widget_has_is_told(client: McpClient) -> None:
    result = client.run("hidden = w.Output()\nwith hidden:\n    print('unseen')")

    assert "not displayed" in result.notices[0]


def test_a_widget_goes_on_in_later_executions(client: McpClient) -> None:
    first = client.run("bar = w.IntProgress(0, max=9, description='epoch'); display(bar)")
    later = client.run("bar.value = 7")
    again = client.run("display(bar)")

    assert shown(first) == "epoch [0/9]"
    assert later.notices == [f'a widget that get_output("{first.id}") shows is now: epoch [7/9]']
    assert shown(client.call("get_output", output_id=first.id)) == "epoch [7/9]"
    assert shown(again) == "epoch [7/9]"


def test_a_closed_widget_is_not_shown(client: McpClient) -> None:
    code = "bar = w.IntProgress(3); display(bar); print('done'); bar.close()"

    assert shown(client.run(code)) == "done"


@pytest.mark.parametrize("flood", [0, 400_000])
def test_a_widget_that_is_closed_in_a_later_execution_does_not_come_back(
    client: McpClient, flood: int
) -> None:
    """Also if the earlier one has so much output that it is read from disk."""
    code = f"bar = w.IntProgress(3, description='epoch'); display(bar); print('x' * {flood})"
    first = client.run(code)

    later = client.run("bar.close()")
    client.run("1 + 1")
    shown = client.call("get_output", output_id=first.id, grep="epoch")

    assert later.notices == [f'a widget that get_output("{first.id}") shows has been closed']
    assert ": 0 of " in shown.text


def test_a_selection_is_told_by_its_label(client: McpClient) -> None:
    code = "w.Dropdown(options=[('Berlin', 7), ('Paris', 8)], value=8, description='city')"

    assert shown(client.run(code)) == "Dropdown city Paris"


def test_a_widget_of_which_nothing_is_known_keeps_its_own_words(client: McpClient) -> None:
    assert shown(client.run("w.Image(value=b'123')")) == "Image(value=b'123')"


def test_a_password_is_nowhere(server: JupyterServer, client: McpClient) -> None:
    code = (
        "p = w.Password(value='hunt' + 'er2', description='key')\ndisplay(p, w.VBox([p]))\n"
        "p.value = 'hunt' + 'er3'"
    )
    result = client.run(code)
    plain = client.call("get_output", output_id=f"{result.id}/1", mime_type="text/plain")
    inspected = client.call("inspect_variable", name="p")
    client.call("shutdown_kernel", session_id=result.execution["session_id"])

    assert "Password key (its value is not shown)" in result.text
    for each in (result, plain, inspected):
        assert "hunter" not in json.dumps([each.content, each.meta])
    files = [path for path in Path(server.root_dir.parent).rglob("*") if path.is_file()]
    assert [path for path in files if b"hunter" in path.read_bytes()] == []
