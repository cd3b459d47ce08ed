"""Declarations of bash variables, read from texts that bash 5.2 prints."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from jupyter_mcp_ext.variables.declarations import Declaration, declarations


def only(text: str) -> Declaration:
    [found] = declarations(text)
    return found


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('declare -- x="5"\n', "string", "5"),
        ('declare -i n="3"\n', "integer", "3"),
        ('declare -n ref="x"\n', "reference", "x"),
        ('declare -- y="a \\"b\\" \\$c \\`d\\` \\\\e"\n', "string", 'a "b" $c `d` \\e'),
        ("declare -- z=$'a\\nb\\tc\\E[0m\\001\\''\n", "string", "a\nb\tc\x1b[0m\x01'"),
        ('declare -- t="1\ndeclare -- no=\\"2\\""\n', "string", '1\ndeclare -- no="2"'),
        ('declare -- empty=""\n', "string", ""),
    ],
)
def test_a_variable_has_its_text(text: str, kind: str, value: str) -> None:
    found = only(text)

    assert (found.type, found.value, found.is_set) == (kind, value, True)


def test_a_variable_without_a_value_is_none_with_an_empty_one() -> None:
    assert not only("declare -- u\n").is_set
    assert not only("declare -a l\n").is_set


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ('declare -a arr=([0]="1" [1]="b c" [5]=")")\n', (("0", "1"), ("1", "b c"), ("5", ")"))),
        ('declare -A m=([k]="v" ["a b"]="q\\"r" )\n', (("k", "v"), ("a b", 'q"r'))),
        ("declare -A m=([$'a\\nb']=$'c\\nd' )\n", (("a\nb", "c\nd"),)),
        ('declare -A m=(["x]="]="[y]=" )\n', (("x]=", "[y]="),)),
        ("declare -a none=()\n", ()),
    ],
)
def test_an_array_has_its_elements(text: str, elements: tuple[tuple[str, str], ...]) -> None:
    found = only(text)

    assert found.is_array
    assert (tuple(found.elements()), found.count) == (elements, len(elements))


def test_functions_and_attributes_are_told() -> None:
    function, variable = declarations('declare -fx my-f\ndeclare -arx v=([0]="1")\n')

    assert (function.name, function.type) == ("my-f", "function")
    assert (variable.type, variable.attributes) == ("array", "readonly, exported")


def test_what_is_cut_off_is_left_out() -> None:
    found = declarations('declare -- a="1"\ndeclare -- b="a text that has no')

    assert [one.name for one in found] == ["a"]


def test_what_the_shell_and_its_environment_brought_is_not_the_users() -> None:
    text = (
        'declare -- BASH_VERSION="5"\ndeclare -x PATH="/bin"\ndeclare -x HOME="/mine"\n'
        'declare -x SECRET="s"\ndeclare -- _="x"\ndeclare -f displayHTML\ndeclare -f f\n'
    )

    mine = [d.name for d in declarations(text) if d.is_users({"PATH": "/bin", "SECRET": "s"})]

    assert mine == ["HOME", "f"]


@pytest.mark.parametrize("environment", [{}, {"PATH": os.environ["PATH"], "LANG": "C"}])
def test_what_a_bash_sets_in_a_bare_environment_is_not_the_users(
    environment: dict[str, str],
) -> None:
    script = "mine=1; declare -F; declare -p"
    bash = shutil.which("bash") or "/bin/bash"
    done = subprocess.run([bash, "-c", script], env=environment, capture_output=True, check=True)

    found = declarations(done.stdout.decode())

    assert [one.name for one in found if one.is_users(environment)] == ["mine"]


def test_whatever_a_bash_holds_is_read_as_it_is() -> None:
    hard = ["a\nb", "'\"\\$`!", "]=", "[0]=(", "é😀", "\\n", "a b)", "$'x'", '"', "\\\\", "\x1b[0m"]
    values = [chr(number) for number in range(1, 128)] + hard
    script = 'for v; do x=$v; a=("$v" "$v"); declare -A m=(["$v"]="$v"); declare -p x a m; done'

    shell = subprocess.run(
        ["bash", "-c", script, "-", *values], capture_output=True, check=True, timeout=60
    )

    found = list(declarations(shell.stdout.decode()))
    for number, value in enumerate(values):
        x, a, m = found[3 * number : 3 * number + 3]
        assert x.value == value, repr(value)
        assert tuple(a.elements()) == (("0", value), ("1", value)), repr(value)
        assert tuple(m.elements()) == ((value, value),), repr(value)
