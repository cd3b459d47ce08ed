"""What is TLS, and which host its first message names."""

from __future__ import annotations

import random

import pytest

from jupyter_mcp_ext.sandbox.proxy.hello import MAX_HELLO, NotTls, server_name

from .hellos import extension, field, message, names, real, records


def test_the_name_of_a_real_hello_is_read_however_it_arrives() -> None:
    hello = real("pypi.org")

    assert server_name(hello) == "pypi.org"
    assert server_name(hello + b"more") == "pypi.org"
    assert {server_name(hello[:end]) for end in range(len(hello))} == {None}


def test_a_hello_that_is_spread_over_records_is_put_together() -> None:
    made = message(extension(5, b"x" * 300), names(b"PyPI.org"))

    assert server_name(records(made, 40)) == "pypi.org"
    assert server_name(records(message(names(b"a.example.org")), 1_000)) == "a.example.org"


@pytest.mark.parametrize(
    "data",
    [
        real(None),
        records(message()),
        records(message(names(b"a.org"), names(b"b.org"))),
        records(message(names(b"a.org", b"b.org"))),
        records(message(names(b"a.org", kind=1))),
        records(message(names())),
        records(message(names("bücher.example".encode()))),
        records(message(names(b"a.org"), extension(0xFE0D, b"x" * 100))),
        records(message(names(b"a.org"), extension(0xFE09, b"x" * 100))),
        records(message(names(b"a.org"), extension(0xFFCE, b"x" * 100))),
        records(b"\x01" + field(b"", 3)),
        records(b"\x01" + field(b"\x03\x03" + bytes(40), 3)),
        records(b"\x02" + field(bytes(100), 3)),
        records(b"\x01\xff\xff\xff" + bytes(100)),
        records(message(names(b"a.org"), extension(5, b"x" * 200)), 1),
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\xff\xff",
        b"\x17\x03\x01\x00\x05hello",
        b"\x16\x02",
        b"\x80\x2e\x01\x00\x02" + bytes(41),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00",
    ],
)
def test_what_is_no_hello_or_names_no_single_host_is_refused(data: bytes) -> None:
    with pytest.raises(NotTls):
        server_name(data)


def test_a_hello_is_not_waited_for_endlessly() -> None:
    endless = records(b"\x01" + field(bytes(MAX_HELLO - 10), 3), 16_384)

    with pytest.raises(NotTls):
        server_name(endless[:-1].ljust(MAX_HELLO, b"\0"))


def test_broken_hellos_are_refused_and_nothing_else() -> None:
    random.seed(1)
    hello = real("pypi.org")

    for _ in range(3_000):
        broken = bytearray(hello)
        for _ in range(random.randrange(1, 6)):
            broken[random.randrange(len(broken))] = random.randrange(256)
        try:
            name = server_name(bytes(broken))
        except NotTls:
            continue
        assert name is None or name.isascii()
