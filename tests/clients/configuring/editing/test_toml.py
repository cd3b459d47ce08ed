"""TOML is changed at one table; the rest stays as a person wrote it."""

from __future__ import annotations

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp_ext.clients.configuring.editing import toml
from jupyter_mcp_ext.clients.configuring.editing.text import MAX_SLOW, Item, NotEditable, merged

PATH = ("mcp_servers", "jupyter")
ENTRY = {"command": "/x", "args": ["bridge"], "env": {"A": 'b"c'}, "approve": True}

TEXTS = [
    "",
    "# only a comment",
    'model = "x" # c\n\n[mcp_servers.a] # d\ncommand = "a"\n\n[profiles.b]\nz = 1\n',
    '[mcp_servers.a]\nx=1\n[o]\ny=1\n[mcp_servers.b]\nz=[ 1,2 ,]\n[mcp_servers.a.env]\nq = "é"\n',
    "mcp_servers.a.x = 1 # dotted\n[z]\n",
    '[["odd"]]\na = """\n[mcp_servers.jupyter]\n"""\n',
    "mcp_servers = {a = {x = 1}} # inline\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_line_stays_and_one_table_comes_and_goes(text: str) -> None:
    put = toml.put(text, PATH, ENTRY)

    assert toml.get(put, PATH) == ENTRY
    inline = "inline" in text
    assert all(inline or line in put.splitlines() for line in text.splitlines())
    before, after = tomlkit.parse(text).unwrap(), tomlkit.parse(toml.drop(put, PATH)).unwrap()
    assert {**after, "mcp_servers": {}} == {**before, "mcp_servers": {}}
    assert after.get("mcp_servers", {}) == before.get("mcp_servers", {})
    assert put.count("#") == text.count("#")


def test_only_what_differs_in_an_entry_is_changed() -> None:
    text = '[mcp_servers.jupyter] # mine\nurl = "http://x" # old\nenabled = false # off\n\n[z]\n'

    put = merged(toml, text, PATH, {"command": "/x", "args": ["y"]}, frozenset({"url"}))

    assert "# mine" in put
    assert "enabled = false # off\n" in put
    assert toml.get(put, PATH) == {"enabled": False, "command": "/x", "args": ["y"]}
    assert put.endswith("\n[z]\n")


BLOCKS = [
    "# Settings of my profile\n[profiles.b] # b\nz = 1\n",
    '[mcp_servers.jupyter-x]\n\'a b\'.c = """\n[ mcp_servers.jupyter ]\n# no comment""""" # e\n',
    "[mcp_servers.other]\nargs = [ # one\n  '#', # two\n  { a = [1, ']'] },\n]\n# three\n",
    "[[hooks]]\nat = 1979-05-27T07:32:00Z\nis = nan\n  # indented\n[[hooks]]\n\n\n",
    "\t[ 'q\"' . \"mcp_servers\\t\" ]\r\n  x = '''\n'\\'''' # crlf\r\n",
]
OURS = [
    "",
    "[mcp_servers.jupyter]\ncommand = 'old'\nenabled = false\n[mcp_servers.jupyter.env]\nA = 'b'\n",
    "[mcp_servers]\njupyter.command = 'old'\njupyter.enabled = false\n",
    "[mcp_servers]\njupyter = { command = 'old', enabled = false, env = { A = 'b' } }\n",
    '["mcp_servers" . "\\u006aupyter"]\n  command = "old"\n  enabled = false\n',
    "[ mcp_servers . jupyter . env ]\n'A' = 'b'\n",
]
ORDERS: st.SearchStrategy[list[str]] = st.permutations(BLOCKS)
PLACES: st.SearchStrategy[int] = st.integers(0, len(BLOCKS))


@given(ORDERS, PLACES, st.sampled_from(OURS))
@settings(max_examples=200, deadline=None)
def test_all_that_is_around_an_entry_stays_as_it_is_written(
    blocks: list[str], place: int, ours: str
) -> None:
    text = "".join([*blocks[:place], ours, *blocks[place:]])
    others = [line for block in blocks for line in block.splitlines(keepends=True) if line.strip()]

    put = merged(toml, text, PATH, ENTRY, frozenset({"command", "args", "env", "approve"}))
    gone = toml.drop(put, PATH)

    entry = toml.get(put, PATH)
    assert {**entry, **ENTRY} == entry
    assert entry.keys() - ENTRY.keys() <= {"enabled"}
    for changed in (put, gone):
        assert [line for line in changed.splitlines(keepends=True) if line in others] == others
    assert gone == text or ours
    assert toml.get(gone, PATH) is None


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text() | st.integers(-9, 9)))
@settings(max_examples=100, deadline=None)
def test_any_strings_are_written(members: dict[str, str | int]) -> None:
    put = toml.put("a = 1\n", ("t", "key with.dots"), {"env": members})

    assert toml.get(put, ("t", "key with.dots", "env")) == members


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = \n", "it is not valid TOML"),
        ("a = 1\nb = = 2\n", "line 2"),
        ("a = 1\na = 2\n", "it is not valid TOML"),
        ("# " + "x" * MAX_SLOW, "it has more than 500,000 characters"),
        ("mcp_servers = 1\n", "not in a table"),
        ("[[mcp_servers]]\n", "not in a table"),
    ],
)
def test_what_cannot_be_changed_is_refused(text: str, words: str) -> None:
    with pytest.raises(NotEditable) as told:
        merged(toml, text, PATH, ENTRY, frozenset())

    assert words in str(told.value)


def test_lists_of_tables_are_refused() -> None:
    with pytest.raises(NotEditable, match="lists of tables"):
        toml.get("a = 1\n", ("a", Item(key="b", value="c")))
