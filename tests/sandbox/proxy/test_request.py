"""What the proxy takes for a request, and what it answers."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.sandbox.proxy.patterns import patterns
from jupyter_mcp_ext.sandbox.proxy.request import Refused, not_listed, target


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT pypi.org:443 HTTP/1.1\r\nHost: pypi.org:443\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.0\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\r\nHost: other\r\nProxy-Connection:keep-alive\r\n\r\n",
    ],
)
def test_a_host_and_port_are_asked_for(head: bytes) -> None:
    assert target(head) == ("pypi.org", 443)


@pytest.mark.parametrize("line", [b"GET http://pypi.org/ HTTP/1.1", b"POST / HTTP/1.0"])
def test_plain_http_is_refused_with_what_to_do(line: bytes) -> None:
    with pytest.raises(Refused) as refused:
        target(line + b"\r\nHost: pypi.org\r\nContent-Length: 3\r\n\r\n")

    answer = refused.value.answer().decode()
    assert answer.startswith("HTTP/1.1 403 Only https works from this sandbox\r\n")
    assert answer.endswith("Only https works from this sandbox. Use https:// URLs.\n")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\n\r\n",
        b"CONNECT pypi.org HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org: HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org:0 HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org:65536 HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org:-1 HTTP/1.1\r\n\r\n",
        b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
        b"CONNECT ::1:443 HTTP/1.1\r\n\r\n",
        b"CONNECT user@pypi.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org/x:443 HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/2.0\r\n\r\n",
        b"CONNECT pypi.org:443  HTTP/1.1\r\n\r\n",
        b"connect pypi.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\nHost: a\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\r\nHost: a\n\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\r\n folded: a\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\r\nno field\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\r\nHost : a\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"CONNECT pypi.org:443 HTTP/1.1\r\nX: \0\r\n\r\n",
        "CONNECT bücher.example:443 HTTP/1.1\r\n\r\n".encode(),
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello\r\n\r\n",
    ],
)
def test_all_else_is_no_request(head: bytes) -> None:
    with pytest.raises(Refused) as refused:
        target(head)

    assert refused.value.status == 400


def test_a_refusal_names_the_hosts_that_may_be_reached() -> None:
    answer = not_listed(patterns(f"h{number}.org" for number in range(22))).answer().decode()

    assert answer.splitlines()[0].startswith("HTTP/1.1 403 This host is not among those")
    assert "They are: h0.org:443, h1.org:443" in answer
    assert "h19.org:443 and 2 more. Ask the server's operator" in answer
