"""Log out: the session ends, with all of its tokens."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.auth.parts import Accounts
from hinterland.server.security.refresh import ended


async def log_out(accounts: Accounts, principal: Principal) -> None:
    """End the caller's session. Raises `unauthorized` for a caller without one."""
    if not principal.session:
        raise Refusal("unauthorized")
    async with accounts.storage.snapshot() as snapshot:
        session = await snapshot.row("_sessions", {"id": principal.session})
    if session is not None:
        await accounts.submit([], ended(session, accounts.clock.now()))
