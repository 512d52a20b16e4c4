"""Who owns an account: a user with a record, or an administrator without one."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hinterland.contract.identity import Principal
from hinterland.server.auth.identities import email_of
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.protocol import Snapshot, StoredRecord
from hinterland.server.storage.system import Row


class Owner(NamedTuple):
    """An account with its user's record; an administrator has an `email` only."""

    account: Row
    record: StoredRecord | None
    email: str


async def owner_of(accounts: Accounts, snapshot: Snapshot, account: Row | None) -> Owner | None:
    """The owner of an account; None where it can't sign in: it is disabled, or its user was deleted."""
    if account is None or account["is_disabled"]:
        return None
    if account["is_admin"]:
        return Owner(account, None, await email_of(snapshot, account["id"]) or "")
    record = await accounts.sessions.record(snapshot, account)
    return None if record is None else Owner(account, record, "")


async def shown(accounts: Accounts, owner: Owner, principal: Principal) -> dict[str, Any]:
    """The user's record as the owner sees it, or what an administrator is."""
    if owner.record is not None:
        return await profile(accounts, principal, owner.record)
    account = owner.account
    return {"id": account["id"], "email": owner.email, "roles": json.loads(account["roles"]), "is_admin": True}


async def profile(accounts: Accounts, principal: Principal, record: StoredRecord) -> dict[str, Any]:
    """The user's own record, as the owner sees it."""
    seen: dict[str, Any] = json.loads(await accounts.wire(principal, record, accounts.storage))
    return seen
