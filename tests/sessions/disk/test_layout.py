"""A path is recognised as a session's in every spelling that leads there on some file system."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from jupyter_mcp_ext.sessions.disk.layout import Layout
from jupyter_mcp_ext.sessions.disk.users import UserFolders

ID = "k7m2q5xw"


def spellings(path: str) -> set[str]:
    """The same path where neither case nor the form of letters with accents counts."""
    cases = (path, path.upper(), path.title(), path.casefold())
    return {unicodedata.normalize(form, case) for case in cases for form in ("NFC", "NFD")}


@pytest.mark.parametrize(
    "template", ["", "b\xe9n\xe9voles/{username}", "be\u0301/{username}/\xe9t\xe9"]
)
@pytest.mark.parametrize("folder", ["mcp-sessions", "\xc9t\xe9/\u1e9e\xdf", "E\u0301te\u0301"])
def test_a_sessions_folder_is_recognised_in_every_spelling(
    tmp_path: Path, template: str, folder: str
) -> None:
    users = UserFolders(template)
    layout = Layout(tmp_path, folder, users, is_shared=False)
    path = layout.path_of(ID, "alice")

    for spelling in spellings(path):
        assert layout.session_in(f"{spelling}/work.ipynb") == ID, spelling
        assert layout.is_sessions_folder(spelling.rpartition("/")[0]), spelling
        assert layout.is_above_sessions(spelling.partition("/")[0]), spelling
        if template:
            assert users.is_others("bob", spelling)
            assert not users.is_others("alice", spelling)
    assert layout.session_in(f"other/{ID}/work.ipynb") == ""
    assert not layout.is_sessions_folder("other")
