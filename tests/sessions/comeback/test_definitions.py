"""The parts of a session's cells that can be run again without side effects."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_mcp_ext.sessions.comeback.definitions import definitions

HARMLESS = [
    "import os, sys as system",
    "from math import *",
    "from __future__ import annotations",
    "try:\n    import a\nexcept ImportError:\n    a = None",
    "try:\n    import a\n    OK = True\nexcept (ImportError, OSError) as e:\n    pass",
    "def f(a, b=1, *, c: int = -2, **d: list[str] | None) -> None:\n    # why\n    return launch()",
    "async def f(): ...",
    "class A:\n    '''Text.'''  # kept\n    x: int\n    y: int = 3\n    Z = (1, 'a')\n"
    "    def m(self): go()",
    "class A(Exception):\n    class B(ValueError):\n        pass",
    "class A:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, v): ...\n"
    "    @classmethod\n    def c(cls): ...\n    @staticmethod\n    async def s(): ...",
    "X = 1",
    "X = -1.5",
    "X = 1 - 2j",
    "X = ('a', b'b', None, (True, 1))",
    "X = frozenset({1, 2})",
    "X: int = 3",
]

HARMFUL = [
    "launch()",
    "X = launch()",
    "X = [1]",
    "X = {}",
    "X = f'{launch()}'",
    "X = Y = 1",
    "X, Y = 1, 2",
    "X.y = 1",
    "X = ...",
    "def f(a=launch()): ...",
    "def f(a=[]): ...",
    "def f(a: launch()): ...",
    "def f(a=unknown): ...",
    "@launch\ndef f(): ...",
    "class A(launch()): ...",
    "class A(Unknown): ...",
    "class A:\n    launch()",
    "class A:\n    x = launch()",
    "class A:\n    x = []",
    "class A:\n    for i in range(3): ...",
    "class A:\n    @launch\n    def f(self): ...",
    "@launch\nclass A: ...",
    "try:\n    import a\nexcept ImportError:\n    launch()",
    "try:\n    import a\nexcept launch():\n    pass",
    "try:\n    X = 1\nexcept ValueError:\n    pass",
    "if launch():\n    import os",
    "with launch() as X: ...",
    "for X in range(3): ...",
    "1",
]


@pytest.mark.parametrize("cell", HARMLESS)
def test_what_only_defines_is_run_again_as_it_was_written(cell: str) -> None:
    assert definitions([cell]).sources == (cell,)


@pytest.mark.parametrize("cell", HARMFUL)
def test_what_may_do_something_is_left_out(cell: str) -> None:
    found = definitions([cell])

    assert (found.sources, found.names) == ((), frozenset())


def test_the_names_are_those_that_are_bound() -> None:
    found = definitions(
        [
            "import os.path, json as j\nfrom math import pi as PI\n"
            "def f(): g = 1\nclass A: x = 1\nN = 1"
        ]
    )

    assert found.names == {"os", "j", "PI", "f", "A", "N"}


def test_a_cell_is_taken_apart() -> None:
    found = definitions(["import os; launch()\n\ndef f(): ...\nf()"])

    assert found.sources == ("import os", "def f(): ...")


DATACLASSES = [
    "@dataclass\nclass A:\n    x: int\n    y: list[int] = field(default_factory=list)",
    "@dataclasses.dataclass(frozen=True, order=True)  # why\nclass A:\n"
    "    x: int = dataclasses.field(default=1, repr=False)",
]


@pytest.mark.parametrize("cell", DATACLASSES)
def test_a_dataclass_is_a_definition_with_its_decorator(cell: str) -> None:
    imports = ("import dataclasses", "from dataclasses import dataclass, field")

    assert definitions([*imports, cell]).sources == (*imports, cell)
    assert definitions([cell]).sources == ()


@pytest.mark.parametrize(
    "cell",
    [
        "@dataclass(frozen=launch())\nclass A:\n    x: int",
        "@dataclass\nclass A:\n    x: int = launch()",
        "@dataclass\nclass A:\n    x: int = field(default_factory=lambda: launch())",
        "@dataclass\n@launch\nclass A:\n    x: int",
    ],
)
def test_a_dataclass_that_calls_something_is_left_out(cell: str) -> None:
    imports = "from dataclasses import dataclass, field"

    assert definitions([imports, "def launch(): ...", cell]).names == {
        "dataclass",
        "field",
        "launch",
    }


@pytest.mark.parametrize(
    "other",
    [
        "N = 6",
        "N = launch()",
        "N += 1",
        "del N",
        "for N in range(3): ...",
        "with launch() as N: ...",
        "import N",
        "if x:\n    import a as N",
        "def N(): ...",
        "class N: ...",
        "def f():\n    global N\n    N = 2",
        "(N := 3)",
        "[N := i for i in x]",
        "try: ...\nexcept E as N: ...",
        "match x:\n    case {'a': 1, **N}: ...",
        "match x:\n    case [*N]: ...",
        "match x:\n    case int() as N: ...",
        "%time N = 6",
        "N = !ls",
        "N = %pwd",
        "%%time\nN = 6",
        "a, N = 1, 2",
    ],
)
def test_a_name_that_is_also_bound_by_something_else_is_not_a_constant(other: str) -> None:
    assert "N = 5" not in definitions(["N = 5", other]).sources
    assert "N" not in definitions(["N = 5", other]).names - definitions([other]).names


@pytest.mark.parametrize(
    "other",
    [
        "N = 5",
        "def f(N): N = 2",
        "lambda N: 1",
        "[N for N in x]",
        "class A:\n    N = 2",
        "print(N)",
        "a.N = 3",
        "%timeit N",
        "N?",
        "%%bash\nls -l",
    ],
)
def test_a_constant_is_one_when_nothing_else_binds_it(other: str) -> None:
    found = definitions(["N = 5", other])

    assert found.sources.count("N = 5") == 1
    assert "N" in found.names


def test_a_cell_that_is_a_magic_as_a_whole_is_left_out() -> None:
    assert definitions(["%%time\nimport os", "%%bash\nls"]).sources == ()


@pytest.mark.parametrize(
    "magic",
    ["%matplotlib inline", "!pip install x", "x = !ls", "x = %pwd", "os?", "?os", "os.path??"],
)
def test_line_magics_are_left_out_line_by_line(magic: str) -> None:
    found = definitions([f"import os\n{magic}\nif 1:\n    {magic}\ndef f():\n    return 1"])

    assert found.sources == ("import os", "def f():\n    return 1")


def test_a_function_with_a_magic_in_it_is_left_out() -> None:
    assert definitions(["def f():\n    !ls\n\ndef g(): ..."]).sources == ("def g(): ...",)


def test_what_looks_like_a_magic_in_a_string_is_not_one() -> None:
    cell = 'TEXT = """\n%magic\n!ls\n"""'

    assert definitions([cell]).sources == (cell,)


@pytest.mark.parametrize("cell", ["def f(:", "import os\nx = = 1", "a\0b", "(" * 1000, ""])
def test_a_cell_that_does_not_parse_is_left_out(cell: str) -> None:
    assert definitions([cell, "import sys"]).sources == ("import sys",)


def test_a_very_long_expression_is_parsed() -> None:
    assert definitions([f"x = {'1 + ' * 2000}1", "import sys"]).sources == ("import sys",)


def test_a_repeated_definition_is_kept_once_at_its_last_place() -> None:
    cells = ["def f(): return 1", "def f(): return 2", "def f(): return 1"]

    assert definitions(cells).sources == (cells[1], cells[0])


def test_a_repeated_definition_stays_before_what_needs_it() -> None:
    a, b = "class A: ...", "class B(A): ..."

    assert definitions([a, b, a]).sources == (a, b, a)
    assert definitions([a, b] * 50).sources == (a, b)


def test_a_default_must_be_a_definition_itself() -> None:
    f = "def f(n=N): ..."

    assert definitions(["N = 5", f]).sources == ("N = 5", f)
    assert definitions([f, "N = 5"]).sources == ("N = 5",)
    assert definitions(["N = launch()", f]).sources == ()
    assert definitions(["N = 5", f, "N = 6"]).sources == ()


def test_what_the_session_has_already_can_be_needed() -> None:
    cells = ["class B(A): ...", "def f(n=N): ..."]

    assert definitions(cells, given=["A", "N"]).sources == tuple(cells)
    assert definitions(["N = go()", *cells], given=["A", "N"]).sources == (cells[0],)


def test_what_rests_on_something_left_out_is_left_out_too() -> None:
    cells = ["class A(launch()): ...", "class B(A): ...", "def f(b: B): ...", "def g(x=f): ..."]

    assert definitions(cells).sources == ()


def test_a_name_that_something_else_binds_too_is_not_a_definitions() -> None:
    found = definitions(["import functools\ndef f(): ...\nf = functools.lru_cache(f)"])

    assert found.sources == ("import functools",)
    assert found.names == {"functools"}


def test_what_is_defined_last_is_what_counts() -> None:
    assert definitions(["for f in x: ...", "def f(): ..."]).names == {"f"}
    assert definitions(["def f(): ...", "for f in x: ..."]).names == set()
    assert definitions(["def g():\n    global f", "def f(): ..."]).names == {"g"}


def test_of_a_cell_that_did_not_run_to_its_end_nothing_is_run_again() -> None:
    cells = ["import os", "X = 1\nwait()\nTRAINED = True\nimport json\ndef f(): ..."]

    assert definitions(cells, unfinished={1: None}).sources == ("import os",)


def test_of_a_cell_that_raised_only_the_statements_before_that_are_run_again() -> None:
    cell = "X = 1\ndef f():\n    ...\nwith A() as a:\n    go()\nY = 2\ndef g(): ..."

    for line in (4, 5):
        found = definitions([cell], unfinished={0: line})
        assert found.sources == ("X = 1", "def f():\n    ...")
        assert found.names == {"X", "f"}
    assert definitions(["X = 1; go(); Y = 2"], unfinished={0: 1}).sources == ()


def test_what_an_unfinished_cell_may_have_bound_is_unknown() -> None:
    one, other = "def f(): return 1", "def f(): return 2"

    assert definitions([one, other], unfinished={1: None}).sources == ()
    assert definitions(["N = 1", "N = 2"], unfinished={1: None}).sources == ()
    assert definitions([other, one], unfinished={0: None}).sources == (one,)
    assert definitions([one, "f = g(f)"], unfinished={1: None}).sources == ()


def test_an_unfinished_cell_that_only_repeats_changes_nothing() -> None:
    cell = "import os\nN = 5\ndef f(): ..."
    lines = ("import os", "N = 5", "def f(): ...")

    assert definitions([cell, f"{cell}\ngo()"], unfinished={1: None}).sources == lines
    assert definitions([f"go()\n{cell}", cell], unfinished={0: 1}).sources == lines
    assert definitions([cell, "N = go()", cell], unfinished={2: None}).sources == lines[::2]


def test_five_hundred_cells_are_read_at_once() -> None:
    cells = [
        f"import os\nN{i} = {i}\nclass A{i}:\n    x: int\n\ndef f(a=N{i}): ..." for i in range(500)
    ]

    assert len(definitions(cells).sources) == 1501


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "; "])
def test_statements_are_taken_from_their_cell_as_they_are_written(end: str) -> None:
    written = ["É = 'é\f\x0b\u2028é'", "B = 2", "lambda: 0", "C: int = 3"]
    if end != "; ":
        written += ["@dataclass\nclass D:\n    x: int = 1", "def f(): return 'ß'"]

    found = definitions(["from dataclasses import dataclass" + end + end.join(written)])

    assert [*found.sources[1:]] == [one for one in written if "lambda" not in one]


async def test_a_cell_of_very_many_statements_is_read() -> None:
    cell = "\n".join(f"X{n} = {n}" for n in range(30_000))

    found = await asyncio.wait_for(
        asyncio.to_thread(definitions, [cell]), 60
    )  # quadratic cost would take half an hour

    assert len(found.sources) == 30_000


def test_no_cells_define_nothing() -> None:
    assert definitions([]).sources == ()
