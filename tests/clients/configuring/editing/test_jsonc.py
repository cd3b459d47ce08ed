"""JSON with comments is changed at one place; the rest stays as a person wrote it."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp_ext.clients.configuring.editing import jsonc
from jupyter_mcp_ext.clients.configuring.editing.text import Item, NotEditable, merged

PATH = ("mcpServers", "jupyter")
ENTRY = {"command": "/x/jupyter-mcp", "args": ["bridge"], "env": {}}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
KEYS = st.text(max_size=5).filter(lambda key: key not in PATH)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
BOOLEANS: st.SearchStrategy[bool] = st.booleans()
GAPS: st.SearchStrategy[str] = st.sampled_from(
    ["", " ", "\n", "\n    ", "\t", " // {,}\n", '/* " } */', "\r\n"]
)


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as a person might write it, with comments and trailing commas."""

    def gap() -> str:
        return draw(GAPS)

    if isinstance(value, dict | list):
        is_object = isinstance(value, dict)
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        members = []
        for key, member in pairs:
            name = f"{json.dumps(key)}{gap()}:{gap()}" if is_object else ""
            members.append(f"{gap()}{name}{draw(written(member))}{gap()}")
        trails = draw(BOOLEANS)
        trail = f",{gap()}" if members and trails else ""
        inner = ",".join(members) + trail
        return f"{{{inner}{gap()}}}" if is_object else f"[{inner}{gap()}]"
    is_ascii = draw(BOOLEANS)
    return json.dumps(value, ensure_ascii=is_ascii)


OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A file, and what it says."""
    data: dict[str, Any] = dict(draw(OBJECTS))
    if draw(st.booleans()):
        data["mcpServers"] = draw(OBJECTS)
    return f"{draw(GAPS)}{draw(written(data))}{draw(GAPS)}", data


def comments(text: str) -> int:
    """How many comments that `GAPS` makes a text has, and strings that look like them."""
    return text.count("// {,}") + text.count('/* " } */')


@given(files())
@settings(max_examples=100, deadline=None)
def test_a_file_says_the_same_and_one_entry_more(file: tuple[str, dict[str, Any]]) -> None:
    text, data = file

    changed = jsonc.put(text, PATH, ENTRY)

    servers = {**data.get("mcpServers", {}), "jupyter": ENTRY}
    assert jsonc.get(changed, ()) == {**data, "mcpServers": servers}
    assert comments(changed) == comments(text)


@given(files())
@settings(max_examples=100, deadline=None)
def test_an_entry_that_is_taken_out_leaves_what_was_there(
    file: tuple[str, dict[str, Any]],
) -> None:
    text, data = file

    after = jsonc.drop(jsonc.put(text, PATH, ENTRY), PATH)

    assert jsonc.get(after, ()) == {**data, "mcpServers": data.get("mcpServers", {})}
    assert comments(after) == comments(text)


@given(files(), st.data())
@settings(max_examples=100, deadline=None)
def test_any_member_can_be_changed_and_taken_out(
    file: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    text, before = file
    key = data.draw(st.sampled_from(sorted(before) or ["new"]))
    value = data.draw(VALUES)

    put = jsonc.put(text, (key,), value)

    assert jsonc.get(put, ()) == {**before, key: value}
    assert list(jsonc.get(put, ())) == list({**before, key: value})
    rest = {name: member for name, member in before.items() if name != key}
    assert jsonc.get(jsonc.drop(put, (key,)), ()) == rest


@given(st.text(alphabet='{}[]",:/* \n\\truefals01.e-', max_size=30))
@settings(max_examples=200, deadline=None)
def test_what_is_no_json_is_refused_and_what_is_json_is_read(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with suppress(NotEditable):  # it may have comments
            jsonc.get(text, ())
    else:
        assert jsonc.get(text, ()) == expected


def test_comments_order_and_layout_stay() -> None:
    text = """// mine
{
    "z": 1, // one
    /* two */
    "mcpServers": {
        "other": {"a": [1, 2]}, // three
    },
    "a": 2
    // four
}
"""

    assert jsonc.put(text, PATH, {"a": 1}) == text.replace(
        "// three\n", '// three\n        "jupyter": {\n            "a": 1\n        },\n'
    )
    assert jsonc.drop(jsonc.put(text, PATH, {"a": 1}), PATH) == text


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", '{\n  "a": 1\n}\n'),
        ("// c\n", '// c\n{\n  "a": 1\n}\n'),
        ("{}", '{\n  "a": 1\n}'),
        ('{"b": 2}', '{"b": 2, "a": 1}'),
        ('{"b": 2,}', '{"b": 2, "a": 1,}'),
        ('{\n\t"b": {}\n}', '{\n\t"b": {},\n\t"a": 1\n}'),
        ('{\n"b": 2 // c\n}', '{\n"b": 2, // c\n"a": 1\n}'),
    ],
)
def test_a_new_member_is_laid_out_as_the_others_are(text: str, changed: str) -> None:
    assert jsonc.put(text, ("a",), 1) == changed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": }', "'}' is not expected in line 1"),
        ('{\n"a": 1\n"b": 2}', "'\"' is not expected in line 3"),
        ('{"a": 1,\n,}', "',' is not expected in line 2"),
        ('{"a": 1', "its end is not expected in line 1"),
        ("{'a': 1}", '"\'" is not expected in line 1'),
        ('{"a": 01}', "'1' is not expected in line 1"),
        ('{"a": "\\x"}', "is not expected in line 1"),
        ("/* {}", "'/' is not expected in line 1"),
        ("{} {}", "'{' is not expected in line 1"),
        ("[1]", "'the whole' is not an object, in line 1"),
        ('{\n"mcpServers": [1]}', "'mcpServers' is not an object, in line 2"),
        ('{"mcpServers": {},\n"mcpServers": {}}', "'mcpServers' is there twice"),
        ('{"mcpServers": {"jupyter": 1,\n"jupyter": 2}}', "'mcpServers.jupyter' is there twice"),
        ('{"a":' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(NotEditable) as told:
        jsonc.put(text, PATH, ENTRY)

    assert words in str(told.value)


def test_the_item_of_a_list_is_changed_by_its_name() -> None:
    item = ("inputs", Item(key="id", value="b"))
    text = '{"inputs": [{"id": "a"}]}'

    put = jsonc.put(text, item, {"id": "b", "x": 1})

    assert put == '{"inputs": [{"id": "a"}, {"id": "b", "x": 1}]}'
    assert jsonc.put(put, (*item, "x"), 2) == put.replace("1", "2")
    assert jsonc.drop(put, item) == text


def test_members_of_an_entry_that_a_person_has_set_stay() -> None:
    text = jsonc.put("", PATH, {"url": "http://x", "disabled": True, "args": ["old"]})

    changed = merged(jsonc, text, PATH, ENTRY, frozenset({"url", "args", "command", "env"}))

    assert jsonc.get(changed, PATH) == {"disabled": True, **ENTRY}
    assert merged(jsonc, changed, PATH, ENTRY, frozenset({"url"})) == changed


@pytest.mark.parametrize("comment", ["", " // mine\n"])
def test_what_is_beside_an_entry_costs_no_step_of_this_program(comment: str) -> None:
    def steps(projects: int) -> int:
        beside = {f"/p{n}": {"history": [{"display": "x"}] * 10} for n in range(projects)}
        rest = json.dumps({"projects": beside, "mcpServers": {"jupyter": {"a": 1, "b": 2}}})
        text = f"{{{comment}{rest[1:]}"
        count = 0

        def step(frame: FrameType, event: str, _: object) -> None:
            nonlocal count
            count += event == "call" and frame.f_code.co_filename == jsonc.__file__

        before = sys.getprofile()
        sys.setprofile(step)
        try:
            path = ("mcpServers", "jupyter")
            merged(jsonc, text, path, {"url": "x", "type": "http"}, frozenset("ab"))
        finally:
            sys.setprofile(before)
        return count

    assert steps(1_000) <= steps(10)
