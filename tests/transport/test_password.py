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


HERE, THERE = "192.0.2.1", "192.0.2.2"


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

    accepted = await asyncio.gather(*(check.accepts("right", "right", HERE) for _ in range(5)))

    assert accepted == [True] * 5
    assert hasher.looked == 1


async def test_a_remembered_password_is_forgotten_when_the_hash_changes() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=0)
    assert await check.accepts("old", "old", HERE)

    assert not await check.accepts("new", "old", HERE)


async def test_parts_of_hash_and_password_cannot_be_exchanged() -> None:
    check = PasswordCheck(verify=lambda hashed, password: (hashed, password) == ("ab", "c"))
    assert await check.accepts("ab", "c", HERE)

    assert not await check.accepts("a", "bc", HERE)


async def test_guessing_leaves_who_is_known_alone() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=60, max_delay=60)
    assert await check.accepts("right", "right", HERE)
    assert not await check.accepts("right", "wrong", HERE)
    guess = asyncio.create_task(check.accepts("right", "wrong again", HERE))
    await asyncio.sleep(0)

    assert await asyncio.wait_for(check.accepts("right", "right", HERE), 60)

    assert not guess.done()
    guess.cancel()
    with pytest.raises(asyncio.CancelledError):
        await guess


async def test_too_many_guesses_at_a_time_are_turned_away() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=60, max_delay=60, max_waiting=2)
    assert not await check.accepts("right", "wrong", HERE)
    guesses = [
        asyncio.create_task(check.accepts("right", str(number), HERE)) for number in range(2)
    ]
    await asyncio.sleep(0)

    with pytest.raises(TooManyGuesses, match="60 s"):
        await check.accepts("right", "one more", HERE)

    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)


async def test_a_right_password_ends_the_delay() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=0.001, max_delay=0.01)
    assert not await check.accepts("right", "wrong", HERE)
    assert await check.accepts("right", "right", HERE)

    assert await check.accepts("right", "right", HERE)


async def test_guessers_elsewhere_do_not_slow_the_right_password() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=600, max_delay=600, max_waiting=2)
    guesses = [
        asyncio.create_task(check.accepts("right", f"wrong {at} {n}", f"192.0.2.{at}"))
        for at in range(10, 34)
        for n in range(3)
    ]
    await asyncio.sleep(0)

    assert await asyncio.wait_for(check.accepts("right", "right", HERE), 60)

    for guess in guesses:
        guess.cancel()
    ends = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(end, TooManyGuesses) for end in ends) == 24


async def test_a_failure_slows_only_its_own_address() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=600, max_delay=600)
    assert not await check.accepts("right", "wrong", HERE)
    again = asyncio.create_task(check.accepts("right", "wrong again", HERE))

    assert not await asyncio.wait_for(check.accepts("right", "wrong", THERE), 60)

    assert not again.done()
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::2"),
    ],
)
async def test_addresses_of_one_host_are_one(one: str, other: str) -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=600, max_delay=600, max_waiting=1)
    assert not await check.accepts("right", "wrong", one)
    again = asyncio.create_task(check.accepts("right", "wrong", one))
    await asyncio.sleep(0)

    with pytest.raises(TooManyGuesses):
        await check.accepts("right", "wrong", other)

    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


async def test_the_address_that_was_not_seen_for_longest_is_forgotten() -> None:
    check = PasswordCheck(verify=Hasher(), first_delay=600, max_delay=600, max_addresses=3)
    for number in range(4):
        assert not await check.accepts("right", "wrong", f"192.0.2.{number}")
    last = asyncio.create_task(check.accepts("right", "wrong", "192.0.2.3"))

    assert not await asyncio.wait_for(check.accepts("right", "wrong", "192.0.2.0"), 60)

    assert not last.done()
    last.cancel()
    await asyncio.gather(last, return_exceptions=True)
