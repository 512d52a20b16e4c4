"""Give an account another password, as an administrator: all of its sessions end."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.server.auth.forms import comparable
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.password import new_password, with_password
from hinterland.server.storage.system import Expect, PreconditionFailed


async def reset_password(accounts: Accounts, email: str, password: str) -> None:
    """Set the password of the user or administrator who signs in with `email`.

    Raises `not_found`, and `password_policy` for a password that can't be used.
    """
    encoded = await new_password(accounts, password, "password")
    key = {"email": comparable(email)}
    async with accounts.storage.snapshot() as snapshot:
        account = await snapshot.row("_accounts", key)
    if account is None:
        raise _unknown(email)
    same = Expect("_accounts", {"id": account["id"]}, key)
    try:
        await accounts.submit([], [same, *with_password(account, encoded, accounts.clock.now())])
    except PreconditionFailed:
        raise _unknown(email) from None


def _unknown(email: str) -> Refusal:
    return Refusal("not_found", f"nobody signs in with {email[:254]}")
