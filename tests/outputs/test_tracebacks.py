from __future__ import annotations

from jupyter_mcp_ext.outputs.model import Error, from_nbformat
from jupyter_mcp_ext.outputs.text import Passage
from jupyter_mcp_ext.outputs.tracebacks import condense, headline, traceback_lines

# As IPython 9 sends them, without colours except for one.
_RULE = "-" * 75
_KEY_ERROR = Error(
    ename="KeyError",
    evalue="'pric'",
    traceback=(
        f"\x1b[31m{_RULE}\x1b[39m",
        "KeyError                                  Traceback (most recent call last)",
        "File /opt/v/lib/python3.11/site-packages/pandas/core/indexes/base.py:3816, in "
        "Index.get_loc(self, key)\n   3815 try:\n-> 3816     return self._engine.get_loc(key)\n",
        "File pandas/_libs/index.pyx:172, in pandas._libs.index.IndexEngine.get_loc()\n"
        "--> 172 'Could not get source, probably due dynamically evaluated source code.'\n",
        "KeyError: 'pric'",
        "\nThe above exception was the direct cause of the following exception:\n",
        "KeyError                                  Traceback (most recent call last)",
        "Cell In[1], line 2\n      1 import pandas as pd\n"
        "----> 2 pd.DataFrame({'a':[1]})['pric']\n",
        "File /opt/v/lib/python3.11/site-packages/pandas/core/frame.py:4330, in "
        "DataFrame.__getitem__(self, key)\n   4326 \n"
        "-> 4330     indexer = 1\n   4333         else:\n",
        "File <frozen importlib._bootstrap>:1204, in _gcd_import(name, package, level)\n",
        "KeyError: 'pric'",
    ),
)


def texts(error: Error) -> list[str]:
    return [line.text for line in condense(error)]


def test_frames_of_libraries_are_a_count() -> None:
    assert texts(_KEY_ERROR) == [
        "KeyError: 'pric'",
        "Cell In[1], line 2",
        "      1 import pandas as pd",
        "----> 2 pd.DataFrame({'a':[1]})['pric']",
        "… 2 library frames",
    ]


def test_a_frame_of_compiled_code_is_known_by_its_path_that_leads_nowhere() -> None:
    lost = "'Could not get source, probably due dynamically evaluated source code.'"
    compiled = (
        f"File zmq/backend/cython/_zmq.py:1152, in zmq.backend.cython._zmq.Socket.send()\n"
        f"-> 1152 {lost}\n"
    )
    own = "File ~/project/tools.py:2, in send()\n----> 2 socket.send(1)\n"
    error = Error(ename="E", evalue="no", traceback=(own, compiled, compiled, "E: no"))

    assert texts(error)[1:] == [*own.splitlines(), "… 2 library frames"]


def test_the_arrow_of_a_line_with_a_large_number_is_a_part_of_its_frame() -> None:
    frame = _KEY_ERROR.traceback[-3]
    arrow = "  13786 x\n> 13788         return Grouped(\n  13789             obj=self,\n"
    parts = (*_KEY_ERROR.traceback[:-3], f"{frame.splitlines()[0]}\n{arrow}", "KeyError: 'pric'")
    error = Error(ename="KeyError", evalue="'pric'", traceback=parts)

    assert texts(error)[-1] == "… 1 library frame"


# raise RuntimeError("bad") from the ValueError of int("x")
_CHAIN = Error(
    ename="RuntimeError",
    evalue="bad",
    traceback=(
        _RULE,
        "ValueError                                Traceback (most recent call last)",
        "Cell In[1], line 2\n      1 try:\n----> 2     int('x')\n"
        "      3 except ValueError as err:\n",
        "ValueError: invalid literal for int() with base 10: 'x'",
        "\nThe above exception was the direct cause of the following exception:\n",
        "RuntimeError                              Traceback (most recent call last)",
        "Cell In[1], line 4\n      2     int('x')\n      3 except ValueError as err:\n"
        "----> 4     raise RuntimeError('bad') from err\n",
        "RuntimeError: bad",
    ),
)


def test_of_a_cause_only_what_differs_is_shown() -> None:
    assert texts(_CHAIN) == [
        "RuntimeError: bad",
        "Cell In[1], line 2",
        "----> 2     int('x')",
        "ValueError: invalid literal for int() with base 10: 'x'",
        "",
        "The above exception was the direct cause of the following exception:",
        "Cell In[1], line 4",
        "      2     int('x')",
        "      3 except ValueError as err:",
        "----> 4     raise RuntimeError('bad') from err",
    ]


def test_a_headline_in_the_status_line_is_not_repeated() -> None:
    assert not any("KeyError" in line.text for line in condense(_KEY_ERROR, is_told=True))
    assert condense(Error(ename="KeyboardInterrupt", evalue=""), is_told=True) == []


def test_line_numbers_are_those_of_the_whole_traceback() -> None:
    whole = traceback_lines(_KEY_ERROR)

    for line in condense(_KEY_ERROR)[1:]:
        assert whole[line.number] == line.text or line.text.startswith("… ")


def test_frames_of_the_users_modules_stay() -> None:
    error = Error(
        ename="ValueError",
        evalue="no",
        traceback=("File ~/project/model.py:3, in fit()\n----> 3 raise ValueError('no')\n",),
    )

    assert texts(error) == [
        "ValueError: no",
        "File ~/project/model.py:3, in fit()",
        "----> 3 raise ValueError('no')",
    ]


def test_a_syntax_error_shows_its_place() -> None:
    text = "  Cell In[3], line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n"
    error = Error(ename="SyntaxError", evalue="invalid syntax (1.py, line 1)", traceback=(text,))

    assert texts(error) == [
        "SyntaxError: invalid syntax (1.py, line 1)",
        "  Cell In[3], line 1",
        "    x = = 1",
        "        ^",
    ]


def test_equal_frames_of_a_recursion_are_a_count() -> None:
    frame = "Cell In[2], line 2, in f(n)\n----> 2     return f(n+1)\n"
    error = Error(
        ename="RecursionError",
        evalue="maximum recursion depth exceeded",
        traceback=("Cell In[2], line 3\n----> 3 f(0)\n", *[frame] * 980),
    )

    assert texts(error) == [
        "RecursionError: maximum recursion depth exceeded",
        "Cell In[2], line 3",
        "----> 3 f(0)",
        "Cell In[2], line 2, in f(n)",
        "----> 2     return f(n+1)",
        "… 979 equal frames",
    ]


def test_a_plain_python_traceback_is_folded_too() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/home/me/run.py", line 1, in <module>\n    main()\n    ~~~~^^\n'
        '  File "/usr/lib/python3.13/json/__init__.py", line 346, in loads\n    return 1\n'
        "ValueError: x\ny\n"
    )
    error = Error(ename="ValueError", evalue="x\ny", traceback=(text,))

    assert texts(error) == [
        "ValueError: x",
        "y",
        '  File "/home/me/run.py", line 1, in <module>',
        "    main()",
        "    ~~~~^^",
        "… 1 library frame",
    ]


def test_the_traceback_of_another_language_is_shown_as_it_is() -> None:
    error = Error(ename="ERROR", evalue="oh", traceback=("Error in f():", "1. g()", "2. h()"))

    assert texts(error) == ["ERROR: oh", "Error in f():", "1. g()", "2. h()"]


def test_an_error_without_traceback_is_its_headline() -> None:
    assert texts(Error(ename="KeyboardInterrupt", evalue="")) == ["KeyboardInterrupt"]
    assert traceback_lines(Error(ename="E", evalue="a\nb")) == ["E: a", "b"]


def test_an_error_without_a_name_is_what_there_is_of_it() -> None:
    assert headline(Error(ename="", evalue="127")) == "exit code 127"  # bash_kernel
    assert headline(Error(ename="", evalue="Cell has trailing backslash")).startswith("Cell has")


def test_the_class_of_what_was_raised_is_told_by_its_name() -> None:
    node = {"output_type": "error", "ename": "<class 'mine.Bad'>", "evalue": "1"}  # xeus-python

    error = from_nbformat(node)

    assert isinstance(error, Error)
    assert headline(error) == "mine.Bad: 1"


def test_a_long_message_repeats_no_line_when_it_is_cut() -> None:
    evalue = "\n".join(f"reason {n}" for n in range(1_000))
    error = Error(ename="E", evalue=evalue, traceback=("Cell In[1], line 1\n----> 1 f()\n",))

    excerpt = Passage.of_lines(condense(error)).fit(500, lambda *place: f"more{place}")

    shown = excerpt.text.split("\n")
    assert len(shown) == len(set(shown))
    assert shown[0] == "E: reason 0"
    assert "----> 1 f()" in shown
