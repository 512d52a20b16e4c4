"""Log out."""

from __future__ import annotations

from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.login import log_in
from hinterland.server.auth.logout import log_out
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import sign_up
from hinterland.server.security.tokens import RECHECK
from tests.server.auth.process import ADA, CREDENTIALS, HERE, refusal


async def test_a_session_ends_at_log_out(accounts: Accounts) -> None:
    """Log-out ends the session at once and no other one; whoever follows its end is told."""
    heard: list[str] = []
    accounts.tokens.on_end.append(heard.append)
    first, second = await sign_up(accounts, ADA, HERE), await log_in(accounts, CREDENTIALS, HERE)
    caller = await accounts.tokens.verify(first.token.encode())
    await log_out(accounts, caller)
    assert accounts.tokens.cached(first.token.encode()) is None
    assert (await refusal(accounts.tokens.verify(first.token.encode()))).code == "unauthorized"
    assert await accounts.sessions.find(caller.session) is None
    assert heard == [caller.session]
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


async def test_another_process_hears_of_it_soon(nodes: list[Accounts], clock: ManualClock) -> None:
    """A session that ended in one process is worth nothing in the others after 10 s at most."""
    session = await sign_up(nodes[0], ADA, HERE)
    caller = await nodes[1].tokens.verify(session.token.encode())
    await log_out(nodes[0], caller)
    await clock.advance(RECHECK)
    assert (await refusal(nodes[1].tokens.verify(session.token.encode()))).code == "unauthorized"
