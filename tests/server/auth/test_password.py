"""Change your own password."""

from __future__ import annotations

import asyncio

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.kit.blank_text import is_blank
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.login import log_in
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.password import change_password
from hinterland.server.auth.refresh import refresh
from hinterland.server.auth.signup import sign_up
from tests.server.auth.process import ADA, CREDENTIALS, HERE, refusal, rows

OLD, NEW = CREDENTIALS["password"], "another horse entirely"
CHANGE = {"password": OLD, "new_password": NEW}


async def signed_in(accounts: Accounts) -> tuple[str, Principal]:
    """The access token of a new user, and the caller that it is."""
    session = await sign_up(accounts, ADA, HERE)
    return session.token, await accounts.tokens.verify(session.token.encode())


async def test_the_new_password_logs_in(accounts: Accounts) -> None:
    """After a change the new password logs in and the old one does not."""
    _, caller = await signed_in(accounts)
    await change_password(accounts, caller, CHANGE)
    await log_in(accounts, CREDENTIALS | {"password": NEW}, HERE)
    assert (await refusal(log_in(accounts, CREDENTIALS, HERE))).code == "invalid_credentials"


async def test_every_other_session_ends(accounts: Accounts) -> None:
    """A change ends all other sessions at once, with their access and refresh tokens; the one that asked goes on."""
    session = await sign_up(accounts, ADA, HERE)
    other = await log_in(accounts, CREDENTIALS, HERE)
    caller, _ = [await accounts.tokens.verify(each.token.encode()) for each in (session, other)]
    await change_password(accounts, caller, CHANGE)
    assert (await refusal(accounts.tokens.verify(other.token.encode()))).code == "unauthorized"
    assert (await refusal(refresh(accounts, {"refresh_token": other.refresh_token}))).code == "invalid_grant"
    assert await accounts.tokens.verify(session.token.encode()) == caller
    await refresh(accounts, {"refresh_token": session.refresh_token})


async def test_a_wrong_password_changes_nothing(accounts: Accounts, clock: ManualClock) -> None:
    """A wrong current password → 400 at its field, never 401, and guesses are limited; nothing is changed."""
    _, caller = await signed_in(accounts)
    before = await rows(accounts, "_accounts")
    for _ in range(10):
        refused = await refusal(change_password(accounts, caller, CHANGE | {"password": "wrong horse"}))
        assert (refused.code, refused.status, refused.errors) == ("validation", 400, {"password": ["is wrong"]})
    limited = await refusal(change_password(accounts, caller, CHANGE))
    assert (limited.code, limited.status) == ("rate_limited", 429)
    assert await rows(accounts, "_accounts") == before
    await clock.advance(limited.retry_after or 0)
    await change_password(accounts, caller, CHANGE)


@pytest.mark.parametrize(
    "new",
    ["short", "password1", " " * 12, "\u200b" * 12, "x" * 2_000],
    ids=["short", "common", "blank", "invisible", "long"],
)
async def test_the_policy(lite: Accounts, new: str) -> None:
    """A new password that can't be used → 422, with the reason at its field; the old one stays."""
    _, caller = await signed_in(lite)
    refused = await refusal(change_password(lite, caller, CHANGE | {"new_password": new}))
    if not is_blank(new):
        assert (refused.code, refused.status) == ("password_policy", 422)
    else:
        assert (refused.code, [*refused.errors]) == ("validation", ["new_password"])
    assert set(refused.errors) <= {"new_password"}
    await log_in(lite, CREDENTIALS, HERE)


@pytest.mark.parametrize("name", ["password", "new_password"])
@pytest.mark.parametrize("value", [None, "", 7], ids=repr)
async def test_both_fields_are_needed(lite: Accounts, name: str, value: object) -> None:
    """A missing, null, empty or mistyped field → 400 with errors by field."""
    _, caller = await signed_in(lite)
    refused = await refusal(change_password(lite, caller, CHANGE | {name: value}))
    assert (refused.code, [*refused.errors]) == ("validation", [name])


async def test_who_is_signed_out_changes_nothing(lite: Accounts) -> None:
    """Without a session → 401, and so for a session whose account is gone meanwhile: its password is wrong."""
    assert (await refusal(change_password(lite, SIGNED_OUT, CHANGE))).code == "unauthorized"
    gone = Principal("nobody", (), "s")
    assert (await refusal(change_password(lite, gone, CHANGE))).code == "validation"


async def test_changes_at_once(nodes: list[Accounts]) -> None:
    """Of two changes in two processes that both know the old password one is made, and the other is refused."""
    _, caller = await signed_in(nodes[0])
    changes = [change_password(node, caller, CHANGE | {"new_password": f"{NEW} {n}"}) for n, node in enumerate(nodes)]
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [Refusal, Refusal]
    won = results.index(None)
    await log_in(nodes[0], CREDENTIALS | {"password": f"{NEW} {won}"}, HERE)
