"""How an account and a session begin, and what whoever signs in is told."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hinterland.contract.accounts import Session
from hinterland.contract.identity import Principal, new_id
from hinterland.server.auth.parts import Accounts
from hinterland.server.security import refresh
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.system import Assigned, Row, RowAct


def new_account(id: str | Assigned, email: str, encoded: str, now: float, *, is_admin: bool = False) -> Row:
    """The row of an account; `email` is comparable."""
    return {"id": id, "email": email, "password": encoded, "roles": "[]", "is_admin": is_admin, "is_disabled": False,
            "created": now}  # fmt: skip


class Opening(NamedTuple):
    """A session that begins: its id, its first refresh token, and the rows to be written."""

    session: str
    refresh_token: str
    acts: list[RowAct]


def open_session(accounts: Accounts, account: str | Assigned) -> Opening:
    """A new session of an account."""
    now = accounts.clock.now()
    session, token = new_id(now), refresh.new_token(refresh.mark_of(accounts.storage.database_id))
    return Opening(session, token, refresh.opened(account, session, token, now, accounts.settings.session_seconds))


def answer(
    accounts: Accounts, principal: Principal, refresh_token: str, user: dict[str, Any], message: str = ""
) -> Session:
    """What log-in, sign-up and refresh answer."""
    token = accounts.tokens.issue(principal)
    return Session(
        token=token,
        access_token=token,
        refresh_token=refresh_token,
        token_type="Bearer",
        expires_in=accounts.settings.access_token_seconds,
        user=user,
        message=message,
    )


def profile(accounts: Accounts, principal: Principal, record: StoredRecord) -> dict[str, Any]:
    """The user's own record, as the owner sees it."""
    shown: dict[str, Any] = json.loads(accounts.wire(principal, record))
    return shown


def admin_profile(account: Row) -> dict[str, Any]:
    """What an administrator is, who has no record."""
    return {"id": account["id"], "email": account["email"], "roles": json.loads(account["roles"]), "is_admin": True}
