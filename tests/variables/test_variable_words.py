"""Variables described in text."""

from __future__ import annotations

from jupyter_mcp_ext.variables import variable_words
from jupyter_mcp_ext.variables.model import FactTable, Inspection, Listing, Names, Text, Variable


def listed(found: Listing, *, filter: str = "", room: int = 10_000) -> list[str]:
    return variable_words.listing(found, filter=filter, room=room, where="abc (python3)")[
        0
    ].splitlines()


def test_a_list_is_a_table_and_the_rest_by_name() -> None:
    found = Listing(
        total=6,
        data=2,
        variables=(
            Variable(name="df", type="pandas.DataFrame", shape="3 x 2", bytes=1_500, preview="a|b"),
            Variable(name="n", type="int", bytes=28, preview="1"),
        ),
        functions=Names(total=3, names=("f", "g", "h")),
        modules=Names(total=1, names=("np (numpy)",)),
    )

    assert listed(found) == [
        "abc (python3): 2 variables, newest first",
        "| name | type | shape | size | preview |",
        "|---|---|---|---|---|",
        "| df | pandas.DataFrame | 3 x 2 | 1.5 kB | a\\|b |",
        "| n | int |  | 28 B | 1 |",
        "functions (3): f, g, h",
        "modules (1): np (numpy)",
    ]


def test_what_has_no_room_is_counted_with_the_call_that_shows_it() -> None:
    variables = tuple(Variable(name=f"v{n}", type="int", preview="1") for n in range(200))
    found = Listing(total=200, data=200, variables=variables[:50])

    words, shown = variable_words.listing(found, filter="v*", room=1_000, where="abc")

    assert 0 < shown < 50
    assert len(words) <= 1_000
    assert f'{200 - shown} older left out: get_variables(filter="v*", limit=200)' in words
    assert f"the newest {shown} shown" in words.splitlines()[0]


def test_a_filter_that_fits_nothing_says_of_how_many() -> None:
    found = Listing(total=12, data=0, variables=())

    assert listed(found, filter="x") == ['abc (python3): none of 12 variables that fit "x"']
    assert listed(Listing(total=0, data=0, variables=())) == ["abc (python3): 0 variables"]


def test_names_of_functions_do_not_crowd_the_variables_out() -> None:
    names = Names(total=5_000, names=tuple("f" * 90 + str(n) for n in range(100)))
    found = Listing(total=1, data=1, variables=(Variable(name="x"),), functions=names)

    [*_, last] = listed(found)

    assert len(last) < variable_words.MAX_NAMES + 100
    assert "more" in last


def test_an_inspection_stays_within_its_room() -> None:
    found = Inspection(
        type="T",
        facts=(("shape", "3"),),
        sections=(
            FactTable(title="columns", columns=("a", "b"), rows=(("1", "2|3"),) * 100),
            Text(title="value", text="x" * 100_000),
        ),
        notes=("a note",),
    )

    words = variable_words.inspection(found, name="t", room=2_000)

    assert words.startswith(
        "t: T\nshape: 3\n! a note\ncolumns:\n| a | b |\n|---|---|\n| 1 | 2\\|3 |"
    )
    assert words.endswith("… more than fits one answer is left out")
    assert len(words) <= 2_000


def test_a_line_that_is_too_long_is_shown_in_part() -> None:
    found = Inspection(type="str", sections=(Text(title="value", text="x" * 100_000),))

    words = variable_words.inspection(found, name="s", room=2_000)

    assert words.count("x") > 1_000
    assert len(words) <= 2_000
