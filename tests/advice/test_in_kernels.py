"""Notices about code whose status says too little, in a real kernel and over HTTP."""

from __future__ import annotations

import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    """A client whose first result, which names the folder, is behind it."""
    client = McpClient(server, name="advised")
    client.run("1")
    return client


def test_a_failed_shell_command_is_told_and_leaves_no_trace(client: McpClient) -> None:
    client.run("names = set(globals())")
    result = client.run("!exit 4")
    left = client.run("print(sorted(n for n in set(globals()) - names if not n.startswith('_i')))")

    assert result.status == "ok"
    assert result.notices == ['the shell command "!exit 4" failed: exit code 4']
    assert left.text.splitlines()[-1] == "['_exit_code', 'names']"


def test_a_command_that_ends_well_after_one_that_failed_has_no_notice(client: McpClient) -> None:
    client.run("!false")

    assert client.run("!true").notices == []
    assert client.run("x = 1").notices == []


def test_a_script_that_fails_in_run_does_not_pass_as_success(client: McpClient) -> None:
    client.run("open('bad.py', 'w').write('raise ValueError(\"bad\")')")

    [notice] = client.run("%run bad.py").notices

    assert "(ValueError: bad)" in notice


@pytest.mark.parametrize("code", ["%%capture\n1/0", "get_ipython().run_cell('1/0');"])
def test_an_exception_that_is_only_shown_does_not_pass_as_success(
    client: McpClient, code: str
) -> None:
    [notice] = client.run(code).notices

    assert "ZeroDivisionError" in notice


def test_a_missing_module_proposes_the_package(client: McpClient) -> None:
    result = client.run("import skimage_is_not_here")

    assert result.status == "error"
    [notice] = result.notices
    assert 'install_package("skimage_is_not_here")' in notice


@pytest.mark.parametrize(
    "code",
    ["import pdb; pdb.set_trace()", "try: 1/0\nfinally:\n    import pdb; pdb.set_trace()"],
)
def test_a_debugger_says_what_to_do_instead(client: McpClient, code: str) -> None:
    result = client.run(code)

    [notice] = result.notices
    assert notice.startswith("a debugger cannot be used here")
    assert "inspect_variable" in notice


def test_a_post_mortem_debugger_says_what_to_do_instead(client: McpClient) -> None:
    client.run("1/0")

    [notice] = client.run("%debug").notices

    assert notice.startswith("a debugger cannot be used here")


def test_a_breakpoint_that_does_not_stop_is_told(client: McpClient) -> None:
    [notice] = client.run("def f():\n    breakpoint()\nf()").notices

    assert "breakpoint() does not stop" in notice


@pytest.mark.parametrize(
    "code", ["%load next.py", "%recall", "get_ipython().set_next_input('loaded = 1')"]
)
def test_text_for_the_next_cell_is_shown_and_has_not_run(client: McpClient, code: str) -> None:
    client.run("open('next.py', 'w').write('loaded = 1'); 'loaded = 1'")
    result = client.run(code)

    [notice] = result.notices
    assert "has not been run" in notice
    assert "loaded = 1" in result.text.partition(notice)[2]
    assert client.run("loaded").status == "error"
    again = client.call("get_output", output_id=result.id)
    assert "loaded = 1" in again.text


def test_exit_ends_the_kernel_and_the_next_call_brings_the_session_back(
    server: JupyterServer,
) -> None:
    client = McpClient(server, name="leaving")
    client.run("import math\ndef f(): return math.pi")
    client.run("2")

    results = [client.run(code) for code in ("exit()", "f() > 3", "quit()", "f() > 3")]

    assert [result.status for result in results] == ["ok"] * 4
    assert any("exit() ends the kernel" in notice for notice in results[0].notices)
    assert results[1].text.splitlines()[-1] == "True"
    assert any(
        "the kernel ended, since its code called exit(): " in notice
        for notice in results[1].notices
    )
    assert results[3].text.splitlines()[-1] == "True"


def test_exits_one_after_the_other_are_not_deaths(server: JupyterServer) -> None:
    client = McpClient(server, name="leaving often")

    statuses = [client.run("exit()").status for _ in range(6)]

    assert statuses == ["ok"] * 6


@pytest.mark.parametrize("code", ["frame", "frame.head()", "display(frame)", "print(frame)"])
def test_white_space_that_pandas_does_not_show_is_told(client: McpClient, code: str) -> None:
    client.run(
        "import pandas as pd\n"
        "frame = pd.DataFrame({'city': ['Rome', ' Oslo', 'Lima '], ' n': [1, 2, 3]});"
    )

    assert client.run(code).notices == [
        "white space at the ends of values, which pandas does not show: "
        "columns ' n'; city ' Oslo', 'Lima '"
    ]


@pytest.mark.parametrize(
    "code", ["frame['city'].str.strip().to_frame()", "frame.style", "len(frame)", "frame.copy();"]
)
def test_where_nothing_is_hidden_white_space_has_no_notice(client: McpClient, code: str) -> None:
    client.run("import pandas as pd; frame = pd.DataFrame({'city': ['Rome', ' Oslo']})\nframe")

    assert client.run(code).notices == []


def test_white_space_is_reported_for_series_and_the_last_rows(client: McpClient) -> None:
    [notice] = client.run(
        "import pandas as pd\npd.Series(['x'] * 5_000 + ['y\\u200b\\t'], index=[1.5] * 5_001)"
    ).notices

    assert notice.endswith(r": values 'y\u200b\t'")


def test_text_that_cannot_be_sent_is_told_in_one_notice(client: McpClient) -> None:
    result = client.run("print('before', flush=True); print('a\\ud800b')")

    assert result.status == "ok"
    [notice] = result.notices
    assert "'\\ud800', a lone surrogate" in notice
    assert result.text.partition(notice)[2].split() == ["before"]
    assert client.call("get_output", output_id=result.id).notices == [notice]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("class A:\n    def __repr__(self): return '\\ud800'\nA()", "what the code displays"),
        ("display({'text/plain': '\\ud800'}, raw=True)", "what the code displays"),
        ("raise ValueError('\\ud800')", "an exception whose text"),
    ],
)
def test_a_value_that_cannot_be_sent_is_told(client: McpClient, code: str, said: str) -> None:
    result = client.run(code)

    assert result.status == "error"
    [notice] = result.notices
    assert said in notice
    assert len(result.text) < 1_500


def test_values_that_json_does_not_have_are_told(client: McpClient) -> None:
    result = client.run("display({'application/json': {'a': float('nan')}}, raw=True)")

    [notice] = result.notices
    assert "NaN" in notice
    assert "UserWarning" not in result.text


def test_a_figure_that_its_backend_does_not_show_is_told(client: McpClient) -> None:
    head = "import matplotlib; matplotlib.use('Agg')\nimport matplotlib.pyplot as plt\n"
    result = client.run(f"{head}plt.plot([1]); plt.show()")
    inline = client.run("%matplotlib inline\ndisplay(plt.gcf())")

    [notice] = result.notices
    assert "1 figure exists and none was shown" in notice
    assert inline.notices == []
    assert len(inline.images) == 1
