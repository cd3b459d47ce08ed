"""Text replaced as a model quotes it: what matches, what is refused, what the diff shows."""

from __future__ import annotations

import time

import pytest

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.files.edits import MAX_DIFF, Edit, Named, replace

CODE = """\
def area(r):
    if r < 0:
        raise ValueError
    return 3 * r * r
"""


def edit(text: str, old: str, new: str, *, replace_all: bool = False) -> Edit:
    return replace(text, old, new, replace_all=replace_all, named=Named(name='"a.py"'))


def test_an_exact_text_is_replaced_and_nothing_else() -> None:
    edited = edit(CODE, "3 * r", "3.14 * r")

    assert edited.text == CODE.replace("3 * r", "3.14 * r")
    assert (edited.count, edited.how) == (1, "")


def test_the_diff_shows_the_lines_around_the_change_with_their_numbers() -> None:
    assert edit(CODE, "3 * r", "3.14 * r").diff.splitlines() == [
        "@@ -2,3 +2,3 @@",
        "     if r < 0:",
        "         raise ValueError",
        "-    return 3 * r * r",
        "+    return 3.14 * r * r",
    ]


def test_lines_quoted_with_another_indentation_are_found_and_indented_as_in_the_file() -> None:
    edited = edit(CODE, "if r < 0:\n    raise ValueError\n", "if r < 0:\n    r = 0\n    print(r)\n")

    assert edited.text == (
        "def area(r):\n    if r < 0:\n        r = 0\n        print(r)\n    return 3 * r * r\n"
    )
    assert edited.how == "indentation"


def test_blanks_at_the_ends_of_lines_are_passed_over() -> None:
    edited = edit("a = 1  \nb = 2\n", "a = 1\nb = 2", "c = 3")

    assert edited.text == "c = 3\n"
    assert edited.how


def test_lines_whose_indentation_differs_each_in_its_way_are_found_last() -> None:
    edited = edit("if x:\n\tgo()\n", "if x:\n  go()", "stop()")

    assert edited.text == "stop()\n"
    assert edited.how == "blanks at the ends of lines"


def test_an_exact_fit_wins_over_a_similar_one() -> None:
    edited = edit("    a\na\n", "\na\n", "\nb\n")

    assert edited.text == "    a\nb\n"


def test_lines_can_be_taken_out_with_their_ends() -> None:
    assert edit("  a  \n  b\nc\n", "a\nb\n", "").text == "c\n"


def test_the_last_line_without_an_end_stays_so() -> None:
    assert edit("a\n  b ", "b\n", "c\n").text == "a\n  c"


def test_a_text_that_fits_thrice_is_refused_with_its_lines() -> None:
    with pytest.raises(ContentsError, match=r"fits 3 places .*lines 1, 2, 4") as refusal:
        edit("x = 1\nx = 2\n\nx = 3\n", "x = ", "y = ")

    assert "replace_all" in str(refusal.value)


def test_a_text_that_fits_often_in_a_line_is_refused_with_that_line() -> None:
    with pytest.raises(ContentsError, match=r"fits 3 places in .* \(line 2\)"):
        edit("a\nx x x\n", "x", "y")


def test_a_text_with_the_line_ends_of_windows_fits_one_without_them() -> None:
    assert edit("a = 1\nb = 2\n", "= 1\r\nb", "= 3\r\nc").text == "a = 3\nc = 2\n"
    assert edit("a = 1\r\nb = 2\n", "1\r\nb", "3\r\nc").text == "a = 3\r\nc = 2\n"


def test_all_places_are_replaced_when_that_is_asked_for() -> None:
    edited = edit("x = 1\nx = 2\n\nx = 3\n", "x", "y", replace_all=True)

    assert edited.text == "y = 1\ny = 2\n\ny = 3\n"
    assert edited.count == 3
    assert edited.diff.count("@@ -") == 1


def test_distant_places_are_separate_hunks_with_their_own_line_numbers() -> None:
    text = "x\n" + "-\n" * 20 + "x\n"

    diff = edit(text, "x", "y\nz", replace_all=True).diff

    assert [line for line in diff.splitlines() if line.startswith("@@")] == [
        "@@ -1,3 +1,4 @@",
        "@@ -20,3 +21,4 @@",
    ]


def test_what_does_not_occur_is_refused_with_the_place_of_its_first_line() -> None:
    with pytest.raises(ContentsError, match="first line is in line 2"):
        edit(CODE, "    if r < 0:\n        return 0", "pass")
    with pytest.raises(ContentsError, match="does not occur"):
        edit(CODE, "nowhere", "x")


@pytest.mark.parametrize(("old", "new"), [("", "x"), ("return", "return")])
def test_an_edit_that_says_nothing_is_refused(old: str, new: str) -> None:
    with pytest.raises(InvalidArgument):
        edit(CODE, old, new)


def test_line_ends_of_windows_are_kept() -> None:
    edited = edit("a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz")

    assert edited.text == "x\r\ny\r\nz\r\nc\r\n"


def test_mixed_line_ends_are_left_as_they_are() -> None:
    assert edit("a\r\nb\nc\n", "b\n", "x\n").text == "a\r\nx\nc\n"


@pytest.mark.parametrize("lines", [10, 1_000])
def test_a_long_diff_is_cut(lines: int) -> None:
    old = "".join(f"{'a' * 400} {n}\n" for n in range(lines))

    edited = edit(f"first\n{old}", old, old.replace("a", "b"))

    assert len(edited.diff) <= MAX_DIFF
    assert edited.diff.startswith("@@ -")
    assert edited.diff.endswith("left out")


def test_a_large_text_is_edited_within_seconds() -> None:
    text = "".join(f"    value_{n} = {n}\n" for n in range(1_000_000))
    began = time.process_time()

    edited = edit(text, "value_999998 = 999998  \nvalue_999999 = 999999", "last = 1")

    assert edited.text.endswith("value_999997 = 999997\n    last = 1\n")
    assert time.process_time() - began < 20
