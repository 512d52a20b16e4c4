"""Renew a session with its refresh token.

Whatever is wrong is `invalid_grant` and never 401: clients answer a 401 with a renewal.
"""

from __future__ import annotations

import logging
import operator

from hinterland.contract.accounts import ANOTHER_SERVER, Session
from hinterland.contract.errors import Refusal
from hinterland.server.auth.forms import form, require
from hinterland.server.auth.opening import admin_profile, answer, profile
from hinterland.server.auth.parts import Accounts
from hinterland.server.security import refresh as tokens
from hinterland.server.security.refresh import Facts, Repeat, Reuse, Rotate
from hinterland.server.storage.system import PreconditionFailed, Row

log = logging.getLogger("hinterland.auth")
_TRIES = 5
_FOREIGN = "another server gave out this refresh token; check the address, or log in here"


async def refresh(accounts: Accounts, body: object) -> Session:
    """Exchange `{refresh_token}` for a new pair. Raises `invalid_grant`, or `validation` where there is no token."""
    fields = form(body)
    require(fields, ("refresh_token",), text=("refresh_token",), is_empty=operator.not_)  # others are unknown tokens
    for _ in range(_TRIES):
        try:
            return await _exchange(accounts, fields["refresh_token"])
        except PreconditionFailed:
            continue  # somebody exchanged the token or ended the session in between: look again
    raise Refusal("unavailable", "many requests renew this session at once: try again", retry_after=1.0)


async def _exchange(accounts: Accounts, token: str) -> Session:
    facts = await _look_up(accounts, token)
    now, lifetime = accounts.clock.now(), accounts.settings.session_seconds
    decision = tokens.decide(facts, now, lifetime=lifetime)
    match decision:
        case Rotate(_, session):
            successor = tokens.new_token(tokens.mark_of(accounts.storage.database_id))
            account, user = await _owner(accounts, session)
            await accounts.submit([], tokens.rotated(decision, token, successor, now, lifetime))
        case Repeat(successor, session):
            account, user = await _owner(accounts, session)
        case Reuse(session):
            log.warning("a refresh token was used twice: session %s is ended", session["id"])
            await accounts.submit([], tokens.ended(session, now))
            raise _invalid()
        case _:
            if tokens.is_foreign(token, tokens.mark_of(accounts.storage.database_id)):
                raise Refusal("invalid_grant", _FOREIGN, details={"reason": ANOTHER_SERVER})
            raise _invalid()
    return answer(accounts, accounts.sessions.principal(account, session["id"]), successor, user)


async def _look_up(accounts: Accounts, token: str) -> Facts:
    async with accounts.storage.snapshot() as snapshot:
        row = await snapshot.row("_refresh_tokens", {"hash": tokens.hash_of(token)})
        if row is None:
            return Facts()
        session = await snapshot.row("_sessions", {"id": row["session"]})
        successor = tokens.unseal(token, row["successor"], row["session"])
        child = await snapshot.row("_refresh_tokens", {"hash": tokens.hash_of(successor)}) if successor else None
    return Facts(row, successor, child, session)


async def _owner(accounts: Accounts, session: Row) -> tuple[Row, dict[str, object]]:
    """The account of a session and what its owner is told of it. Raises `invalid_grant` where it may not sign in."""
    async with accounts.storage.snapshot() as snapshot:
        account = await snapshot.row("_accounts", {"id": session["account"]})
        if account is None or account["is_disabled"]:
            raise _invalid()
        if account["is_admin"]:
            return account, admin_profile(account)
        record = await accounts.sessions.record(snapshot, account)
    if record is None:
        raise _invalid()
    return account, profile(accounts, accounts.sessions.principal(account, session["id"]), record)


def _invalid() -> Refusal:
    return Refusal("invalid_grant", "the refresh token is not valid, or not any more: log in again")
