"""Who is behind a session, as the storage knows it."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.identity import Principal
from hinterland.contract.records import Collection
from hinterland.kit.clock import ManualClock
from hinterland.server.security import refresh
from hinterland.server.security.sessions import Sessions, label_of, new_session
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.system import Put

ADMIN: dict[str, Any] = {"id": "admin/1", "roles": '["ops"]', "is_admin": True, "is_disabled": False, "created": 0.0}


@pytest.fixture
def sessions(storage: Storage, people: Collection, clock: ManualClock) -> Sessions:
    return Sessions(storage, people, clock)


async def begin(storage: Storage, account: dict[str, Any], now: float) -> None:
    async with storage.transaction() as transaction:
        session = new_session("s", account["id"], now, 100.0, amr=("pwd", "otp", "mfa"))
        await transaction.act([Put("_accounts", account), *refresh.opened(session, "token")])


async def test_a_session_is_its_accounts(storage: Storage, sessions: Sessions, clock: ManualClock) -> None:
    """A live session is its account's, with the roles that the account has now, and says how its owner signed in."""
    await begin(storage, ADMIN, clock.now())
    assert await sessions.find("s") == Principal(
        "admin/1", ("ops",), "s", is_admin=True, client="app", acr="aal2", amr=("pwd", "otp", "mfa"),
        auth_time=int(clock.now()),
    )  # fmt: skip
    assert await sessions.find("another") is None


async def test_a_session_ends_with_its_time(storage: Storage, sessions: Sessions, clock: ManualClock) -> None:
    """A session that expired is nobody's."""
    await begin(storage, ADMIN, clock.now())
    await clock.advance(99.5)
    assert await sessions.find("s") is not None
    await clock.advance(0.5)
    assert await sessions.find("s") is None


@pytest.mark.parametrize(
    "change", [{"is_disabled": True}, {"id": "42", "is_admin": False}], ids=["disabled", "deleted"]
)
async def test_an_account_that_may_not_sign_in_has_no_session(
    storage: Storage, sessions: Sessions, clock: ManualClock, change: dict[str, Any]
) -> None:
    """A session of a disabled account, or of one whose user was deleted, is nobody's."""
    await begin(storage, ADMIN | change, clock.now())
    assert await sessions.find("s") is None


async def test_a_session_without_an_account_is_nobodys(
    storage: Storage, sessions: Sessions, clock: ManualClock
) -> None:
    """A session whose account is gone is nobody's."""
    async with storage.transaction() as transaction:
        await transaction.act(refresh.opened(new_session("s", "42", clock.now(), 100.0), "token"))
    assert await sessions.find("s") is None


async def test_an_ended_session_is_nobodys(storage: Storage, sessions: Sessions, clock: ManualClock) -> None:
    """A session that was ended is nobody's."""
    await begin(storage, ADMIN, clock.now())
    async with storage.transaction() as transaction:
        row = await transaction.row("_sessions", {"id": "s"})
        assert row is not None
        await transaction.act(refresh.ended(row, clock.now()))
    assert await sessions.find("s") is None


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        ("Shop/1.2 (Linux)", "Shop/1.2 (Linux)"),
        (" \x1b[31mred\x00\r\n\u202e ", "[31mred"),
        ("x" * 10_000, "x" * 200),
        ("", ""),
    ],
)
def test_labels_are_safe(user_agent: str, label: str) -> None:
    """What a client calls itself is kept as short text that a terminal and a page can show: no control characters."""
    assert label_of(user_agent) == label
