"""Delete your own account: the password is needed, and all credentials and sessions are deleted with the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hinterland.contract.changes import Write
from hinterland.contract.identity import Principal
from hinterland.server.auth.admin import remove
from hinterland.server.auth.confirmation import changed_meanwhile, confirmed
from hinterland.server.auth.forms import require
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.system import PreconditionFailed


async def delete_account(accounts: Accounts, principal: Principal, fields: Mapping[str, Any]) -> None:
    """Take `{password}`. Rules are not asked: an account is its owner's.

    Raises `unauthorized`, `validation` for a wrong password, `rate_limited`, and `conflict` for the last
    administrator and an account that changed meanwhile.
    """
    require(fields, ("password",), text=("password",))
    evidence = await confirmed(accounts, principal, fields["password"])
    try:
        if evidence.account["is_admin"]:
            await remove(accounts, evidence.account["id"], *evidence.acts)
        else:
            write = Write(act="delete", collection="users", id=principal.id)
            await accounts.submit([write], evidence.acts)
    except PreconditionFailed:
        raise changed_meanwhile() from None
