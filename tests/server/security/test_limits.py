"""How often somebody may guess, by account and by address."""

from __future__ import annotations

import pytest

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.security.limits import LoginLimits, TurnGiven, network_of
from hinterland.server.settings import AuthSettings


@pytest.fixture
def guessing(settings: AuthSettings, clock: ManualClock) -> LoginLimits:
    return LoginLimits(settings, clock)


ADA = "ada@example.org"


def refused(guessing: LoginLimits, email: str, address: str, *, is_known: bool = False) -> float | None:
    """Seconds to wait where the attempt is refused; None where it may be made."""
    try:
        guessing.attempt(email, address, is_known=is_known)
    except Refusal as refusal:
        return refusal.retry_after if refusal.status == 429 else float("nan")
    return None


def test_a_thousand_guesses_on_one_account_are_limited(guessing: LoginLimits) -> None:
    """1,000 guesses on one account, from as many addresses → 429 with Retry-After, by account."""
    waits = [refused(guessing, "ada@example.org", f"10.0.{n // 250}.{n % 250}") for n in range(1_000)]
    assert waits[:10] == [None] * 10
    assert waits[10:20] == [30.0 * n for n in range(1, 11)]
    assert waits[20:] == [300.0] * 980


def test_one_guess_on_a_thousand_accounts_is_limited(guessing: LoginLimits) -> None:
    """One guess on each of 1,000 accounts → 429 with Retry-After, by address."""
    waits = [refused(guessing, f"user{n}@example.org", "10.0.0.1") for n in range(1_000)]
    assert waits[:50] == [None] * 50
    assert all(wait is not None and 1 <= wait <= 5 for wait in waits[50:])
    assert refused(guessing, "user0@example.org", "10.0.0.2") is None


async def test_a_caller_that_waits_for_retry_after_may_try_again(guessing: LoginLimits, clock: ManualClock) -> None:
    """The owner is never locked out for good: after Retry-After the next attempt is made, once."""
    while (wait := refused(guessing, ADA, "10.0.0.1")) is None:
        pass
    await clock.advance(wait)
    assert refused(guessing, ADA, "10.0.0.1") is None
    assert refused(guessing, ADA, "10.0.0.1") is not None
    await clock.advance(11 * 30)
    assert [refused(guessing, ADA, "10.0.0.9") for _ in range(9)] == [None] * 9


@pytest.mark.parametrize("attackers", [1, 20, 1_000])
async def test_an_owner_at_a_new_address_gets_in(guessing: LoginLimits, clock: ManualClock, attackers: int) -> None:
    """Under guesses without end, from however many addresses, an owner at an address that was never seen waits once,
    for five minutes at most and for a minute where one address attacks, and gets in when Retry-After said."""

    def attack() -> None:
        for n in range(attackers):
            refused(guessing, ADA, f"10.0.{n // 250}.{n % 250}")

    for _ in range(20):
        attack()
        await clock.advance(7)
    wait = refused(guessing, ADA, "192.0.2.7")
    assert wait is not None
    assert wait <= (60 if attackers == 1 else 300)
    for _ in range(int(wait)):
        attack()
        await clock.advance(1)
    attack()
    assert refused(guessing, ADA, "192.0.2.7") is None


async def test_guesses_from_many_addresses_stay_slow(guessing: LoginLimits, clock: ManualClock) -> None:
    """However many addresses guess on one account without end, each gets one guess in five minutes."""
    made = 0
    for _ in range(60):
        made += sum(refused(guessing, ADA, f"10.0.0.{n}") is None for n in range(100))
        await clock.advance(60)
    assert 10 < made <= 10 + 100 * 12


async def test_a_turn_is_kept_for_a_while(guessing: LoginLimits, clock: ManualClock) -> None:
    """A turn that nobody takes is kept for five minutes; then the address waits like any other."""
    for late, again in ((299, None), (301, 30.0)):
        while (wait := refused(guessing, ADA, "10.0.0.1")) is None:
            pass
        await clock.advance(wait + late)
        while refused(guessing, ADA, "10.0.0.2") is None:
            pass
        found = refused(guessing, ADA, "10.0.0.1")
        assert found is None if again is None else found is not None
        await clock.advance(3_600)


def test_guesses_from_elsewhere_do_not_keep_the_owner_out(guessing: LoginLimits) -> None:
    """An address that the owner signed in from has its own quota, which a guesser elsewhere can't use up."""
    for n in range(500):
        refused(guessing, ADA, f"10.0.{n // 250}.{n % 250}")
    assert [refused(guessing, ADA, "192.0.2.7", is_known=True) for _ in range(10)] == [None] * 10
    assert refused(guessing, ADA, "192.0.2.7", is_known=True) == 30.0
    assert refused(guessing, ADA, "192.0.2.8") is not None


def test_an_address_that_must_wait_is_refused_before_anything_is_read(guessing: LoginLimits) -> None:
    """An address that has used its quota up is refused by what is in memory, whatever the account; others are not."""
    for n in range(50):
        guessing.check("10.0.0.1")
        assert refused(guessing, f"user{n}@example.org", "10.0.0.1") is None
    with pytest.raises(Refusal) as refusal:
        guessing.check("10.0.0.1")
    assert refusal.value.retry_after == 5.0
    guessing.check("10.0.0.2")


def test_a_success_does_not_count(guessing: LoginLimits) -> None:
    """Only failed attempts use a quota up: many people may sign in from one office."""
    for n in range(1_000):
        guessing.undo(guessing.attempt(f"user{n % 20}@example.org", "10.0.0.1", is_known=n % 2 == 0))


async def test_passwords_given_once_more_are_limited(guessing: LoginLimits, clock: ManualClock) -> None:
    """Passwords that somebody signed in gives once more are limited by session, apart from log-ins."""
    for _ in range(10):
        guessing.confirm("s1")
    with pytest.raises(Refusal) as refusal:
        guessing.confirm("s1")
    assert refusal.value.retry_after == 30.0
    guessing.undo(guessing.confirm("s2"))


def test_a_refused_attempt_does_not_count(guessing: LoginLimits, clock: ManualClock) -> None:
    """Trying while one has to wait does not make the wait longer."""
    while refused(guessing, "ada@example.org", "10.0.0.1") is None:
        pass
    assert {refused(guessing, "ada@example.org", "10.0.0.1") for _ in range(50)} == {30.0}


async def test_sign_ups_are_limited_by_address(guessing: LoginLimits, clock: ManualClock) -> None:
    """Sign-ups are limited by address, and go on after the wait."""
    for _ in range(100):
        guessing.signup("10.0.0.1")
    with pytest.raises(Refusal) as refusal:
        guessing.signup("10.0.0.1")
    assert refusal.value.retry_after == 1.0
    guessing.signup("10.0.0.2")
    await clock.advance(1)
    guessing.signup("10.0.0.1")


def test_what_is_remembered_is_bounded(guessing: LoginLimits) -> None:
    """Any number of accounts and addresses takes a bounded amount of memory, huge names included."""
    guessing._turns._remembered, guessing._own_turns._remembered = 10, 20
    for n in range(40):
        for _ in range(12):
            refused(guessing, f"{n}" + "x" * 100_000, f"{n}" + "y" * 100_000)
    assert (len(guessing._turns), len(guessing._own_turns)) == (10, 20)
    assert all(len(pair) < 400 for turns in (guessing._turns, guessing._own_turns) for pair in turns._moments)
    assert shared_turns(guessing, 20) == []


async def test_turns_are_shared_up_to_a_bound(guessing: LoginLimits, clock: ManualClock) -> None:
    """So many turns are shared with other processes; those beyond count at this one, and once the shared ones are of
    no use, others take their place."""
    guessing._turns._remembered = 10
    for n in range(10):
        refused(guessing, ADA, f"10.0.1.{n}")
    first = shared_turns(guessing, 30)
    assert len(first) == 10
    assert refused(guessing, ADA, "10.0.0.29") is not None
    await clock.advance(300)
    assert refused(guessing, ADA, "10.0.0.29") is None
    await clock.advance(301)
    while refused(guessing, ADA, "10.0.2.1") is None:
        pass
    assert len(shared_turns(guessing, 5)) == 5


def shared_turns(guessing: LoginLimits, addresses: int) -> list[str]:
    """The turns to be shared with other processes after a guess from each of so many addresses."""
    found = []
    for n in range(addresses):
        try:
            guessing.attempt(ADA, f"10.0.0.{n}", is_known=False)
        except TurnGiven as turn:
            found += [tally.key for tally in turn.due if tally.moments is guessing._turns]
        except Refusal:
            pass
    return found


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_addresses_of_one_customer_are_one(address: str, network: str) -> None:
    """An IPv6 customer holds a /64 network, which counts as one address, as does an IPv4 address however written."""
    assert network_of(address) == network
