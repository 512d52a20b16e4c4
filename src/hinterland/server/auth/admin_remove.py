"""Remove an administrator; the last one only if that is said twice."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.server.auth.admin_list import admin_rows
from hinterland.server.auth.forms import comparable
from hinterland.server.auth.parts import Accounts
from hinterland.server.security.sessions import erasing
from hinterland.server.storage.system import Expect, PreconditionFailed, Row

_TRIES = 3


async def remove_admin(accounts: Accounts, email: str, *, is_forced: bool = False) -> None:
    """Delete the account of an administrator; its sessions end. Raises `not_found`, and `conflict` for the last one
    unless `is_forced`."""
    for _ in range(_TRIES):
        async with accounts.storage.snapshot() as snapshot:
            account = await snapshot.row("_accounts", {"email": comparable(email)})
        if account is None or not account["is_admin"]:
            raise Refusal("not_found", f"there is no administrator {email[:254]}; list them to see who is one")
        try:
            await remove(accounts, account, is_forced=is_forced)
        except PreconditionFailed:
            continue  # another administrator was removed or changed in between: look again
        return
    raise Refusal("unavailable", "administrators are changed by others at once; retry", retry_after=1.0)


async def remove(accounts: Accounts, account: Row, *conditions: Expect, is_forced: bool = False) -> None:
    """Delete an administrator's account while `conditions` hold. Raises `conflict` for the last one, and
    `PreconditionFailed`."""
    others = [row for row in await admin_rows(accounts) if row["id"] != account["id"]]
    if not others and not is_forced:
        raise Refusal(
            "conflict",
            f"{account['email']} is the last administrator; create another one first, or use force (--force)",
        )
    stays = [Expect("_accounts", {"id": others[0]["id"]}, {"is_admin": True})] if not is_forced else []
    same = Expect("_accounts", {"id": account["id"]}, {"is_admin": True})
    await accounts.submit([], [*conditions, *stays, same, *erasing(account["id"])])
