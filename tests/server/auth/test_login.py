"""Log in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.evidence import by_password
from hinterland.server.auth.grants import enter
from hinterland.server.auth.login import authenticate, log_in
from hinterland.server.auth.maintenance import maintain
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import sign_up
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.system import Amend, Put
from tests.server.auth.process import (
    ADA,
    CREDENTIALS,
    FAST,
    HERE,
    change_account,
    delete_user,
    opened,
    refusal,
    rows,
)  # fmt: skip


@pytest.mark.parametrize("email", ["ada@example.org", "ADA@EXAMPLE.ORG", " Ada@Example.org "])
async def test_a_person_logs_in(accounts: Accounts, email: str) -> None:
    """E-mail and password open a new session; the e-mail's case does not count."""
    first = await sign_up(accounts, ADA, HERE)
    session = await log_in(accounts, CREDENTIALS | {"email": email}, HERE)
    assert session.user == first.user
    assert session.message == ""
    assert session.token == session.access_token != first.token
    caller = await accounts.tokens.verify(session.token.encode())
    assert caller.id == first.user["id"]
    assert len(await rows(accounts, "_sessions")) == 2


async def test_known_and_unknown_users_are_answered_alike(accounts: Accounts) -> None:
    """Log-in answers the same for known and unknown users: a wrong password, no account, a mere profile."""
    await sign_up(accounts, ADA, HERE)
    await accounts.submit([Write(act="create", collection="users", body={"name": "P", "email": "p@example.org"})], [])
    answers = [
        (await refusal(log_in(accounts, {"email": email, "password": "wrong horse"}, HERE))).problem()
        for email in ("ada@example.org", "nobody@example.org", "p@example.org", "no e-mail at all", "x" * 100_000)
    ]
    assert {(answer.code, answer.status) for answer in answers} == {("invalid_credentials", 401)}
    assert len({msgspec.json.encode(answer) for answer in answers}) == 1


async def test_a_profile_never_signs_in(accounts: Accounts) -> None:
    """A profile made by others has no credentials: its e-mail never signs in, with no password at all."""
    await accounts.submit([Write(act="create", collection="users", body={"name": "P", "email": "p@example.org"})], [])
    for password in ("", "null", "None", "password"):
        refused = await refusal(log_in(accounts, {"email": "p@example.org", "password": password or "x"}, HERE))
        assert refused.code == "invalid_credentials"


async def test_a_changed_record_does_not_change_who_signs_in(accounts: Accounts) -> None:
    """The e-mail in the record may change; the one that signs in stays."""
    first = await sign_up(accounts, ADA, HERE)
    change = Write(act="patch", collection="users", id=first.user["id"], body={"email": "new@example.org"})
    await accounts.submit([change], [])
    assert (await log_in(accounts, CREDENTIALS, HERE)).user["email"] == "new@example.org"
    refused = await refusal(log_in(accounts, CREDENTIALS | {"email": "new@example.org"}, HERE))
    assert refused.code == "invalid_credentials"


@pytest.mark.parametrize("name", ["email", "password"])
@pytest.mark.parametrize("value", [None, "", "\u200b" * 12, 7], ids=ascii)
async def test_both_fields_are_needed(lite: Accounts, name: str, value: object) -> None:
    """A missing, null, empty, invisible or mistyped field → 400 with errors by field."""
    refused = await refusal(log_in(lite, CREDENTIALS | {name: value}, HERE))
    assert (refused.code, refused.status, list(refused.errors)) == ("validation", 400, [name])


async def test_a_disabled_or_deleted_user_does_not_log_in(accounts: Accounts) -> None:
    """A disabled account and a deleted user are answered as a wrong password is."""
    first = await sign_up(accounts, ADA, HERE)
    await change_account(accounts, is_disabled=True)
    assert (await refusal(log_in(accounts, CREDENTIALS, HERE))).code == "invalid_credentials"
    await change_account(accounts, is_disabled=False)
    await log_in(accounts, CREDENTIALS, HERE)
    await delete_user(accounts, first.user["id"])
    assert (await refusal(log_in(accounts, CREDENTIALS, HERE))).code == "invalid_credentials"


async def test_a_hash_is_renewed_at_log_in(tmp_path: Path, clock: ManualClock) -> None:
    """A password is rehashed at log-in when the parameters rise, once."""
    async with opened(SqliteStorage(tmp_path / "data"), clock) as accounts:
        await sign_up(accounts, ADA, HERE)
        [old] = await rows(accounts, "_credentials")
    harder = msgspec.structs.replace(FAST, hash_passes=3)
    async with opened(SqliteStorage(tmp_path / "data"), clock, harder) as accounts:
        await log_in(accounts, CREDENTIALS, HERE)
        [new] = await rows(accounts, "_credentials")
        assert new["secret"] != old["secret"]
        assert "t=3" in new["secret"]
        assert new | {"secret": ""} == old | {"secret": ""}
        await log_in(accounts, CREDENTIALS, HERE)
        assert [new] == await rows(accounts, "_credentials")


async def test_a_renewed_hash_changes_nothing_else(tmp_path: Path, clock: ManualClock) -> None:
    """A role withdrawn, or an e-mail address changed, while a log-in makes a new hash stays as it was changed."""
    async with opened(SqliteStorage(tmp_path / "data"), clock) as accounts:
        await sign_up(accounts, ADA, HERE)
        await change_account(accounts, roles='["editor"]')
    async with opened(
        SqliteStorage(tmp_path / "data"), clock, msgspec.structs.replace(FAST, hash_passes=3)
    ) as accounts:
        evidence = await authenticate(accounts, CREDENTIALS, HERE, is_admin=False)
        await change_account(accounts, roles="[]")
        await accounts.submit([], [Amend("_identities", {"provider": "email"}, {"subject": "new@example.org"})])
        await enter(accounts, evidence, HERE, "")
        [account], [identity], [password] = [
            await rows(accounts, name) for name in ("_accounts", "_identities", "_credentials")
        ]
    assert "t=3" in password["secret"]
    assert (account["roles"], identity["subject"]) == ("[]", "new@example.org")


async def test_a_password_changed_meanwhile_does_not_log_in(accounts: Accounts) -> None:
    """A log-in that overlaps a change of the password, or a disabling, does not come through with the old one."""
    await sign_up(accounts, ADA, HERE)
    [account], [password] = await rows(accounts, "_accounts"), await rows(accounts, "_credentials")
    for table, change in (("_credentials", {"secret": "another"}), ("_accounts", {"is_disabled": True})):
        evidence = by_password(account, password)
        await accounts.submit([], [Amend(table, {}, change)])
        assert (await refusal(enter(accounts, evidence, HERE, ""))).code == "invalid_credentials"
        await accounts.submit([], [Put("_accounts", account), Put("_credentials", password)])


async def test_guesses_on_one_account_are_limited(accounts: Accounts, clock: ManualClock) -> None:
    """1,000 guesses on one account, from as many addresses → 429 with Retry-After; the owner gets in at once where
    somebody signed in before, and elsewhere after the time that Retry-After names, while the guesses go on."""
    await sign_up(accounts, ADA, HERE)
    refusals = [
        await refusal(log_in(accounts, CREDENTIALS | {"password": f"guess {n}"}, f"10.0.{n // 250}.{n % 250}"))
        for n in range(1_000)
    ]
    assert [refused.code for refused in refusals[:10]] == ["invalid_credentials"] * 10
    assert {(refused.code, refused.status) for refused in refusals[10:]} == {("rate_limited", 429)}
    await log_in(accounts, CREDENTIALS, HERE)
    wait = (await refusal(log_in(accounts, CREDENTIALS, "192.0.2.99"))).retry_after
    assert wait is not None
    await clock.advance(wait)
    for n in range(100):
        await refusal(log_in(accounts, CREDENTIALS | {"password": f"more {n}"}, f"10.1.0.{n}"))
    await log_in(accounts, CREDENTIALS, "192.0.2.99")
    await log_in(accounts, CREDENTIALS, "192.0.2.99")


async def besiege(accounts: Accounts) -> None:
    """Guess until strangers have to wait for a long time."""
    for n in range(30):
        await refusal(log_in(accounts, CREDENTIALS | {"password": f"guess {n}"}, f"10.0.0.{n}"))


@pytest.mark.parametrize("is_signed_up_here", [True, False])
async def test_known_addresses_are_kept(tmp_path: Path, clock: ManualClock, is_signed_up_here: bool) -> None:
    """After a restart too, guesses from elsewhere keep nobody out at an address from which the account was entered, by
    sign-up or log-in; what is kept of it does not show the address, and is forgotten after half a year."""
    async with opened(SqliteStorage(tmp_path / "data"), clock) as accounts:
        await sign_up(accounts, ADA, HERE if is_signed_up_here else "192.0.2.50")
        if not is_signed_up_here:
            await log_in(accounts, CREDENTIALS, HERE)
            await log_in(accounts, CREDENTIALS, HERE)
        kept = await rows(accounts, "_known_addresses")
        assert len(kept) == (1 if is_signed_up_here else 2)
        assert HERE not in repr(kept)
    async with opened(SqliteStorage(tmp_path / "data"), clock) as accounts:
        await besiege(accounts)
        await log_in(accounts, CREDENTIALS, HERE)
        clock.jump(181 * 86_400)
        await maintain(accounts)
        assert await rows(accounts, "_known_addresses") == []
        assert (await refusal(log_in(accounts, CREDENTIALS, HERE))).code == "rate_limited"


async def test_a_known_address_is_written_once_a_day(accounts: Accounts, clock: ManualClock) -> None:
    """A log-in from a known address writes it again after a day only, and each account knows its own."""
    await sign_up(accounts, ADA, HERE)
    [first] = await rows(accounts, "_known_addresses")
    await log_in(accounts, CREDENTIALS, HERE)
    assert await rows(accounts, "_known_addresses") == [first]
    clock.jump(86_400)
    await log_in(accounts, CREDENTIALS, HERE)
    [second] = await rows(accounts, "_known_addresses")
    assert second == first | {"at": clock.now()}
    await sign_up(accounts, ADA | {"email": "bo@example.org"}, "192.0.2.60")
    await besiege(accounts)
    assert (await refusal(log_in(accounts, CREDENTIALS, "192.0.2.60"))).code == "rate_limited"


async def test_guesses_from_one_address_are_limited(lite: Accounts) -> None:
    """One guess on each of 1,000 accounts → 429 with Retry-After; another address is not touched."""
    await sign_up(lite, ADA, HERE)
    codes = [
        (await refusal(log_in(lite, CREDENTIALS | {"email": f"{n}@example.org"}, HERE))).code for n in range(1_000)
    ]
    assert codes == ["invalid_credentials"] * 50 + ["rate_limited"] * 950
    await log_in(lite, CREDENTIALS, "192.0.2.2")


async def test_who_could_not_be_served_has_not_guessed(tmp_path: Path, clock: ManualClock) -> None:
    """A log-in that finds the pool and its queue full → 429, and does not count as a failed guess."""
    narrow = msgspec.structs.replace(FAST, hash_threads=1, hash_queue=0, account_guesses=2)
    async with opened(SqliteStorage(tmp_path / "data"), clock, narrow) as accounts:
        await sign_up(accounts, ADA, HERE)
        tries = (log_in(accounts, CREDENTIALS, HERE) for _ in range(2))
        served, refused = sorted(
            await asyncio.gather(*tries, return_exceptions=True), key=lambda r: isinstance(r, Refusal)
        )
        assert not isinstance(served, BaseException)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.retry_after) == ("rate_limited", 1.0)
        for _ in range(2):
            wrong = await refusal(log_in(accounts, CREDENTIALS | {"password": "wrong horse"}, HERE))
            assert wrong.code == "invalid_credentials"


async def test_many_log_ins_at_once(accounts: Accounts) -> None:
    """Concurrent log-ins each open a session."""
    await sign_up(accounts, ADA, HERE)
    results = await asyncio.gather(*(log_in(accounts, CREDENTIALS, HERE) for _ in range(8)), return_exceptions=True)
    made = {result.refresh_token for result in results if not isinstance(result, BaseException)}
    assert len(made) == 8
    assert not [result for result in results if isinstance(result, Refusal)]
