"""Which hosts can be listed, and which names they are."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.sandbox.proxy.patterns import (
    MAX_PATTERNS,
    NoPattern,
    match,
    pattern,
    patterns,
)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("pypi.org", "pypi.org:443"),
        (" PyPI.org:8443 ", "pypi.org:8443"),
        ("*.pythonhosted.org", "*.pythonhosted.org:443"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example:443"),
        ("a_b.example.org", "a_b.example.org:443"),
    ],
)
def test_names_are_listed_with_port_443_if_they_name_none(text: str, read: str) -> None:
    assert str(pattern(text)) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no host's name with a dot in it"),
        ("*", "an asterisk can only be the first part"),
        ("*:443", "an asterisk can only be the first part"),
        ("*.", "it is no host's name"),
        ("*.org", "it is no host's name with a dot in it"),
        ("*.*.org", "an asterisk can only be the first part"),
        ("pypi.*", "an asterisk can only be the first part"),
        ("*pypi.org", "an asterisk can only be the first part"),
        ("localhost", "it is no host's name with a dot in it"),
        ("https://pypi.org", "it is a URL or an address"),
        ("pypi.org/simple", "it is no host's name"),
        ("user@pypi.org", "it is no host's name"),
        ("pypi.org:", "its port is no number from 1 to 65535"),
        ("pypi.org:0", "its port is no number"),
        ("pypi.org:65536", "its port is no number"),
        ("pypi.org:4430000000", "its port is no number"),
        ("pypi.org:*", "its port is no number"),
        ("pypi.org:\u0664\u0664\u0663", "its port is no number"),  # digits, but not ASCII's
        ("pypi.org.", "it is no host's name"),
        ("pypi..org", "it is no host's name"),
        ("-pypi.org", "it is no host's name"),
        ("bücher.example", "it is not in ASCII; write the name as it is in the DNS"),
        ("1.1.1.1", "it is no host's name"),
        ("1.1", "it is no host's name"),
        ("0x7f.0.0.0x1", "it is no host's name"),
        ("example.0x7f", "it is no host's name"),
        ("*.0.0.1", "it is no host's name"),
        ("[::1]:443", "it is a URL or an address"),
        ("::1", "it is a URL or an address"),
        (f"{'a' * 64}.example.org", "it is no host's name"),
        ("a." * 130 + "org", "it is no host's name"),
        ("a b.org", "it is no host's name"),
        ("a.org\n.example.org", "it is no host's name"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(NoPattern, match="is no pattern of hosts: ") as refused:
        patterns(["pypi.org", text])

    assert repr(text) in str(refused.value)
    assert why in str(refused.value)


def test_patterns_are_kept_once_and_are_not_endless() -> None:
    assert len(patterns(["pypi.org", "PYPI.org:443", "pypi.org:8443"])) == 2
    with pytest.raises(NoPattern, match="at most 1000 can be listed"):
        patterns(f"h{number}.example.org" for number in range(MAX_PATTERNS + 1))


LISTED = patterns(["pypi.org", "*.pythonhosted.org", "data.example.org:8443"])


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("pypi.org", 443),
        ("PyPI.ORG", 443),
        ("files.pythonhosted.org", 443),
        ("a.b.pythonhosted.org", 443),
        ("data.example.org", 8443),
    ],
)
def test_listed_hosts_match(name: str, port: int) -> None:
    assert match(LISTED, name, port) is not None


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("pypi.org", 22),
        ("pypi.org", 80),
        ("data.example.org", 443),
        ("pythonhosted.org", 443),
        ("evilpythonhosted.org", 443),
        ("pypi.org.evil.example", 443),
        ("www.pypi.org", 443),
        ("pypi.org.", 443),
        ("pypi.org\0.evil.example", 443),
        ("evil.example\0.pythonhosted.org", 443),
        ("evil.example/.pythonhosted.org", 443),
        ("evil.example#.pythonhosted.org", 443),
        ("-.pythonhosted.org", 443),
        (".pythonhosted.org", 443),
        ("pyp\u0131.org", 443),  # an i without its dot
        ("\uff50ypi.org", 443),  # full width
        ("pyp\u0130.org", 443),  # its small letter begins with an i
        ("1.1.1.1", 443),
        ("16843009", 443),
        ("localhost", 443),
    ],
)
def test_all_others_do_not(name: str, port: int) -> None:
    assert match(LISTED, name, port) is None
