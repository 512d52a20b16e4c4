"""Between log-in and session: a challenge for a second factor."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.admin import reset_password
from hinterland.server.auth.challenge_answer import answer_challenge
from hinterland.server.auth.challenges import ATTEMPTS, SECONDS
from hinterland.server.auth.login import log_in
from hinterland.server.auth.maintenance import maintain
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import sign_up
from hinterland.server.auth.totp_enrolment import disable
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.auth.process import (
    ADA,
    CREDENTIALS,
    HERE,
    challenge_of,
    change_account,
    delete_user,
    everything,
    next_code,
    opened,
    refusal,
    rows,
    with_second_factor,
)


async def test_a_log_in_with_a_second_factor(accounts: Accounts, clock: ManualClock) -> None:
    """The right password of an account with a second factor begins no session: it is answered with a challenge, whose
    right code begins one of two factors. Accounts without one are not asked."""
    caller, key, _ = await with_second_factor(accounts, clock)
    required = await refusal(log_in(accounts, CREDENTIALS, HERE))
    assert (required.code, required.status) == ("challenge_required", 401)
    assert {**required.details, "challenge": ""} == {
        "challenge": "", "methods": ("totp", "recovery"), "expires_in": SECONDS,
    }  # fmt: skip
    assert len(await rows(accounts, "_sessions")) == 1
    body = {"challenge": required.details["challenge"], "code": next_code(key, clock)}
    session = await answer_challenge(accounts, body, HERE, "Shop/1.2")
    signed_in = await accounts.tokens.verify(session.token.encode())
    assert (signed_in.id, signed_in.acr, signed_in.amr) == (caller.id, "aal2", ("pwd", "otp", "mfa"))
    assert signed_in.auth_time == int(clock.now())
    ben = await sign_up(accounts, ADA | {"email": "ben@example.org"}, HERE)
    first = await accounts.tokens.verify(ben.token.encode())
    assert (first.acr, first.amr) == ("aal1", ("pwd",))


async def test_nothing_tells_a_second_factor_before_the_password(accounts: Accounts, clock: ManualClock) -> None:
    """A wrong password is answered alike with and without a second factor."""
    await sign_up(accounts, ADA | {"email": "ben@example.org"}, HERE)
    await with_second_factor(accounts, clock)
    wrong = [
        (await refusal(log_in(accounts, {"email": email, "password": "wrong horse"}, HERE))).problem()
        for email in ("ada@example.org", "ben@example.org", "nobody@example.org")
    ]
    assert wrong[0] == wrong[1] == wrong[2]


async def test_a_challenge_is_answered_once(accounts: Accounts, clock: ManualClock) -> None:
    """A challenge counts once, and so do the code of an app and a recovery code, of requests at the same time too."""
    _, key, (first, second, *_) = await with_second_factor(accounts, clock)
    for code, again in ((next_code(key, clock), second), (first, None)):
        challenge, other = await challenge_of(accounts), await challenge_of(accounts)
        tries = (answer_challenge(accounts, {"challenge": challenge, "code": code}, HERE) for _ in range(3))
        ended = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(not isinstance(each, BaseException) for each in ended) == 1
        used = await refusal(answer_challenge(accounts, {"challenge": other, "code": code}, HERE))
        assert (used.code, list(used.errors)) == ("validation", ["code"])
        gone = {"challenge": challenge, "code": again or next_code(key, clock)}
        assert (await refusal(answer_challenge(accounts, gone, HERE))).code == "invalid_challenge"
    assert len(await rows(accounts, "_sessions")) == 3


async def test_attempts_are_bounded(accounts: Accounts, clock: ManualClock) -> None:
    """A challenge has five attempts, however many requests come at once; after them the right code is too late."""
    _, key, _ = await with_second_factor(accounts, clock)
    challenge = await challenge_of(accounts)
    guesses = [{"challenge": challenge, "code": f"00000{n}"} for n in range(ATTEMPTS + 3)]
    ended = await asyncio.gather(
        *(answer_challenge(accounts, guess, HERE) for guess in guesses), return_exceptions=True
    )  # fmt: skip
    codes = [each.code for each in ended if isinstance(each, Refusal)]
    assert sorted(codes) == ["invalid_challenge"] * 3 + ["validation"] * ATTEMPTS
    late = await refusal(answer_challenge(accounts, {"challenge": challenge, "code": next_code(key, clock)}, HERE))
    assert late.code == "invalid_challenge"
    again = {"challenge": await challenge_of(accounts), "code": next_code(key, clock)}
    await answer_challenge(accounts, again, HERE)


async def test_a_challenge_expires(accounts: Accounts, clock: ManualClock) -> None:
    """A challenge counts for five minutes; maintenance then deletes it."""
    _, key, _ = await with_second_factor(accounts, clock)
    late = await challenge_of(accounts)
    clock.jump(SECONDS)
    for challenge in (late, "unknown", "\ud800"):
        body = {"challenge": challenge, "code": next_code(key, clock)}
        assert (await refusal(answer_challenge(accounts, body, HERE))).code == "invalid_challenge"
    await maintain(accounts)
    assert await rows(accounts, "_challenges") == []


@pytest.mark.parametrize("end", ["password", "disabled", "deleted", "turned off"])
async def test_a_challenge_ends_with_what_led_to_it(accounts: Accounts, clock: ManualClock, end: str) -> None:
    """A challenge counts no longer once the password is another, the account is disabled or deleted, or the second
    factor is turned off."""
    caller, key, (recovery, *_) = await with_second_factor(accounts, clock)
    challenge = await challenge_of(accounts)
    if end == "password":
        await reset_password(accounts, ADA["email"], "another horse entirely")
    elif end == "disabled":
        await change_account(accounts, is_disabled=True)
    elif end == "deleted":
        await delete_user(accounts, caller.id)
    else:
        await disable(accounts, caller, {"password": ADA["password"], "code": recovery})
    body = {"challenge": challenge, "code": next_code(key, clock)}
    assert (await refusal(answer_challenge(accounts, body, HERE))).code in ("invalid_challenge", "invalid_credentials")


async def test_codes_of_others(accounts: Accounts, clock: ManualClock) -> None:
    """A challenge takes the codes of its own account alone."""
    _, _, codes = await with_second_factor(accounts, clock)
    ben = await sign_up(accounts, ADA | {"email": "ben@example.org"}, HERE)
    caller: Principal = await accounts.tokens.verify(ben.token.encode())
    with pytest.raises(Refusal) as refused:
        await disable(accounts, caller, {"password": ADA["password"], "code": codes[0]})
    assert refused.value.code == "conflict"


@pytest.mark.parametrize("name", ["challenge", "code"])
@pytest.mark.parametrize("value", [None, "", 7], ids=ascii)
async def test_both_fields_are_needed(lite: Accounts, name: str, value: object) -> None:
    """A missing, null, empty or mistyped field → 400 with errors by field."""
    refused = await refusal(answer_challenge(lite, {"challenge": "c", "code": "1"} | {name: value}, HERE))
    assert (refused.code, list(refused.errors)) == ("validation", [name])


async def test_guesses_at_codes_are_limited(lite: Accounts, clock: ManualClock) -> None:
    """Who knows the password can't guess the code, from however many addresses: ten guesses, and one more in five
    minutes, while the owner signs in at an address from which the account was entered before."""
    _, key, _ = await with_second_factor(lite, clock)
    made = []
    for n in range(40):
        challenge = await challenge_of(lite, f"10.0.0.{n}")
        refused = await refusal(answer_challenge(lite, {"challenge": challenge, "code": "000000"}, f"10.0.0.{n}"))
        made.append(refused.code)
        await clock.advance(31)  # the limits of the password are not what holds them up
    assert made[:10] == ["validation"] * 10
    assert made.count("validation") <= 10 + 40 * 31 // 300 + 1
    assert set(made[10:]) == {"validation", "rate_limited"}
    body = {"challenge": await challenge_of(lite), "code": next_code(key, clock)}
    await answer_challenge(lite, body, HERE)


async def test_what_is_kept_shows_no_secret(accounts: Accounts, clock: ManualClock) -> None:
    """The database holds neither challenges, nor keys of apps, nor recovery codes."""
    _, key, recovery = await with_second_factor(accounts, clock)
    kept, challenge = await everything(accounts), await challenge_of(accounts)
    kept += await everything(accounts)
    plain = [code.replace("-", "") for code in recovery]
    assert [secret for secret in (challenge, key, *recovery, *plain) if secret in kept] == []


async def test_an_address_is_known_after_both_factors(tmp_path: Path, clock: ManualClock) -> None:
    """A password alone does not make an address known: its guesses at the code are those of a stranger."""
    async with opened(SqliteStorage(tmp_path / "data"), clock) as accounts:
        _, key, _ = await with_second_factor(accounts, clock)
        challenge = await challenge_of(accounts, "192.0.2.77")
        assert len(await rows(accounts, "_known_addresses")) == 1
        body = {"challenge": challenge, "code": next_code(key, clock)}
        await answer_challenge(accounts, body, "192.0.2.77")
        assert len(await rows(accounts, "_known_addresses")) == 2
