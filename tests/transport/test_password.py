from __future__ import annotations

import asyncio
import base64

import pytest

from jupyter_mcp_ext.transport.password import PasswordCheck, TooManyGuesses, basic_password


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("header", "password"),
    [
        (basic("me:secret"), "secret"),
        (basic(":secret"), "secret"),
        (basic("me:with:colons"), "with:colons"),
        (basic("ich:Grüße"), "Grüße"),
        ("basic " + basic("me:secret")[6:], "secret"),
        ("", None),
        ("Bearer abc", None),
        ("Basic", None),
        ("Basic !!!", None),
        (basic("no colon"), None),
        (basic("me:" + "x" * 5_000), None),
        ("Basic " + base64.b64encode(b"me:\xff").decode(), None),
    ],
)
def test_the_password_is_read_from_the_header(header: str, password: str | None) -> None:
    assert basic_password(header) == password


class Hasher:
    """A password hash whose cost is counted; the hash is the password."""

    def __init__(self) -> None:
        self.looked = 0

    def __call__(self, hashed: str, password: str) -> bool:
        self.looked += 1
        return hashed == password


async def test_a_right_password_is_hashed_once() -> None:
    hasher = Hasher()
    check = PasswordCheck(verify=hasher, first_delay=0)

    accepted = await asyncio.gather(*(check.accepts("right", "right") for _ in range(5)))

    assert accepted == [True] * 5
    assert hasher.looked == 1


async def test_a_remembered_password_is_forgotten_when_the_hash_changes() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=0)
    assert await check.accepts("old", "old")

    assert not await check.accepts("new", "old")


async def test_parts_of_hash_and_password_cannot_be_exchanged() -> None:
    check = PasswordCheck(verify=lambda hashed, password: (hashed, password) == ("ab", "c"))
    assert await check.accepts("ab", "c")

    assert not await check.accepts("a", "bc")


async def test_guessing_leaves_who_is_known_alone() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=60, max_delay=60)
    assert await check.accepts("right", "right")
    assert not await check.accepts("right", "wrong")
    guess = asyncio.create_task(check.accepts("right", "wrong again"))
    await asyncio.sleep(0)

    assert await asyncio.wait_for(check.accepts("right", "right"), 5)

    assert not guess.done()
    guess.cancel()
    with pytest.raises(asyncio.CancelledError):
        await guess


async def test_too_many_guesses_at_a_time_are_turned_away() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=60, max_delay=60, max_waiting=2)
    assert not await check.accepts("right", "wrong")
    guesses = [asyncio.create_task(check.accepts("right", str(number))) for number in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(TooManyGuesses, match="60 s"):
        await check.accepts("right", "one more")

    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)


async def test_a_right_password_ends_the_delay() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=0.001, max_delay=0.01)
    assert not await check.accepts("right", "wrong")
    assert await check.accepts("right", "right")

    assert await check.accepts("right", "right")
