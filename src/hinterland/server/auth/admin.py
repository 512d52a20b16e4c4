"""Administrators: accounts without a record, who pass every rule. They log in, are created, listed and removed, and set
the passwords of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hinterland.contract import values
from hinterland.contract.accounts import Session
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import new_id
from hinterland.server.auth.forms import comparable, email_problems
from hinterland.server.auth.grants import enter
from hinterland.server.auth.identities import account_by_email, by_email, email_of
from hinterland.server.auth.login import authenticate
from hinterland.server.auth.opening import new_account, registered
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.password import new_password, with_password
from hinterland.server.auth.signup import taken
from hinterland.server.security.sessions import ADMIN, erasing
from hinterland.server.storage.system import Expect, PreconditionFailed, RowAct

_TRIES = 3
_ADMINS = (
    "SELECT a.id, i.subject, a.created FROM _accounts a JOIN _identities i ON i.account = a.id "
    "WHERE a.is_admin AND i.provider = 'email' ORDER BY a.created, i.subject"
)


async def log_in(accounts: Accounts, fields: Mapping[str, Any], address: str, user_agent: str = "") -> Session:
    """Check an administrator's `{email, password}` and begin a session. Raises what a user's log-in does."""
    evidence = await authenticate(accounts, fields, address, is_admin=True)
    return await enter(accounts, evidence, address, user_agent)


async def create_admin(accounts: Accounts, email: str, password: str) -> str:
    """Create an administrator; returns the id.

    Raises `validation`, `password_policy`, and `conflict` for a taken e-mail.
    """
    problems = {"email": email_problems(email), "password": accounts.passwords.problems(password)}
    if errors := {name: messages for name, messages in problems.items() if messages}:
        raise invalid(errors)
    encoded = await accounts.passwords.encode(password)
    now = accounts.clock.now()
    row = new_account(f"{ADMIN}{new_id(now)}", now, is_admin=True)
    try:
        await accounts.submit([], registered(row, comparable(email), encoded))
    except PreconditionFailed:
        raise taken() from None
    return str(row["id"])


async def list_admins(accounts: Accounts) -> dict[str, Any]:
    """`{items: [{id, email, created_at}]}`, the oldest first."""
    rows = await accounts.storage.fetch(_ADMINS)
    return {"items": [{"id": id, "email": email, "created_at": values.instant(at)} for id, email, at in rows]}


async def remove_admin(accounts: Accounts, email: str, *, is_forced: bool = False) -> None:
    """Delete the account of an administrator; its sessions end. Raises `not_found`, and `conflict` for the last one
    unless `is_forced`."""
    for _ in range(_TRIES):
        async with accounts.storage.snapshot() as snapshot:
            account = await account_by_email(snapshot, comparable(email))
        if account is None or not account["is_admin"]:
            raise Refusal("not_found", f"{email[:254]} is not an administrator; list the administrators to see them")
        try:
            await remove(accounts, account["id"], is_forced=is_forced)
        except PreconditionFailed:
            continue  # another administrator was removed or changed in between: look again
        return
    raise Refusal("unavailable", "administrators are changed by others at once; retry", retry_after=1.0)


async def remove(accounts: Accounts, account: str, *conditions: RowAct, is_forced: bool = False) -> None:
    """Delete an administrator's account while `conditions` hold. Raises `conflict` for the last one, and
    `PreconditionFailed`."""
    async with accounts.storage.snapshot() as snapshot:
        others = [row for row in await snapshot.rows("_accounts", {"is_admin": True}) if row["id"] != account]
        email = await email_of(snapshot, account)
    if not others and not is_forced:
        raise Refusal(
            "conflict", f"{email} is the last administrator; create another one first, or use force (--force)"
        )
    stays = [Expect("_accounts", {"id": others[0]["id"]}, {"is_admin": True})] if not is_forced else []
    same = Expect("_accounts", {"id": account}, {"is_admin": True})
    await accounts.submit([], [*conditions, *stays, same, *erasing(account)])


async def reset_password(accounts: Accounts, email: str, password: str) -> None:
    """Set the password of the user or administrator who signs in with `email`.

    Raises `not_found`, and `password_policy` for a password that can't be used.
    """
    encoded = await new_password(accounts, password, "password")
    async with accounts.storage.snapshot() as snapshot:
        account = await account_by_email(snapshot, comparable(email))
    if account is None:
        raise _unknown(email)
    same = Expect("_identities", by_email(comparable(email)), {"account": account["id"]})
    try:
        await accounts.submit([], [same, *with_password(account["id"], encoded, accounts.clock.now())])
    except PreconditionFailed:
        raise _unknown(email) from None


def _unknown(email: str) -> Refusal:
    return Refusal("not_found", f"no account signs in with {email[:254]}")
