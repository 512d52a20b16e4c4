"""A user's own sessions."""

from __future__ import annotations

import pytest

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.login import log_in
from hinterland.server.auth.own_sessions import end_session, list_sessions, log_out
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.refresh import refresh
from hinterland.server.auth.signup import sign_up
from hinterland.server.callers import LOCAL_ADMINISTRATOR
from tests.server.auth.process import ADA, CREDENTIALS, HERE, refusal


async def test_sessions_are_listed(accounts: Accounts, clock: ManualClock) -> None:
    """A user sees their own sessions, the last used first: where and with what each was begun or renewed last."""
    first = await sign_up(accounts, ADA, HERE, "Shop/1.0")
    await sign_up(accounts, ADA | {"email": "ben@example.org"}, HERE)
    clock.jump(60)
    caller = await accounts.tokens.verify((await log_in(accounts, CREDENTIALS, HERE, "Browser/9")).token.encode())
    clock.jump(60)
    await refresh(accounts, {"refresh_token": first.refresh_token}, "192.0.2.9", "Shop/1.1\n")
    phone, here = (await list_sessions(accounts, caller)).items
    assert (phone.label, phone.address, phone.is_current) == ("Shop/1.1", "192.0.2.9", False)
    assert (here.label, here.address, here.is_current) == ("Browser/9", HERE, True)
    assert (here.id, here.client, here.acr, here.amr) == (caller.session, "app", "aal1", ["pwd"])
    assert phone.created_at < here.created_at == here.last_used_at < phone.last_used_at < phone.expires_at


async def test_a_session_is_ended(accounts: Accounts) -> None:
    """A user ends a session of theirs at once: its tokens count no longer, and it is listed no longer."""
    lost = await sign_up(accounts, ADA, HERE)
    session = (await accounts.tokens.verify(lost.token.encode())).session
    caller = await accounts.tokens.verify((await log_in(accounts, CREDENTIALS, HERE)).token.encode())
    await end_session(accounts, caller, session)
    with pytest.raises(Refusal, match="ended"):
        await accounts.tokens.verify(lost.token.encode())
    assert (await refusal(refresh(accounts, {"refresh_token": lost.refresh_token}))).code == "invalid_grant"
    assert [item.id for item in (await list_sessions(accounts, caller)).items] == [caller.session]
    assert (await refusal(end_session(accounts, caller, session))).code == "not_found"


async def test_sessions_of_others(accounts: Accounts) -> None:
    """Another user's session is as unknown as one that never was; a caller without a session has none."""
    ada = await accounts.tokens.verify((await sign_up(accounts, ADA, HERE)).token.encode())
    ben = await accounts.tokens.verify(
        (await sign_up(accounts, ADA | {"email": "ben@example.org"}, HERE)).token.encode()
    )  # fmt: skip
    refusals = [await refusal(end_session(accounts, ben, id)) for id in (ada.session, "unknown", "")]
    assert {(each.code, each.message) for each in refusals} == {("not_found", refusals[0].message)}
    assert await accounts.sessions.find(ada.session) is not None
    assert (await refusal(list_sessions(accounts, LOCAL_ADMINISTRATOR))).status == 401
    assert (await refusal(end_session(accounts, LOCAL_ADMINISTRATOR, ada.session))).status == 401


async def test_a_session_ends_on_every_node(nodes: list[Accounts]) -> None:
    """A session that its user ends on one process ends on the others."""
    one, two, _ = nodes
    lost = await sign_up(one, ADA, HERE)
    session = (await two.tokens.verify(lost.token.encode())).session
    caller = await one.tokens.verify((await log_in(one, CREDENTIALS, HERE)).token.encode())
    await end_session(one, caller, session)
    assert await two.sessions.find(session) is None
    await log_out(one, caller)
    assert await two.sessions.find(caller.session) is None
