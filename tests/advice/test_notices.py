"""Notices about code that has run, made from its source and outcome alone."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.advice.debuggers import way_out
from jupyter_mcp_ext.advice.notices import expressions, notices, values
from jupyter_mcp_ext.advice.run import Run
from jupyter_mcp_ext.outputs.model import Display, Error


def failed(evalue: str, ename: str = "ModuleNotFoundError", installing: str = "") -> list[str]:
    error = Error(ename=ename, evalue=evalue)
    return notices(Run(source="", status="error", error=error, installing=installing))


def after_plots(source: str, figures: str, *shown: Display) -> list[str]:
    asked = {"figures": repr(figures)}
    return notices(Run(source=source, status="ok", asked=asked, shown=lambda: shown))


def after_shell(source: str, code: str) -> list[str]:
    return notices(Run(source=source, status="ok", asked={"shell": code}))


# -- the shell ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "!false",
        "x = 1\n!python script.py\nx",
        "%pip install ./nothing",
        "pip install ./nothing",
        "%ls /nowhere",
        "ls /nowhere",
        "for n in range(2):\n    !exit 3",
        "%%capture out\n!false",
        "get_ipython().system('exit 6')",
    ],
)
def test_the_exit_code_is_asked_for_where_code_uses_the_shell(source: str) -> None:
    assert expressions(source)["shell"] == "_exit_code"


@pytest.mark.parametrize(
    "source",
    [
        "1 + 1",
        "x != 3",
        "if a\\\n!= b: pass",
        "%%bash\n! true",
        "ls = [1]",
        "pip = 1",
        "uv (1)",
        "x = !false",
        "!!false",
    ],
)
def test_nothing_is_asked_for_where_code_does_not(source: str) -> None:
    assert "shell" not in expressions(source)


def test_a_shell_command_that_failed_is_named_with_its_exit_code() -> None:
    assert after_shell("x = 1\n!python script.py --all", "4") == [
        'the shell command "!python script.py --all" failed: exit code 4'
    ]


def test_a_shell_command_that_a_signal_ended_says_so() -> None:
    assert after_shell("!sleep 9", "-9") == ['the shell command "!sleep 9" was ended by signal 9']


def test_a_shell_command_that_ended_well_needs_no_word() -> None:
    assert after_shell("!true", "0") == []


@pytest.mark.parametrize("source", ["if False:\n    !git clone x", 's = """\n!x\n"""', "ls /x"])
def test_a_command_that_may_not_have_run_is_not_said_to_have_failed(source: str) -> None:
    assert after_shell(source, "128") == [
        "the last shell command, of this code or an earlier one, failed: exit code 128"
    ]


def test_a_value_that_is_not_an_exit_code_is_ignored() -> None:
    assert after_shell("!false", "'x'") == []
    assert after_shell("!false", "1" * 1000) == []


def test_a_long_command_is_cut_and_holds_no_controls() -> None:
    [notice] = after_shell("!echo \x1b[31m" + "x" * 5_000, "1")

    assert len(notice) < 160
    assert "\x1b" not in notice


def test_the_values_of_a_reply_are_those_that_could_be_evaluated() -> None:
    good = {"status": "ok", "data": {"text/plain": "4"}, "metadata": {}}
    bad = {"status": "error", "ename": "NameError"}

    assert values({"user_expressions": {"a": good, "b": bad, "c": 7}}) == {"a": "4"}
    assert values({"user_expressions": None}) == {}


# -- exceptions --------------------------------------------------------------------------------


def test_an_exception_that_did_not_end_the_code_is_told() -> None:
    errors = (Error(ename="KeyError", evalue="'a'"), Error(ename="ValueError", evalue="bad\nrow"))

    [notice] = notices(Run(source="%run x.py", status="ok", shown=lambda: errors))

    assert "(ValueError: bad row, the last of 2)" in notice


def test_an_exception_that_ended_the_code_is_its_status_and_no_notice() -> None:
    error = Error(ename="ValueError", evalue="bad")

    assert notices(Run(source="x", status="error", error=error, shown=lambda: (error,))) == []


@pytest.mark.parametrize(
    ("module", "package"),
    [("polars", "polars"), ("sklearn", "scikit-learn"), ("google.protobuf", "protobuf")],
)
def test_a_missing_module_proposes_its_package(module: str, package: str) -> None:
    [notice] = failed(f"No module named '{module}'")

    assert f'install_package("{package}")' in notice


@pytest.mark.parametrize(
    "evalue",
    [
        "No module named 'pandas.nope'",
        "No module named 'os.x'; 'os' is not a package",
        "No module named 'google'",
        "odd",
    ],
)
def test_what_no_package_would_bring_is_not_proposed(evalue: str) -> None:
    assert failed(evalue) == []


def test_a_module_is_not_proposed_while_an_installation_runs() -> None:
    [notice] = failed("No module named 'polars'", installing="k7m2q9xw-3")

    assert 'get_output("k7m2q9xw-3", wait=50)' in notice
    assert "install_package" not in notice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ipdb> ", "q"),
        ("(Pdb) ", "q"),
        ("(Pdb++) ", "q"),
        ("Quitting pdb will kill the process. Quit anyway? [y/n] ", "y"),
        ("name? ", None),
        ("(Pdb", None),
    ],
)
def test_a_debuggers_prompt_is_told_from_a_question(text: str, expected: str | None) -> None:
    assert way_out(text) == expected


# -- white space ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    ["frame", "x = 1\nframe.head()", "frame[\n    'a'\n]", "display(frame)\nx = 1", "print(frame)"],
)
def test_white_space_is_asked_for_where_a_frame_may_be_shown(source: str) -> None:
    assert [*expressions(source)] == ["whitespace"]


@pytest.mark.parametrize(
    "source",
    [
        "1 + 1",
        "frame;",
        "frame = read()",
        "frame['a'] = 1",
        "x += 1",
        "import pandas as pd",
        "def f():\n    return frame",
        "for x in y: z",
        "%time x",
        "",
    ],
)
def test_white_space_is_not_asked_for_where_nothing_is_shown(source: str) -> None:
    assert "shell" not in expressions(source)


@pytest.mark.parametrize("value", ["''", "None", "0", "'broken", "[" * 900, "['a']"])
def test_no_white_space_and_answers_that_are_none_have_no_notice(value: str) -> None:
    assert notices(Run(source="frame", status="ok", asked={"whitespace": value})) == []


# -- figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["plt.show()", "df.plot()", "fig, ax = subplots()\nfig.show()"])
def test_figures_are_asked_for_where_code_may_draw(source: str) -> None:
    assert "figures" in expressions(source)


def test_figures_that_no_backend_shows_are_told() -> None:
    [one] = after_plots("plt.plot([1]); plt.show()", "Agg 1")
    [three] = after_plots("df.plot()", "pdf 3")

    assert one.startswith("1 figure exists and none was shown, as matplotlib's backend is Agg")
    assert three.startswith("3 figures exist")


@pytest.mark.parametrize("figures", ["Agg 0", "module://matplotlib_inline.backend_inline 1"])
def test_figures_that_are_shown_or_not_there_need_no_word(figures: str) -> None:
    assert after_plots("plt.show()", figures) == []


def test_figures_that_were_displayed_or_saved_need_no_word() -> None:
    assert after_plots("plt.plot([1]); plt.savefig('x.png')", "Agg 1") == []
    assert after_plots("display(plt.gcf())", "Agg 1", Display(data={"image/png": "x"})) == []


def test_a_backend_that_needs_a_screen_says_what_to_do() -> None:
    words = "Cannot load backend 'TkAgg' which requires the 'tk' interactive framework"
    [notice] = failed(words, ename="ImportError")

    assert "no screen here for the backend TkAgg: run %matplotlib inline" in notice
