"""List the administrators."""

from __future__ import annotations

from typing import Any

from hinterland.contract import values
from hinterland.server.auth.parts import Accounts

_ADMINS = (
    "SELECT a.id, i.subject, a.created FROM _accounts a JOIN _identities i ON i.account = a.id "
    "WHERE a.is_admin AND i.provider = 'email' ORDER BY a.created, i.subject"
)


async def list_admins(accounts: Accounts) -> dict[str, Any]:
    """`{items: [{id, email, created_at}]}`, the oldest first."""
    rows = await accounts.storage.fetch(_ADMINS)
    return {"items": [{"id": id, "email": email, "created_at": values.instant(at)} for id, email, at in rows]}
