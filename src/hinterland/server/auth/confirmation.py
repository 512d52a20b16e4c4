"""The password given again, for changes that an access token alone must not make."""

from __future__ import annotations

from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import Principal
from hinterland.server.auth import guesses
from hinterland.server.auth.evidence import Evidence, by_password, password_of
from hinterland.server.auth.parts import Accounts


async def confirmed(accounts: Accounts, principal: Principal, password: str) -> Evidence:
    """The evidence that the caller knows the account's current password.

    Raises `unauthorized` for a caller without a session, `rate_limited`, and `validation` for a wrong password: a 401
    would make clients renew the session.
    """
    if not principal.session:
        raise Refusal("unauthorized")
    async with accounts.storage.snapshot() as snapshot:
        account = await snapshot.row("_accounts", {"id": str(principal.id)})
        kept = await password_of(snapshot, account)
        await guesses.learn(accounts, snapshot, accounts.limits.session_tallies(principal.session))
    guess = accounts.limits.confirm(principal.session)
    try:
        is_right = await accounts.passwords.verify(kept["secret"] if kept else None, password)
    except Refusal:  # too busy to check it
        accounts.limits.undo(guess)
        raise
    if account is None or kept is None or not is_right:
        await guesses.failed(accounts, guess)
        raise wrong_password()
    accounts.limits.undo(guess)
    return by_password(account, kept)


def wrong_password() -> Refusal:
    """The refusal of a password that is not the account's."""
    return invalid({"password": ["is wrong"]})


def changed_meanwhile() -> Refusal:
    """The refusal where the password was right when it was checked, and the account has changed since."""
    return Refusal("conflict", "the account was changed at the same time; check it and try again")
