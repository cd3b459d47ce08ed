"""Which kernels people have let agents into."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field, replace
from weakref import ref

import pytest

from jupyter_mcp_ext.governance.consents import MAX_KEPT, Consents
from tests.engine import ALICE, BOB


@dataclass(eq=False)
class AKernel:
    """What a consent looks at of a kernel."""

    id: str = "kernel"
    pid: int | None = 7
    losses: list[str] = field(default_factory=list)

    @property
    def hosted(self) -> AKernel:
        return self


@dataclass(eq=False)
class ASession:
    """What it looks at of a session."""

    kernel: AKernel = field(default_factory=AKernel)
    id: str = "session"
    name: str = "a.ipynb"


def test_a_consent_is_for_one_caller_session_and_kernel() -> None:
    consents, session = Consents(), ASession()
    consents.add(ALICE, session)

    assert consents.has(ALICE, session)
    assert not consents.has(BOB, session)
    for other in (
        replace(ALICE, client="other"),
        replace(ALICE, scope="other"),
        replace(ALICE, mcp_session="other"),
    ):
        assert not consents.has(other, session)
    assert not consents.has(ALICE, ASession(kernel=session.kernel, id="other"))
    assert not consents.has(ALICE, ASession())


@pytest.mark.parametrize("change", [{"pid": 8}, {"losses": ["restarted"]}])
def test_it_ends_when_the_kernel_is_started_again(change: dict[str, object]) -> None:
    consents, session = Consents(), ASession()
    consents.add(ALICE, session)

    vars(session.kernel).update(change)

    assert not consents.has(ALICE, session)
    consents.add(ALICE, session)
    assert consents.has(ALICE, session)


def test_any_number_of_callers_takes_bounded_room() -> None:
    consents, session = Consents(), ASession()
    callers = [replace(ALICE, scope=str(number)) for number in range(MAX_KEPT + 50)]
    for caller in callers:
        consents.add(caller, session)

    assert sum(consents.has(caller, session) for caller in callers) == MAX_KEPT
    assert consents.has(callers[-1], session)


def test_a_kernel_that_is_gone_is_not_kept() -> None:
    consents, session = Consents(), ASession()
    consents.add(ALICE, session)
    gone = ref(session.kernel)

    del session
    gc.collect()

    assert gone() is None
