"""Passwords: what is accepted, what a hash costs, and how many are worked on at once."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import Iterator

import msgspec
import pytest
from argon2 import extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.errors import Refusal
from hinterland.server.security.common_passwords import COMMONEST, common_passwords
from hinterland.server.security.passwords import LONGEST, Passwords
from hinterland.server.settings import AuthSettings

ANY_TEXT = st.text(st.characters(), max_size=80)


@pytest.fixture
def passwords(settings: AuthSettings) -> Iterator[Passwords]:
    made = Passwords(settings)
    yield made
    made.close()


async def test_a_password_verifies_and_another_does_not(passwords: Passwords) -> None:
    """The password that was set opens the account, and no other one does."""
    encoded = await passwords.encode("correct horse battery")
    assert await passwords.verify(encoded, "correct horse battery")
    assert not await passwords.verify(encoded, "correct horse batterz")
    assert not await passwords.verify(encoded, "Correct horse battery")
    assert not await passwords.verify(encoded, " correct horse battery")


async def test_an_unknown_user_never_matches(passwords: Passwords) -> None:
    """Nothing matches where there is no account, and a damaged hash matches nothing."""
    assert not await passwords.verify(None, "correct horse battery")
    assert not await passwords.verify("not a hash", "correct horse battery")
    assert not await passwords.verify(None, "x" * 1_000_000)


async def test_a_long_password_is_allowed_and_not_cut(passwords: Passwords) -> None:
    """Passwords: 64 characters and far more are allowed, none is cut: the very last one counts."""
    longest = "ä" * LONGEST
    assert passwords.problems("p" * 64) == []
    assert passwords.problems(longest) == []
    encoded = await passwords.encode(longest)
    assert await passwords.verify(encoded, longest)
    assert not await passwords.verify(encoded, longest[:-1] + "o")
    assert not await passwords.verify(encoded, longest + "ä")


@pytest.mark.parametrize("length", [LONGEST + 1, 1_000_000])
async def test_an_absurd_length_is_refused(passwords: Passwords, length: int) -> None:
    """A password of an absurd length → 422."""
    with pytest.raises(Refusal) as refused:
        passwords.problems("x" * length)
    assert (refused.value.code, refused.value.status) == ("password_policy", 422)


async def test_lengths_count_characters_as_people_do(passwords: Passwords) -> None:
    """The least length counts code points of the normal form, so that no system's spelling makes a password longer."""
    decomposed = unicodedata.normalize("NFD", "äöüäöü")
    assert len(decomposed) == 12
    assert passwords.problems(decomposed) == ["must have at least 8 characters"]
    assert passwords.problems("äöüäöüäö") == []


async def test_letters_typed_on_another_system_are_the_same(passwords: Passwords) -> None:
    """A password matches whether a system composes its accents or not."""
    encoded = await passwords.encode(unicodedata.normalize("NFD", "pässwörter"))
    assert await passwords.verify(encoded, unicodedata.normalize("NFC", "pässwörter"))


@given(password=ANY_TEXT, other=ANY_TEXT)
def test_any_text_can_be_hashed(password: str, other: str) -> None:
    """Whatever Unicode holds, NUL and halves of surrogate pairs included, hashes, and matches only itself."""

    async def check() -> None:
        passwords = Passwords(
            AuthSettings(hash_memory_kib=8, hash_passes=1, hash_threads=1, refuse_common_passwords=False)
        )
        encoded = await passwords.encode(password)
        is_same = unicodedata.normalize("NFC", password) == unicodedata.normalize("NFC", other)
        assert await passwords.verify(encoded, password)
        assert await passwords.verify(encoded, other) is is_same
        passwords.close()

    asyncio.run(check())


async def test_the_commonest_passwords_are_refused(settings: AuthSettings) -> None:
    """The commonest 3,000 passwords are refused, whatever their case."""
    passwords = Passwords(msgspec.structs.replace(settings, password_min_length=1))
    listed = sorted(common_passwords())
    assert len(listed) == COMMONEST
    assert {"123456", "password", "qwertyuiop", "letmein"} <= set(listed)
    for password in [*listed[::100], "PassWord", "QWERTYUIOP"]:
        with pytest.raises(Refusal) as refused:
            await passwords.encode(password)
        assert refused.value.code == "password_policy"
        assert list(refused.value.errors) == ["password"]
        assert password not in str(refused.value)
    passwords.close()


async def test_common_passwords_can_be_allowed(settings: AuthSettings) -> None:
    """A practice app may take what guessers try first."""
    passwords = Passwords(msgspec.structs.replace(settings, refuse_common_passwords=False))
    assert await passwords.verify(await passwords.encode("password"), "password")
    passwords.close()


async def test_a_hash_costs_what_owasp_asks() -> None:
    """Argon2id at OWASP's parameters or above: 19 MiB, two passes, one lane."""
    passwords = Passwords(AuthSettings())
    cost = extract_parameters(await passwords.encode("correct horse battery"))
    assert (cost.type.name, cost.memory_cost, cost.time_cost, cost.parallelism) == ("ID", 19_456, 2, 1)
    passwords.close()


async def test_a_hash_is_renewed_when_the_parameters_rise(settings: AuthSettings) -> None:
    """A hash made with other parameters is known as such, and still verifies."""
    old, new = Passwords(settings), Passwords(msgspec.structs.replace(settings, hash_passes=2))
    encoded = await old.encode("correct horse battery")
    assert not old.needs_rehash(encoded)
    assert new.needs_rehash(encoded)
    assert await new.verify(encoded, "correct horse battery")
    assert not new.needs_rehash(await new.encode_again("correct horse battery"))
    old.close()
    new.close()


async def test_unknown_users_take_the_same_time() -> None:
    """Log-in takes the same time for known and unknown users."""
    passwords = Passwords(AuthSettings())
    encoded = await passwords.encode("correct horse battery")

    async def cost(known: str | None) -> float:
        start = time.process_time()
        assert not await passwords.verify(known, "wrong horse battery")
        return time.process_time() - start

    known = sorted([await cost(encoded) for _ in range(5)])[2]
    unknown = sorted([await cost(None) for _ in range(5)])[2]
    assert 0.6 < unknown / known < 1.7
    passwords.close()


async def test_more_than_the_pool_and_its_queue_are_refused(settings: AuthSettings) -> None:
    """Hashing is bounded: what exceeds pool and queue is refused with Retry-After, and what waits is served."""
    passwords = Passwords(msgspec.structs.replace(settings, hash_threads=1, hash_queue=3))
    tries = [asyncio.create_task(passwords.verify(None, "wrong")) for _ in range(10)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Refusal)]
    assert len(refused) == 6
    assert {(refusal.code, refusal.retry_after) for refusal in refused} == {("rate_limited", 1.0)}
    assert results[:4] == [False] * 4
    assert not await passwords.verify(None, "wrong")
    passwords.close()
