from __future__ import annotations

import pytest

from jupyter_mcp_ext.transport.origin import origin_allowed


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "localhost:8888"),
        ("http://localhost:8888", "localhost:8888"),
        ("https://localhost:8888", "LocalHost:8888"),
        ("https://hub.example.org", "hub.example.org:443"),
        ("https://hub.example.org:443", "hub.example.org"),
        ("http://[::1]:8888", "[::1]:8888"),
    ],
)
def test_a_program_and_the_servers_own_pages_are_let_in(origin: str | None, host: str) -> None:
    assert origin_allowed(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:9999",
        "http://localhost",
        "http://localhost:8888.evil.example",
        "http://evil.example/localhost:8888",
        "null",
        "",
        "localhost:8888",
    ],
)
def test_every_other_page_is_kept_out(origin: str) -> None:
    assert not origin_allowed(origin, "localhost:8888")


def test_the_operator_lets_one_origin_in() -> None:
    allow = "https://notebooks.example"

    assert origin_allowed("https://Notebooks.example", "localhost:8888", allow_origin=allow)
    assert not origin_allowed("https://evil.example", "localhost:8888", allow_origin=allow)
    assert origin_allowed("https://evil.example", "localhost:8888", allow_origin="*")


@pytest.mark.filterwarnings("ignore:allow_origin_pat:UserWarning")
def test_a_pattern_of_origins_must_fit_as_a_whole() -> None:
    pattern = r"https://.*\.example"

    assert origin_allowed("https://a.example", "localhost", allow_origin_pat=pattern)
    assert not origin_allowed("https://a.example.evil", "localhost", allow_origin_pat=pattern)
