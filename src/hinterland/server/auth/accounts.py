"""The rows of accounts."""

from __future__ import annotations

from hinterland.server.storage.system import Assigned, Drop, Row, RowAct


def new_account(id: str | Assigned, email: str, encoded: str, now: float, *, is_admin: bool = False) -> Row:
    """The row of an account; `email` is comparable."""
    return {"id": id, "email": email, "password": encoded, "roles": "[]", "is_admin": is_admin, "is_disabled": False,
            "created": now}  # fmt: skip


def erasing(account: str) -> list[RowAct]:
    """What goes with a user's record when it is deleted: the account and its sessions."""
    return [Drop("_accounts", {"id": account}), Drop("_sessions", {"account": account})]
