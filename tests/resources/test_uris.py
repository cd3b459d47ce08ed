"""The URIs of resources."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.resources.uris import Uri, parse


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("jupyter://notebooks/a.ipynb", "a.ipynb"),
        ("jupyter://notebooks/a/b.ipynb", "a/b.ipynb"),
        ("jupyter://notebooks/a%2Fb.ipynb", "a/b.ipynb"),
        ("JUPYTER://notebooks/a.ipynb", "a.ipynb"),
        ("jupyter://notebooks/%C3%A4%20%25%3F.ipynb", "ä %?.ipynb"),
        ("jupyter://notebooks/ä b.ipynb", "ä b.ipynb"),
        ("jupyter://notebooks/%252e%252e/a", "%2e%2e/a"),
    ],
)
def test_a_path_is_unescaped_once(uri: str, path: str) -> None:
    assert parse(uri) == Uri(kind="notebooks", name=path)


@pytest.mark.parametrize("path", ["a.ipynb", "a/b c.ipynb", "ä%/?#.ipynb", "\0\n", "../😀"])
def test_the_uri_of_a_path_is_read_as_that_path(path: str) -> None:
    assert parse(str(Uri(kind="notebooks", name=path))).name == path


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a.ipynb",
        "file:///etc/passwd",
        "http://notebooks/a.ipynb",
        "jupyter:notebooks/a.ipynb",
        "jupyter:///notebooks/a.ipynb",
        "jupyter://files/a.ipynb",
        "jupyter://notebooks",
        "jupyter://notebooks:80/a.ipynb",
        "jupyter://me@notebooks/a.ipynb",
        "jupyter://notebooks.example/a.ipynb",
        "jupyter://notebooks/a.ipynb?x=1",
        "jupyter://notebooks/a.ipynb#top",
        " jupyter://notebooks/a.ipynb",
        "jupyter\n://notebooks/a.ipynb",
    ],
)
def test_another_scheme_host_or_part_names_no_resource(uri: str) -> None:
    with pytest.raises(InvalidArgument, match=r"no resource.*jupyter://notebooks/\{path\}"):
        parse(uri)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("jupyter://notebooks/100%.ipynb", "%25"),
        ("jupyter://notebooks/%zz.ipynb", "%25"),
        ("jupyter://notebooks/%ff.ipynb", "UTF-8"),
        ("jupyter://notebooks/%c0%ae%c0%ae/a.ipynb", "UTF-8"),
        ("jupyter://notebooks/" + "a" * 20_000, "12100 characters"),
    ],
)
def test_what_is_wrong_with_a_uri_is_said(uri: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        parse(uri)
