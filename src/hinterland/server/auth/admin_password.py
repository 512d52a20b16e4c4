"""Set the password of an account as an administrator: all of its sessions end."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.server.auth.forms import comparable
from hinterland.server.auth.identities import account_by_email, by_email
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.password import new_password, with_password
from hinterland.server.storage.system import Expect, PreconditionFailed


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
