"""YAML is changed at one place; the rest stays as a person wrote it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp_ext.clients.configuring.editing import yaml
from jupyter_mcp_ext.clients.configuring.editing.text import (
    MAX_SLOW,
    Item,
    NotEditable,
    Path,
    merged,
)

MAPPING: Path = ("extensions", "jupyter")
LIST: Path = ("mcpServers", Item(key="name", value="jupyter"))
ENTRY = {"name": "jupyter", "cmd": "/x", "args": ["bridge", "--server", "8888"], "envs": {}}

TEXTS = [
    "",
    "# only a comment\n",
    "a: 1 # one",
    "extensions:\nmcpServers:\n",
    "extensions: # c\nb: 1\n",
    "extensions: {}\nmcpServers: []\n",
    "extensions: ~ # none\n",
    "# c\n{}\n",
    "extensions: {a: {b: 1}} # flow\nmcpServers: [{name: o}]\n",
    "extensions:\n    dev: # k\n        a: 1 # x\n    # tail\n\nb: |\n  text\n",
    "extensions:\n  a:\n    d: |\n      foo\n\nb: >-\n  bar\n",
    "name: x\nmcpServers:\n- name: a\n  command: b # c\n# t\nz: [1,\n  2] # multi\n",
    "mcpServers:\n  - name: a\n    args: [x]\nmodels:\n  - &m {name: n}\n  - *m\n",
    "---\nextensions:\n  'a b': \"c\\td\"\n  on: !custom x\n...\n",
    'extensions: "text"\n',
]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
NUMBER = re.compile(  # the core schema of YAML 1.2
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|true|True|TRUE|false|False|FALSE|null|Null|NULL|~|"
)


def is_editable(text: str, path: Path) -> bool:
    try:
        yaml.get(text, path)
    except NotEditable:
        return False
    return True


@pytest.mark.parametrize("path", [MAPPING, LIST], ids=["mapping", "list"])
@pytest.mark.parametrize("text", TEXTS)
def test_every_comment_stays_and_one_entry_comes_and_goes(text: str, path: Path) -> None:
    if not is_editable(text, path):
        with pytest.raises(NotEditable):
            yaml.put(text, path, ENTRY)
        return

    put = yaml.put(text, path, ENTRY)
    gone = yaml.drop(put, path)

    assert yaml.get(put, path) == ENTRY
    assert yaml.get(gone, path) is None
    assert [put.count("#"), gone.count("#")] == [text.count("#")] * 2
    if "custom" not in text:
        before, after = reference.safe_load(text) or {}, reference.safe_load(gone)
        assert {**after, path[0]: None} == {**before, path[0]: None}
        assert (after[path[0]] or None) == (before.get(path[0]) or None)


NAMES = st.text(min_size=1, max_size=6)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(NAMES, TREES, max_size=3),
    st.dictionaries(NAMES, TREES, max_size=3),
    st.sampled_from([True, False, None]),
    st.integers(2, 6),
)
@settings(max_examples=100, deadline=None)
def test_any_file_says_the_same_and_one_entry_more_or_stays(
    root: dict[str, Any], extensions: dict[str, Any], flow: bool | None, indent: int
) -> None:
    data = {**root, "extensions": extensions}
    text = reference.safe_dump(
        data, default_flow_style=flow, indent=indent, sort_keys=False, allow_unicode=True
    )
    expected = reference.safe_load(text)

    try:
        put = yaml.put(text, MAPPING, ENTRY)
    except NotEditable:
        return  # what cannot be changed safely

    found = reference.safe_load(put)
    assert found["extensions"].pop("jupyter") == ENTRY
    expected["extensions"].pop("jupyter", None)
    assert found == expected


@given(st.text(alphabet="0123456789exoXE+-._~aflsnrutINF", max_size=8) | st.text(max_size=8))
@settings(max_examples=300, deadline=None)
def test_a_text_is_one_in_every_version_of_yaml(value: str) -> None:
    put = yaml.put("", ("a", "b"), {"c": value, "d": [value]})

    assert yaml.get(put, ("a", "b")) == {"c": value, "d": [value]}
    for line in put.splitlines():
        written = line.strip().removeprefix("c: ").removeprefix("- ")
        assert not NUMBER.fullmatch(written), line


@pytest.mark.parametrize(
    "text",
    [
        "{extensions: {a: {b: 1}, 'c': [x,y] }, z: 1}\n",
        "extensions: {\n  a: {b: 1},  # one\n}\n",
        "extensions: {a: 1}\n",
    ],
)
def test_what_stands_beside_an_entry_in_brackets_stays_as_it_is_written(text: str) -> None:
    assert yaml.drop(yaml.put(text, MAPPING, ENTRY), MAPPING) == text


def test_the_first_of_several_in_brackets_is_taken_out() -> None:
    text = "extensions: {jupyter: {a: 1}, 'b' : [x,y]}\n"

    assert yaml.drop(text, MAPPING) == "extensions: {'b' : [x,y]}\n"


def test_only_what_differs_in_an_entry_is_changed() -> None:
    text = (
        "extensions:\n  jupyter: # mine\n    enabled: false # off\n    args: # the\n"
        "      - old\n    uri: http://x\n  # tail\nz: 1\n"
    )

    put = merged(yaml, text, MAPPING, {"args": ["new"]}, frozenset({"uri"}))

    assert put == (
        "extensions:\n  jupyter: # mine\n    enabled: false # off\n    args: # the\n"
        "    - new\n  # tail\nz: 1\n"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b: c\n", "it is not valid YAML in line 1"),
        ("a: 1\n\tb: 2\n", "it is not valid YAML in line 2"),
        ("a: 1\n--- \nb: 2\n", "it is not valid YAML"),
        ("- 1\n", "'the whole' is not a mapping, in line 1"),
        ("a: 1\nextensions: 5\n", "'extensions' is not a mapping, in line 2"),
        (
            "extensions: {}\nextensions: {}\n",
            "'extensions' is there twice, the second time in line 2",
        ),
        ("[" * 5_000, ""),
        ("a: &a [*a]\n", "it refers to itself"),
        ("extensions:\n  jupyter: &a [*a]\n", "it refers to itself"),
        (BOMB, "it has more than 100,000 values, with those that its aliases repeat"),
        ("# " + "x" * MAX_SLOW, "it has more than 500,000 characters"),
        ("? extensions\n", "in a way that this command does not change safely"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(NotEditable) as told:
        yaml.put(text, MAPPING, ENTRY)

    assert words in str(told.value)
