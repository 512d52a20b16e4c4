"""The signed-in user's own record."""

from __future__ import annotations

import json

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.auth.owners import owner_of, shown
from hinterland.server.auth.parts import Accounts


async def me(accounts: Accounts, principal: Principal) -> str:
    """The record as its owner sees it, JSON text. Raises `unauthorized` where it no longer exists."""
    if not principal.is_signed_in:
        raise Refusal("unauthorized")
    async with accounts.storage.snapshot() as snapshot:
        if not principal.is_admin:
            record = await snapshot.record("users", "", principal.id)
            if record is not None:
                return await accounts.wire(principal, record, snapshot)
        owner = await owner_of(accounts, snapshot, await snapshot.row("_accounts", {"id": str(principal.id)}))
    if owner is None:
        raise Refusal("unauthorized", "this user no longer exists; sign in again")
    return json.dumps(await shown(accounts, owner, principal))
