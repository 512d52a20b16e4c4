"""Log in with e-mail and password. A wrong password and an unknown user are answered alike, and in the same time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hinterland.contract.accounts import Session
from hinterland.contract.errors import Refusal
from hinterland.server.auth import guesses
from hinterland.server.auth.evidence import PASSWORD, Evidence, by_password, credential_key, password_of
from hinterland.server.auth.forms import credentials
from hinterland.server.auth.grants import enter, wrong_credentials
from hinterland.server.auth.identities import account_by_email
from hinterland.server.auth.known_addresses import known_address
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.system import Amend, Row, RowAct


async def log_in(accounts: Accounts, fields: Mapping[str, Any], address: str, user_agent: str = "") -> Session:
    """Check `{email, password}` and begin a session.

    Raises `validation` for a missing field, `invalid_credentials`, `challenge_required` where the account has a second
    factor, `rate_limited`. Administrators sign in elsewhere.
    """
    evidence = await authenticate(accounts, fields, address, is_admin=False)
    return await enter(accounts, evidence, address, user_agent)


async def authenticate(accounts: Accounts, fields: Mapping[str, Any], address: str, *, is_admin: bool) -> Evidence:
    """The evidence that the right e-mail address and password are."""
    email, given = credentials(fields)
    accounts.limits.check(address)
    async with accounts.storage.snapshot() as snapshot:
        account = await account_by_email(snapshot, email)
        password = await password_of(snapshot, account)
        known = await known_address(accounts, snapshot, account, address)
        await guesses.learn(accounts, snapshot, accounts.limits.tallies(email, address))
    guess = await guesses.attempt(accounts, email, address, is_known=known is not None)
    try:
        is_right = await accounts.passwords.verify(password["secret"] if password else None, given)
    except Refusal:  # too busy to check it
        accounts.limits.undo(guess)
        raise
    if account is None or password is None or not is_right or not _may_enter(account, is_admin=is_admin):
        await guesses.failed(accounts, guess)
        raise wrong_credentials()
    accounts.limits.undo(guess)
    return by_password(account, password, *await _rehash(accounts, password, given))


def _may_enter(account: Row, *, is_admin: bool) -> bool:
    return not account["is_disabled"] and account["is_admin"] is is_admin


async def _rehash(accounts: Accounts, password: Row, given: str) -> list[RowAct]:
    """The change of a hash that was made with other parameters than today's."""
    if not accounts.passwords.needs_rehash(password["secret"]):
        return []
    key = credential_key(password["account"], PASSWORD)
    return [Amend("_credentials", key, {"secret": await accounts.passwords.encode_again(given)})]
