"""Renew a session with its refresh token.

Whatever is wrong is `invalid_grant` and never 401: clients answer a 401 with a renewal.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Mapping
from typing import Any

from hinterland.contract.accounts import ANOTHER_SERVER, Session
from hinterland.contract.errors import Refusal
from hinterland.server.auth.forms import require
from hinterland.server.auth.opening import answer
from hinterland.server.auth.owners import Owner, owner_of, shown
from hinterland.server.auth.parts import Accounts
from hinterland.server.security import refresh as tokens
from hinterland.server.security.refresh import Facts, Repeat, Reuse, Rotate
from hinterland.server.security.sessions import label_of
from hinterland.server.storage.system import PreconditionFailed, Row

log = logging.getLogger("hinterland.auth")
_TRIES = 5
_FOREIGN = "this refresh token is from another server; check the address, or log in here"


async def refresh(accounts: Accounts, fields: Mapping[str, Any], address: str = "", user_agent: str = "") -> Session:
    """Exchange `{refresh_token}` for a new pair. Raises `invalid_grant`, or `validation` where there is no token."""
    require(fields, ("refresh_token",), text=("refresh_token",), is_empty=operator.not_)  # others are unknown tokens
    for _ in range(_TRIES):
        try:
            return await _exchange(accounts, fields["refresh_token"], address, user_agent)
        except PreconditionFailed:
            continue  # another request exchanged the token or ended the session in between: look again
    raise Refusal("unavailable", "many requests renew this session at once; retry shortly", retry_after=1.0)


async def _exchange(accounts: Accounts, token: str, address: str, user_agent: str) -> Session:
    facts = await _look_up(accounts, token)
    now, lifetime = accounts.clock.now(), accounts.settings.session_seconds
    decision = tokens.decide(facts, now, lifetime=lifetime)
    match decision:
        case Rotate(_, session):
            successor = tokens.new_token(tokens.mark_of(accounts.storage.database_id))
            owner, label = await _owner(accounts, session), label_of(user_agent)
            acts = tokens.rotated(decision, token, successor, now, lifetime, address=address, label=label)
            await accounts.submit([], acts)
        case Repeat(successor, session):
            owner = await _owner(accounts, session)
        case Reuse(session):
            log.warning("a refresh token was used twice: session %s is ended", session["id"])
            await accounts.submit([], tokens.ended(session, now))
            raise _invalid()
        case _:
            if tokens.is_foreign(token, tokens.mark_of(accounts.storage.database_id)):
                raise Refusal("invalid_grant", _FOREIGN, details={"reason": ANOTHER_SERVER})
            raise _invalid()
    principal = accounts.sessions.principal(owner.account, session, owner.record)
    return answer(accounts, principal, successor, await shown(accounts, owner, principal))


async def _look_up(accounts: Accounts, token: str) -> Facts:
    async with accounts.storage.snapshot() as snapshot:
        row = await snapshot.row("_refresh_tokens", {"hash": tokens.hash_of(token)})
        if row is None:
            return Facts()
        session = await snapshot.row("_sessions", {"id": row["session"]})
        successor = tokens.unseal(token, row["successor"], row["session"])
        child = await snapshot.row("_refresh_tokens", {"hash": tokens.hash_of(successor)}) if successor else None
    return Facts(row, successor, child, session)


async def _owner(accounts: Accounts, session: Row) -> Owner:
    """The owner of a session. Raises `invalid_grant` where they may not sign in."""
    async with accounts.storage.snapshot() as snapshot:
        owner = await owner_of(accounts, snapshot, await snapshot.row("_accounts", {"id": session["account"]}))
    if owner is None:
        raise _invalid()
    return owner


def _invalid() -> Refusal:
    return Refusal("invalid_grant", "the refresh token is not valid or no longer valid; log in again")
