"""Exceptions are made without a call of their classes."""

from __future__ import annotations

from typing import Any

from jupyter_mcp_ext.in_kernel.snapshot.exceptions import exception_reduced, is_plain_exception
from tests.in_kernel.snapshot.reducing import made


class Refused(OSError):
    """Takes other arguments than it keeps."""

    def __init__(self, host: str, *, port: int) -> None:
        super().__init__(13, "refused", f"{host}:{port}")
        self.port = port


class Own(Exception):
    def __reduce__(self) -> Any:
        return Own, ()


def test_an_exception_comes_back_with_its_fields_and_its_cause() -> None:
    err = Refused("here", port=80)
    err.__cause__ = cause = ValueError("no")

    again = made(exception_reduced(err))

    assert type(again) is Refused
    assert (again.errno, again.filename, again.port) == (13, "here:80", 80)
    assert str(again) == str(err)
    assert again.__cause__ is cause
    assert again.__suppress_context__


def test_only_exceptions_without_a_way_of_their_own_are_plain() -> None:
    assert is_plain_exception(Refused)
    assert not is_plain_exception(Own)
