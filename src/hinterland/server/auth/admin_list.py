"""List the administrators."""

from __future__ import annotations

from typing import Any

from hinterland.contract import values
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.system import Row


async def list_admins(accounts: Accounts) -> dict[str, Any]:
    """`{items: [{id, email, created_at}]}`, the oldest first."""
    items = [
        {"id": row["id"], "email": row["email"], "created_at": values.instant(row["created"])}
        for row in await admin_rows(accounts)
    ]
    return {"items": items}


async def admin_rows(accounts: Accounts) -> list[Row]:
    """The accounts of all administrators, the oldest first."""
    async with accounts.storage.snapshot() as snapshot:
        rows = await snapshot.rows("_accounts", {"is_admin": True})
    return sorted(rows, key=lambda row: (row["created"], row["email"]))
