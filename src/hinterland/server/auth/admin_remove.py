"""Remove an administrator; the last one only if that is said twice."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.server.auth.forms import comparable
from hinterland.server.auth.identities import account_by_email, email_of
from hinterland.server.auth.parts import Accounts
from hinterland.server.security.sessions import erasing
from hinterland.server.storage.system import Expect, PreconditionFailed, RowAct

_TRIES = 3


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
