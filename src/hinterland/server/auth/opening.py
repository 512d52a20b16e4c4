"""How an account and a session begin, and the response to signing in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hinterland.contract.accounts import Session
from hinterland.contract.identity import Principal, new_id
from hinterland.server.auth.evidence import PASSWORD, new_credential
from hinterland.server.auth.identities import by_email, email_identity
from hinterland.server.auth.parts import Accounts
from hinterland.server.security import refresh
from hinterland.server.security.sessions import label_of, new_session
from hinterland.server.storage.system import Assigned, Expect, Put, Row, RowAct


def new_account(id: str | Assigned, now: float, *, is_admin: bool = False) -> Row:
    """The row of an account."""
    return {"id": id, "roles": "[]", "is_admin": is_admin, "is_disabled": False, "created": now}


def registered(account: Row, email: str, encoded: str) -> list[RowAct]:
    """The rows of a new account that signs in with a password and a comparable `email`, which must be free."""
    id, now = account["id"], account["created"]
    return [
        Expect("_identities", by_email(email), None),
        Put("_accounts", account),
        email_identity(email, id, now),
        new_credential(id, PASSWORD, encoded, now),
    ]


class Opening(NamedTuple):
    """A session that begins: its row, its first refresh token, and the rows to be written."""

    session: Row
    refresh_token: str
    acts: list[RowAct]


def open_session(
    accounts: Accounts, account: str | Assigned, amr: Sequence[str], address: str, user_agent: str
) -> Opening:
    """A new session of an account, by evidence of the methods `amr`."""
    now = accounts.clock.now()
    token = refresh.new_token(refresh.mark_of(accounts.storage.database_id))
    lifetime = accounts.settings.session_seconds
    session = new_session(
        new_id(now), account, now, lifetime, amr=amr, address=address, label=label_of(user_agent)
    )  # fmt: skip
    return Opening(session, token, refresh.opened(session, token))


def answer(
    accounts: Accounts, principal: Principal, refresh_token: str, user: dict[str, Any], message: str = ""
) -> Session:
    """The response to a log-in, sign-up or refresh."""
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
