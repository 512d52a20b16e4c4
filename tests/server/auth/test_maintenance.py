"""What is forgotten in time."""

from __future__ import annotations

import pytest

from hinterland.kit.clock import ManualClock
from hinterland.server.auth import maintenance
from hinterland.server.auth.login import log_in
from hinterland.server.auth.maintenance import maintain
from hinterland.server.auth.own_sessions import log_out
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.refresh import refresh
from hinterland.server.auth.signup import sign_up
from tests.server.auth.process import ADA, CREDENTIALS, HERE, rows

DAY = 86_400


async def test_what_no_longer_counts_is_forgotten(
    accounts: Accounts, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended and expired sessions go with their tokens, however many; live ones stay and can still be renewed."""
    monkeypatch.setattr(maintenance, "_BATCH", 3)
    await sign_up(accounts, ADA, HERE)
    for _ in range(8):
        await log_in(accounts, CREDENTIALS, HERE)
    await clock.advance(20 * DAY)
    live, ended = [await log_in(accounts, CREDENTIALS, HERE) for _ in range(2)]
    await log_out(accounts, await accounts.tokens.verify(ended.token.encode()))
    await clock.advance(10 * DAY)
    await maintain(accounts)
    assert len(await rows(accounts, "_sessions")) == len(await rows(accounts, "_refresh_tokens")) == 1
    await refresh(accounts, {"refresh_token": live.refresh_token})


async def test_used_tokens_are_kept_as_long_as_their_successors_live(accounts: Accounts, clock: ManualClock) -> None:
    """A session that is renewed for years does not grow: its used tokens are forgotten after a lifetime."""
    token = (await sign_up(accounts, ADA, HERE)).refresh_token
    for _ in range(12):
        await clock.advance(10 * DAY)
        token = (await refresh(accounts, {"refresh_token": token})).refresh_token
    await maintain(accounts)
    assert len(await rows(accounts, "_refresh_tokens")) == 4
    await refresh(accounts, {"refresh_token": token})


async def test_retired_keys_are_forgotten(accounts: Accounts, clock: ManualClock) -> None:
    """A retired signing key goes when the tokens that it signed have expired."""
    await clock.advance(1)
    await accounts.keys.rotate()
    await clock.advance(DAY)
    await maintain(accounts)
    assert len(accounts.keys.jwks()["keys"]) == 1
    assert len(await rows(accounts, "_keys")) == 2
