"""Log out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.login import log_in
from hinterland.server.auth.own_sessions import log_out
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.refresh import refresh
from hinterland.server.auth.signup import sign_up
from hinterland.server.security.tokens import RECHECK
from hinterland.server.storage.postgres import PostgresStorage
from tests.server.auth.process import ADA, CREDENTIALS, HERE, opened, refusal


async def test_a_session_ends_at_log_out(accounts: Accounts) -> None:
    """Log-out ends the session at once and no other one."""
    first, second = await sign_up(accounts, ADA, HERE), await log_in(accounts, CREDENTIALS, HERE)
    caller = await accounts.tokens.verify(first.token.encode())
    await log_out(accounts, caller)
    assert accounts.tokens.cached(first.token.encode()) is None
    assert (await refusal(accounts.tokens.verify(first.token.encode()))).code == "unauthorized"
    assert await accounts.sessions.find(caller.session) is None
    assert (await accounts.tokens.verify(second.token.encode())).id == caller.id


async def test_logging_out_twice_is_no_error(accounts: Accounts) -> None:
    """Log-out of a session that has ended, or is not there, changes nothing."""
    session = await sign_up(accounts, ADA, HERE)
    caller = await accounts.tokens.verify(session.token.encode())
    await log_out(accounts, caller)
    await log_out(accounts, caller)
    await log_out(accounts, Principal(1, (), "unknown"))


async def test_who_is_signed_out_can_not_log_out(lite: Accounts) -> None:
    """Log-out without a session → 401."""
    assert (await refusal(log_out(lite, SIGNED_OUT))).code == "unauthorized"


async def forgotten(accounts: Accounts, token: str) -> None:
    """Return when a process has heard that it must ask about a token again."""
    while accounts.tokens.cached(token.encode()) is not None:  # noqa: ASYNC110 - it may come at any time
        await asyncio.sleep(0)


async def test_another_process_hears_of_it_at_once(nodes: list[Accounts]) -> None:
    """A session that ended in one process, by log-out or since a refresh token was used twice, is worth nothing in the
    others as soon as they hear of it, without the clock; other sessions of the account go on."""
    other = await sign_up(nodes[0], ADA, HERE)
    for by_reuse in (False, True):
        session = await log_in(nodes[0], CREDENTIALS, HERE)
        caller = await nodes[1].tokens.verify(session.token.encode())
        await nodes[1].tokens.verify(other.token.encode())
        if by_reuse:
            second = await refresh(nodes[0], {"refresh_token": session.refresh_token})
            await refresh(nodes[0], {"refresh_token": second.refresh_token})
            await refusal(refresh(nodes[0], {"refresh_token": session.refresh_token}))
        else:
            await log_out(nodes[0], caller)
        await asyncio.wait_for(forgotten(nodes[1], session.token), 20)
        assert (await refusal(nodes[1].tokens.verify(session.token.encode()))).code == "unauthorized"
        assert nodes[1].tokens.cached(other.token.encode()) is not None


async def test_another_process_finds_out_soon(postgres_dsn: str, clock: ManualClock) -> None:
    """A process that hears nothing finds out within 5 s."""
    async with opened(PostgresStorage(postgres_dsn), clock) as one, opened(Deaf(postgres_dsn), clock) as deaf:
        session = await sign_up(one, ADA, HERE)
        caller = await deaf.tokens.verify(session.token.encode())
        await log_out(one, caller)
        await clock.advance(RECHECK - 0.1)
        assert deaf.tokens.cached(session.token.encode()) == caller
        await clock.advance(0.1)
        assert (await refusal(deaf.tokens.verify(session.token.encode()))).code == "unauthorized"


class Deaf(PostgresStorage):
    """A database whose signals don't arrive, as behind a pooler that keeps no session."""

    async def listen(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        return None
