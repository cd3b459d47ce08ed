"""An interrupt of xeus-python."""

from __future__ import annotations

import signal
import sys
import types
from collections.abc import Iterator

import pytest

from jupyter_mcp_ext.in_kernel.interrupts import take_interrupts


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The module in which the session's code runs."""
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield module
    signal.signal(signal.SIGINT, before)


def test_it_raises_in_code_of_the_session_only(session: types.ModuleType) -> None:
    take_interrupts()
    signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        exec("import signal; signal.raise_signal(signal.SIGINT)", vars(session))  # noqa: S102


def test_a_handler_of_the_session_stays(session: types.ModuleType) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    take_interrupts()

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
