"""Folders of users: another one for each name, whatever the name is."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets import TraitError

from jupyter_mcp_ext.sessions.disk.users import UserFolders, folder_name

NAMES = (
    *("alice", "Alice", "ALICE", "../alice", "a/lice", "/alice", "alice/", "..", ".", "", " "),
    *("CON", "con", "con.txt", "Con", "nul", "com1", "lpt9.x", "console", "=63on", "a" * 300),
    *("a" * 299 + "b", "A" * 300, "alice.", "alice=2e", "-rf", ".ssh", "alice@example.org", "~"),
    *("a\\b", "a\0b", "a\nb", "ä", "a\u0308", "Ä", "\ud800", "%41lice", "{username}", "K", "k"),
)


def test_no_two_names_have_the_same_folder() -> None:
    folders = {name: folder_name(name).casefold() for name in NAMES}

    for one, other in itertools.combinations(NAMES, 2):
        assert folders[one] != folders[other], (one, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_folders_name_is_one_plain_part_of_a_path(name: str) -> None:
    folder = folder_name(name)

    assert re.fullmatch(r"[a-z0-9_=][a-z0-9_.=-]*", folder)
    assert len(folder) <= 100
    assert not folder.endswith(".")
    assert folder.partition(".")[0] not in ("con", "prn", "aux", "nul", "com1", "lpt9")


def test_plain_names_stay_as_they_are() -> None:
    assert folder_name("alice") == "alice"
    assert folder_name("bob.smith_2-x") == "bob.smith_2-x"
    assert folder_name("../Alice") == "=2e.=2f=41lice"


@given(st.text(max_size=200), st.text(max_size=200))
def test_different_names_have_different_folders(one: str, other: str) -> None:
    assert (folder_name(one) == folder_name(other)) == (one == other)


def test_a_folder_is_compared_as_a_path_and_not_by_how_it_begins() -> None:
    folders = UserFolders("users/{username}")

    assert folders.of("al") == "users/al"
    assert folders.has("al", "users/al")
    assert folders.has("al", "users/al/x.txt")
    assert not folders.has("al", "users/alice/x.txt")
    assert not folders.has("al", "users")
    assert not folders.has("al", "USERS/al")
    assert folders.leads_to("al", "users")
    assert folders.leads_to("al", "")
    assert not folders.leads_to("al", "user")
    assert not folders.leads_to("al", "users/al")


def test_the_folder_around_a_path_is_found_in_other_spellings_too() -> None:
    folders = UserFolders("users/{username}/own")

    assert folders.around("users/al/own/a/b") == "users/al/own"
    assert folders.around("Users/AL/Own/a") == "Users/AL/Own"
    assert folders.is_others("bob", "Users/AL/own/a")
    assert not folders.is_others("al", "Users/AL/own/a")
    assert not folders.is_others("al", "users/x.txt")
    assert folders.around("users/al/other") == ""
    assert folders.around("users/al/own2") == ""
    assert folders.top == "users"
    assert UserFolders("{username}").top == ""
    assert UserFolders("home-{username}").of("al") == "home-al"


def test_without_a_template_the_root_is_for_all() -> None:
    folders = UserFolders("")

    assert not folders.is_on
    assert folders.of("al") == ""
    assert folders.has("al", "anything")
    assert folders.around("users/al") == ""


@pytest.mark.parametrize(
    "template",
    [
        *("users", "/srv/{username}", "../{username}", "{username}/{username}", "a\\{username}"),
        *("users\0/{username}", "users/{username}\n", "\u202eusers/{username}", "{Username}"),
    ],
)
def test_a_template_that_could_lead_elsewhere_is_refused(template: str) -> None:
    with pytest.raises(TraitError, match="relative to Jupyter's root"):
        UserFolders(template)
