"""Delete one's own account: the password is asked for, and everything that signs in goes with the record."""

from __future__ import annotations

from hinterland.contract.changes import Write
from hinterland.contract.identity import Principal
from hinterland.server.auth.admin_remove import remove
from hinterland.server.auth.confirmation import changed_meanwhile, confirmed, unchanged
from hinterland.server.auth.forms import form, require
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.system import PreconditionFailed


async def delete_account(accounts: Accounts, principal: Principal, body: object) -> None:
    """Take `{password}`. Rules are not asked: an account is its owner's.

    Raises `unauthorized`, `validation` for a wrong password, `rate_limited`, and `conflict` for the last
    administrator and an account that changed meanwhile.
    """
    fields = form(body)
    require(fields, ("password",), text=("password",))
    account = await confirmed(accounts, principal, fields["password"])
    try:
        if account["is_admin"]:
            await remove(accounts, account, unchanged(account))
        else:
            write = Write(act="delete", collection="users", id=principal.id)
            await accounts.submit([write], [unchanged(account)])
    except PreconditionFailed:
        raise changed_meanwhile() from None
