"""A user's own sessions: list them, end one, and log out, which ends the current one."""

from __future__ import annotations

import json

from hinterland.contract import values
from hinterland.contract.accounts import SessionInfo, SessionList
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.auth.parts import Accounts
from hinterland.server.security.refresh import ended
from hinterland.server.security.sessions import is_live
from hinterland.server.storage.system import Row


async def list_sessions(accounts: Accounts, principal: Principal) -> SessionList:
    """The caller's sessions that count, the last used first. Raises `unauthorized` for a caller without one."""
    rows = sorted(await _live(accounts, principal), key=lambda row: (-row["last_used"], row["id"]))
    return SessionList(items=[_info(row, principal.session) for row in rows])


async def end_session(accounts: Accounts, principal: Principal, id: str) -> None:
    """End one of the caller's sessions, everywhere at once. Raises `unauthorized`, and `not_found` for every other."""
    session = next((row for row in await _live(accounts, principal) if row["id"] == id), None)
    if session is None:
        raise Refusal("not_found", "you have no such session; list them to see which there are")
    await accounts.submit([], ended(session, accounts.clock.now()))


async def log_out(accounts: Accounts, principal: Principal) -> None:
    """End the caller's session. Raises `unauthorized` for a caller without one."""
    if not principal.session:
        raise Refusal("unauthorized")
    async with accounts.storage.snapshot() as snapshot:
        session = await snapshot.row("_sessions", {"id": principal.session})
    if session is not None:
        await accounts.submit([], ended(session, accounts.clock.now()))


async def _live(accounts: Accounts, principal: Principal) -> list[Row]:
    if not principal.session:
        raise Refusal("unauthorized")
    async with accounts.storage.snapshot() as snapshot:
        rows = await snapshot.rows("_sessions", {"account": str(principal.id)})
    now = accounts.clock.now()
    return [row for row in rows if is_live(row, now)]


def _info(row: Row, current: str) -> SessionInfo:
    return SessionInfo(
        id=row["id"],
        label=row["label"],
        client=row["client"],
        address=row["address"],
        acr=row["acr"],
        amr=json.loads(row["amr"]),
        created_at=values.instant(row["created"]),
        last_used_at=values.instant(row["last_used"]),
        expires_at=values.instant(row["expires"]),
        is_current=row["id"] == current,
    )
