"""The password once more: what nobody does with an access token alone."""

from __future__ import annotations

from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import Principal
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.system import Expect, Row


async def confirmed(accounts: Accounts, principal: Principal, password: str) -> Row:
    """The caller's account, whose current password this is.

    Raises `unauthorized` for a caller without a session, `rate_limited`, and `validation` for a wrong password: a 401
    would make clients renew the session.
    """
    if not principal.session:
        raise Refusal("unauthorized")
    guess = accounts.limits.confirm(principal.session)
    async with accounts.storage.snapshot() as snapshot:
        account = await snapshot.row("_accounts", {"id": str(principal.id)})
    try:
        is_right = await accounts.passwords.verify(account["password"] if account else None, password)
    except Refusal:  # too busy to tell
        accounts.limits.undo(guess)
        raise
    if account is None or not is_right:
        raise wrong_password()
    accounts.limits.undo(guess)
    return account


def unchanged(account: Row) -> Expect:
    """What must still hold when that is written which the password allowed."""
    return Expect("_accounts", {"id": account["id"]}, {"password": account["password"], "is_disabled": False})


def wrong_password() -> Refusal:
    """The refusal of a password that is not the account's."""
    return invalid({"password": ["is wrong"]})


def changed_meanwhile() -> Refusal:
    """The refusal where the password was right when it was checked, and the account is another since."""
    return Refusal("conflict", "the account was changed at the same time; check it, and try again")
