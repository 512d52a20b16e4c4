"""Who am I: the signed-in user's own record."""

from __future__ import annotations

import json

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.auth.opening import admin_profile
from hinterland.server.auth.parts import Accounts


async def me(accounts: Accounts, principal: Principal) -> str:
    """The record as its owner sees it, JSON text. Raises `unauthorized` where the caller has none any more."""
    if not principal.is_signed_in:
        raise Refusal("unauthorized")
    async with accounts.storage.snapshot() as snapshot:
        if principal.is_admin:
            account = await snapshot.row("_accounts", {"id": principal.id})
            shown = json.dumps(admin_profile(account)) if account is not None else None
        else:
            record = await snapshot.record("users", "", principal.id)
            shown = accounts.wire(principal, record) if record is not None else None
    if shown is None:
        raise Refusal("unauthorized", "this user is not there any more")
    return shown
